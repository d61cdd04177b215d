/**
 * The core alone: three pure replicas in one thread, one slot per batch of 100 commands. Figures count all three replicas
 * and the harness that carries messages between them; values are numbers, their bytes stay outside the core.
 *
 * The same case runs twice more in child processes, with contracts on and with assertions that do not look: the price of both.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CONTRACTS } from '../src/base/assert.ts';
import { COMMAND_HEADER_BYTES } from '../src/memory/descriptor.ts';
import { CoreCluster } from './core-cluster.ts';
import { type BenchCase, type Context, type Subject, windowed } from './harness.ts';
import type { Figures, Row } from './row.ts';

const COMMANDS_PER_SLOT = 100;
const WINDOW_SLOTS = 50_000;
/** At 600,000 slots/s a tick of 10 ms passes every so many slots. */
const SLOTS_PER_TICK = 5000;
const WINDOW_SLOTS_MAX = 256;
/** Set in the child whose assertions do not look. */
const NO_ASSERTS = 'SYNOD_BENCH_NO_ASSERTS';

export function paxosCases(): BenchCase[] {
  const cases = [
    windowed('paxos', 'pipeline-64', (context) => core(context, 64)),
    windowed('paxos', 'pipeline-1', (context) => core(context, 1)),
  ];
  if (CONTRACTS || process.env[NO_ASSERTS] === '1') return cases;
  return [
    ...cases,
    { suite: 'paxos', name: 'pipeline-64-contracts', run: (context) => inChild(context, [], { SYNOD_CONTRACTS: '1' }) },
    {
      suite: 'paxos',
      name: 'pipeline-64-no-asserts',
      run: (context) => inChild(context, ['--import', withoutAsserts()], { [NO_ASSERTS]: '1' }),
    },
  ];
}

/** Keeps `pipeline` slots in flight, and lets ticks pass as real time would bring them. */
function core({ settings }: Context, pipeline: number): Subject {
  const cluster = new CoreCluster(settings.replicas, settings.seed, WINDOW_SLOTS_MAX);
  cluster.elect();
  const valueBytes = COMMANDS_PER_SLOT * (COMMAND_HEADER_BYTES + settings.payload);
  return {
    operation: 'commands',
    window() {
      for (let slots = 0; slots < WINDOW_SLOTS; ) {
        const before = slots;
        slots += cluster.propose(Math.min(pipeline, WINDOW_SLOTS - slots), valueBytes);
        if (Math.floor(slots / SLOTS_PER_TICK) > Math.floor(before / SLOTS_PER_TICK)) cluster.tick();
        cluster.settle();
      }
      return WINDOW_SLOTS * COMMANDS_PER_SLOT;
    },
    hash: () => Math.imul(cluster.messages, 31) + cluster.replicas[settings.replicas - 1].commitWatermark,
    figures: (commands, seconds) => ({
      replicas: settings.replicas,
      payloadBytes: settings.payload,
      commandsPerSlot: COMMANDS_PER_SLOT,
      slotsPerSecond: commands / COMMANDS_PER_SLOT / seconds,
      nsPerSlot: (seconds * 1e9 * COMMANDS_PER_SLOT) / commands,
      contracts: CONTRACTS,
    }),
  };
}

/** A module to import first: `assert` of base/assert loads without its look at the condition. */
function withoutAsserts(): string {
  const hook = `export async function load(url, context, next) {
    const module = await next(url, context);
    if (!url.endsWith('/base/assert.js')) return module;
    return { ...module, source: Buffer.from(module.source).toString().replace('if (!condition)', 'if (false)') };
  }`;
  const url = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`;
  return url(`import { register } from 'node:module'; register(${JSON.stringify(url(hook))});`);
}

async function inChild({ settings }: Context, flags: string[], change: Record<string, string>): Promise<Figures> {
  const main = fileURLToPath(new URL(import.meta.url)).replace(/paxos\.bench(\.[jt]s)$/, 'main$1');
  const args = ['paxos', '--only', 'pipeline-64', '--json', '--replicas', `${settings.replicas}`];
  args.push('--seconds', `${settings.seconds}`, '--payload', `${settings.payload}`, '--seed', `${settings.seed}`);
  const env = { ...process.env, ...change };
  const text = execFileSync(process.execPath, [...flags, main, ...args], { encoding: 'utf8', env });
  const { name, ok, suite, case: _case, ...figures } = JSON.parse(text) as Row;
  if (!ok || name !== 'bench' || suite !== 'paxos') throw new Error(`the run in a child failed: ${text}`);
  return { ...figures, asserts: change[NO_ASSERTS] !== '1' };
}
