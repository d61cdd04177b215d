/**
 * `synod get | put | delete | increment`: the ready-made key-value machine of a running node.
 */
import { SynodError } from '../base/errors.ts';
import { KV_TTL_MS_MAX, type KvReply, kv } from '../machines/kv-commands.ts';
import { jsonBytes, readBytes, textOf } from './bytes-input.ts';
import { CLIENT_FLAGS, type CommandHelp, clientOf, commandHelp } from './client-flags.ts';
import { EXIT_FAILED, EXIT_NO, EXIT_OK, EXIT_RETRY, EXIT_UNKNOWN, EXIT_USAGE } from './exit-codes.ts';
import { type Call, FlagError, type FlagSetting, integerIn, oneOf, parseCall } from './flags.ts';

export const CONSISTENCY_FLAG: FlagSetting = {
  name: 'consistency',
  default: 'linearizable',
  ...oneOf(['linearizable', 'lease', 'session', 'stale']),
  doc: 'what the answer must reflect',
};
const HEX_FLAG: FlagSetting = { name: 'hex', default: false, allowed: '', doc: 'the value is hexadecimal' };
const RAW_FLAG: FlagSetting = { name: 'raw', default: false, allowed: '', doc: 'the bytes alone, without a line end' };

const READ_EXITS = [EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_RETRY, EXIT_NO];
const WRITE_EXITS = [EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_RETRY, EXIT_UNKNOWN, EXIT_NO];

const GET: CommandHelp = {
  usage: 'synod get <key> [flags]',
  summary: 'Prints the value of a key.',
  flags: [CONSISTENCY_FLAG, RAW_FLAG, ...CLIENT_FLAGS],
  exits: READ_EXITS,
};
const PUT: CommandHelp = {
  usage: 'synod put <key> [value] [flags]',
  summary: 'Sets a key; without a value, or with -, to what the standard input says.',
  flags: [
    HEX_FLAG,
    { name: 'ttl', default: 0, ...integerIn(0, KV_TTL_MS_MAX), doc: 'milliseconds until it is removed; 0 = never' },
    {
      name: 'ifRevision',
      default: undefined,
      ...integerIn(0, Number.MAX_SAFE_INTEGER),
      doc: 'only if this is its revision; 0 = only if it does not exist',
    },
    ...CLIENT_FLAGS,
  ],
  exits: WRITE_EXITS,
};
const DELETE: CommandHelp = {
  usage: 'synod delete <key> [flags]',
  summary: 'Removes a key.',
  flags: CLIENT_FLAGS,
  exits: WRITE_EXITS,
};
const INCREMENT: CommandHelp = {
  usage: 'synod increment <key> [delta] [flags]',
  summary:
    'Adds to the number under a key, 1 where no delta is given, and prints the sum. Not safe to repeat after exit code 4.',
  details: ['A negative delta stands behind --, as in: synod increment key -- -5'],
  flags: CLIENT_FLAGS,
  exits: WRITE_EXITS,
};

export async function runGet(args: readonly string[]): Promise<number> {
  const call = parseCall(GET.flags, args, ['key']);
  if (call.values['help'] === true) return help(GET);
  const key = keyOf(call);
  const consistency = call.values['consistency'] as string;
  const client = clientOf(call.values);
  const bytes = await client.query('/read', { key, consistency, timeout: client.timeoutMs }, kv.get(key));
  const reply = decode(bytes);
  const value = reply.status === 'ok' ? (reply.value ?? new Uint8Array(0)) : undefined;
  if (call.values['json'] === true) {
    const shown = value === undefined ? null : jsonBytes(value);
    console.log(JSON.stringify({ key, found: value !== undefined, revision: reply.revision, value: shown }));
  } else if (value !== undefined) {
    process.stdout.write(value);
    if (call.values['raw'] !== true) process.stdout.write('\n');
  } else {
    console.error(`synod: ${key}: no such key`);
  }
  return value === undefined ? EXIT_NO : EXIT_OK;
}

export async function runPut(args: readonly string[]): Promise<number> {
  const call = parseCall(PUT.flags, args, ['key', 'value?']);
  if (call.values['help'] === true) return help(PUT);
  const { ttl, ifRevision } = call.values as { ttl: number; ifRevision?: number };
  if (ifRevision !== undefined && ttl > 0) throw new FlagError('--ttl', 'goes without --if-revision only');
  const key = keyOf(call);
  const value = await readBytes(call.words[1], call.values['hex'] === true);
  const command = ifRevision === undefined ? kv.put(key, value, ttl) : kv.compareAndSwap(key, ifRevision, value);
  return await change(call, key, command);
}

export async function runDelete(args: readonly string[]): Promise<number> {
  const call = parseCall(DELETE.flags, args, ['key']);
  if (call.values['help'] === true) return help(DELETE);
  const key = keyOf(call);
  return await change(call, key, kv.delete(key));
}

export async function runIncrement(args: readonly string[]): Promise<number> {
  const call = parseCall(INCREMENT.flags, args, ['key', 'delta?']);
  if (call.values['help'] === true) return help(INCREMENT);
  const delta = call.words[1] ?? '1';
  if (!/^-?\d{1,15}$/.test(delta)) throw new FlagError('<delta>', `'${delta.slice(0, 100)}' is no whole number`);
  const key = keyOf(call);
  return await change(call, key, kv.increment(key, Number(delta)));
}

/** Proposes a command of the kv machine and tells what became of it. */
async function change(call: Call, key: string, command: Uint8Array): Promise<number> {
  const client = clientOf(call.values);
  const reply = decode(await client.post('/propose', { key, timeout: client.timeoutMs }, command));
  const { status } = reply;
  if (call.values['json'] === true) {
    const { revision, number } = reply;
    console.log(JSON.stringify({ key, status, revision, number: number ?? null }));
  } else if (status === 'ok') {
    console.log(reply.number === undefined ? `revision ${reply.revision}` : String(reply.number));
  } else {
    console.error(`synod: ${key}: ${REFUSALS[status]} (revision ${reply.revision})`);
  }
  return status === 'ok' ? EXIT_OK : EXIT_NO;
}

const REFUSALS: Readonly<Record<Exclude<KvReply['status'], 'ok'>, string>> = {
  notFound: 'no such key',
  conflict: 'has another revision',
  notANumber: 'is no number, or the sum would be none',
  malformed: 'the machine did not understand the command',
};

/** A reply of another machine than kv is not one of ours. */
function decode(bytes: Uint8Array): KvReply {
  try {
    return kv.decodeReply(bytes);
  } catch {
    const shown = textOf(bytes.subarray(0, 40)) ?? Buffer.from(bytes.subarray(0, 20)).toString('hex');
    throw new SynodError(
      'ERR_SYNOD_CONFIG',
      `The node's machine is not kv: it answered '${shown}'. Use synod propose and read.`,
    );
  }
}

function keyOf({ words }: Call): string {
  return words[0] as string;
}

function help(of: CommandHelp): number {
  console.log(commandHelp(of));
  return EXIT_OK;
}
