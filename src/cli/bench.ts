/**
 * `synod bench`: puts and gets of the kv machine against running nodes, over their client endpoints. It measures what an HTTP client
 * gets; what the engine does without HTTP is told by `npm run bench`.
 */

import { SynodError } from '../base/errors.ts';
import { Histogram } from '../base/histogram.ts';
import { Prng } from '../base/prng.ts';
import { kv } from '../machines/kv-commands.ts';
import { CLIENT_FLAGS, type CommandHelp, clientOptionsOf, commandHelp } from './client-flags.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_RETRY, EXIT_USAGE } from './exit-codes.ts';
import { type FlagSetting, integerIn, numberIn, parseCall } from './flags.ts';
import { HttpClient, type HttpClientOptions } from './http-client.ts';

const SECONDS_MAX = 3600;
/** Below what an endpoint takes in connections, so that others get in. */
const IN_FLIGHT_MAX = 128;
const VALUE_BYTES_MAX = 1 << 16;
const KEYS_MAX = 1_000_000;
const PERCENT = 100;
const MS_PER_S = 1000;
const US_PER_MS = 1000;

const OWN_FLAGS: readonly FlagSetting[] = [
  { name: 'seconds', default: 5, ...numberIn(0.1, SECONDS_MAX), doc: 'length of the load' },
  {
    name: 'inFlight',
    default: 32,
    ...integerIn(1, IN_FLIGHT_MAX),
    doc: 'requests in flight, spread over the addresses',
  },
  { name: 'value', default: 64, ...integerIn(0, VALUE_BYTES_MAX), doc: 'bytes of a value' },
  { name: 'keys', default: 1000, ...integerIn(1, KEYS_MAX), doc: 'different keys, named synod-bench-0 and so on' },
  { name: 'reads', default: 0, ...integerIn(0, 100), doc: 'gets among a hundred requests' },
  { name: 'seed', default: 1, ...integerIn(0, 2 ** 32 - 1), doc: 'seed of keys and kinds' },
];

const HELP: CommandHelp = {
  usage: 'synod bench [flags]',
  summary: 'Puts and gets over HTTP against running nodes. It leaves its keys behind: not for clusters with data.',
  flags: [...OWN_FLAGS, ...CLIENT_FLAGS],
  exits: [EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_RETRY],
};

interface BenchOptions {
  seconds: number;
  inFlight: number;
  value: number;
  keys: number;
  reads: number;
  seed: number;
}

export async function runBench(args: readonly string[]): Promise<number> {
  const { values } = parseCall(HELP.flags, args);
  if (values['help'] === true) {
    console.log(commandHelp(HELP));
    return EXIT_OK;
  }
  const options = values as unknown as BenchOptions;
  const run = new BenchRun(options, clientOptionsOf(values));
  await run.run();
  const report = run.report();
  if (values['json'] === true) console.log(JSON.stringify(report));
  else for (const [name, value] of Object.entries(report)) console.log(`${name.padEnd(20)} ${show(value)}`);
  return run.done > 0 ? EXIT_OK : EXIT_FAILED;
}

function show(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

class BenchRun {
  readonly #options: BenchOptions;
  readonly #clients: HttpClient[];
  readonly #prng: Prng;
  readonly #latency = new Histogram();
  readonly #errors: Record<string, number> = {};
  readonly #value: Uint8Array;
  #elapsedMs = 0;
  done = 0;

  constructor(options: BenchOptions, client: HttpClientOptions) {
    this.#options = options;
    this.#prng = new Prng(options.seed);
    this.#value = new Uint8Array(options.value).fill(0x76);
    const connections = Math.ceil(options.inFlight / client.urls.length);
    this.#clients = client.urls.map((url) => new HttpClient({ ...client, urls: [url], connections }));
  }

  async run(): Promise<void> {
    // Nothing is measured of a cluster that is not there: the first answer comes before the clock.
    await this.#clients[0]?.get('/readyz');
    const start = performance.now();
    const end = start + this.#options.seconds * MS_PER_S;
    const one = async (index: number): Promise<void> => {
      const client = this.#clients[index % this.#clients.length] as HttpClient;
      while (performance.now() < end) await this.#request(client);
    };
    await Promise.all(Array.from({ length: this.#options.inFlight }, (_, index) => one(index)));
    this.#elapsedMs = performance.now() - start;
    for (const client of this.#clients) client.close();
  }

  async #request(client: HttpClient): Promise<void> {
    const { keys, reads } = this.#options;
    const key = `synod-bench-${this.#prng.range(0, keys)}`;
    const isRead = this.#prng.range(0, PERCENT) < reads;
    const sent = performance.now();
    try {
      if (isRead) await client.query('/read', { key }, kv.get(key));
      else await client.post('/propose', { key }, kv.put(key, this.#value));
      this.#latency.record((performance.now() - sent) * US_PER_MS);
      this.done += 1;
    } catch (error) {
      const code = error instanceof SynodError ? error.code : 'other';
      this.#errors[code] = (this.#errors[code] ?? 0) + 1;
      // A node that refuses at once is not asked in a busy loop.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  report(): object {
    const { seconds: _seconds, ...conditions } = this.#options;
    const at = (quantile: number): number => Math.round(this.#latency.quantile(quantile));
    return {
      transport: 'http',
      nodes: this.#clients.length,
      inFlight: conditions.inFlight,
      valueBytes: conditions.value,
      readsPercent: conditions.reads,
      seconds: Number((this.#elapsedMs / MS_PER_S).toFixed(2)),
      operations: this.done,
      operationsPerSecond: Math.round((this.done / this.#elapsedMs) * MS_PER_S),
      latencyUs: { p50: at(0.5), p99: at(0.99), max: Math.round(this.#latency.max) },
      errors: this.#errors,
    };
  }
}
