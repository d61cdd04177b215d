/**
 * `synod status`: what a running node knows of itself and its cluster; also its metrics, and whether it is ready.
 */
import { SynodError } from '../base/errors.ts';
import { CLIENT_FLAGS, type CommandHelp, clientOf, commandHelp } from './client-flags.ts';
import { EXIT_FAILED, EXIT_NO, EXIT_OK, EXIT_RETRY, EXIT_USAGE } from './exit-codes.ts';
import { type FlagSetting, numberIn, parseCall } from './flags.ts';
import type { HttpClient } from './http-client.ts';
import { type ShownStatus, statusTable } from './status-table.ts';

const POLL_MS = 100;
const MS_PER_S = 1000;
const WAIT_S_MAX = 3600;

const OWN_FLAGS: readonly FlagSetting[] = [
  {
    name: 'wait',
    default: undefined,
    ...numberIn(0, WAIT_S_MAX),
    doc: 'first wait until every shard has a leader, so many seconds at most',
  },
  { name: 'ready', default: false, allowed: '', doc: 'only say whether every shard has a leader' },
  { name: 'metrics', default: false, allowed: '', doc: 'Prometheus text instead' },
];

const HELP: CommandHelp = {
  usage: 'synod status [flags]',
  summary: 'Prints what a running node knows: shards and leaders, watermarks, workers, links.',
  flags: [...OWN_FLAGS, ...CLIENT_FLAGS],
  exits: [EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_RETRY, EXIT_NO],
};

export async function runStatus(args: readonly string[]): Promise<number> {
  const { values } = parseCall(HELP.flags, args);
  if (values['help'] === true) {
    console.log(commandHelp(HELP));
    return EXIT_OK;
  }
  const client = clientOf(values);
  const isJson = values['json'] === true;
  const wait = values['wait'] as number | undefined;
  if (wait !== undefined) await waitUntilReady(client, wait * MS_PER_S);
  if (values['ready'] === true) return await tellReady(client, isJson);
  if (values['metrics'] === true) {
    process.stdout.write(await client.get('/metrics'));
    return EXIT_OK;
  }
  const text = Buffer.from(await client.get('/status')).toString();
  if (isJson) process.stdout.write(text);
  else console.log(statusTable(JSON.parse(text) as ShownStatus));
  return EXIT_OK;
}

async function tellReady(client: HttpClient, isJson: boolean): Promise<number> {
  const failure = await whyNotReady(client);
  if (failure?.code === 'ERR_SYNOD_UNREACHABLE') throw failure;
  if (isJson) console.log(JSON.stringify({ ready: failure === undefined }));
  else console.log(failure === undefined ? 'ready' : failure.message);
  return failure === undefined ? EXIT_OK : EXIT_NO;
}

/** Asks again until it is so; the last answer is the error where time is up. */
async function waitUntilReady(client: HttpClient, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const failure = await whyNotReady(client);
    if (failure === undefined) return;
    if (performance.now() > deadline) throw failure;
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
}

async function whyNotReady(client: HttpClient): Promise<SynodError | undefined> {
  try {
    await client.get('/readyz');
    return undefined;
  } catch (error) {
    if (error instanceof SynodError && error.retryable) return error;
    throw error;
  }
}
