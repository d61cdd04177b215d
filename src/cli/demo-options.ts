/**
 * What `synod demo` can be told: one table for flags, help and README, and the checks that concern several of them.
 */
import { GROUPS_MAX, MEMBERS_MAX, PAYLOAD_BYTES_MAX, SESSION_INFLIGHT_MAX } from '../limits.ts';
import {
  anyText,
  describeFlags,
  FlagError,
  type FlagSetting,
  integerIn,
  numberIn,
  oddIn,
  oneOf,
  parseFlags,
} from './flags.ts';

export interface DemoOptions {
  replicas: number;
  shards: number;
  /** Workers per replica. */
  workers: number | 'per-group';
  /** Bytes of every command's payload. */
  payload: number;
  keys: number;
  seconds: number;
  /** Commands in flight over all lanes. */
  inFlight: number;
  durability: 'auto' | 'dax' | 'direct' | 'buffered' | 'fs' | 'memory';
  /** Undefined = the demo's own folder, removed at exit. */
  directory: string | undefined;
  seed: number;
  json: boolean;
  help: boolean;
}

/** Audit header, kv header, key, expected revision and a value of eight bytes. */
export const PAYLOAD_BYTES_MIN = 64;
/** Keys of one shard at least: one that is put and swapped, one that counts. */
export const KEYS_PER_SHARD_MIN = 4;

const SHARDS_MAX = Math.min(GROUPS_MAX, 64);
const KEYS_DEFAULT = 100_000;
const KEYS_MAX = 10_000_000;
const IN_FLIGHT_DEFAULT = 16_384;
const SEED_MAX = 2 ** 32 - 1;
const IN_FLIGHT_MAX = SHARDS_MAX * SESSION_INFLIGHT_MAX;

export const DEMO_SETTINGS: readonly FlagSetting[] = [
  { name: 'replicas', default: 3, ...oddIn(1, MEMBERS_MAX), doc: 'replicas in this process' },
  { name: 'shards', default: 4, ...integerIn(1, SHARDS_MAX), doc: 'independent Paxos groups' },
  { name: 'workers', default: 1, ...workersSetting(), doc: 'worker threads per replica' },
  { name: 'payload', default: 64, ...integerIn(PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MAX), doc: 'bytes per command' },
  { name: 'keys', default: KEYS_DEFAULT, ...integerIn(KEYS_PER_SHARD_MIN, KEYS_MAX), doc: 'different keys' },
  { name: 'seconds', default: 10, ...numberIn(1, 3600), doc: 'length of the load' },
  {
    name: 'inFlight',
    default: IN_FLIGHT_DEFAULT,
    ...integerIn(1, IN_FLIGHT_MAX),
    doc: 'commands in flight over all lanes',
  },
  {
    name: 'durability',
    default: 'auto',
    ...oneOf(['auto', 'dax', 'direct', 'buffered', 'fs', 'memory']),
    doc: 'log device',
  },
  {
    name: 'directory',
    default: undefined,
    ...anyText('a path'),
    doc: 'where the logs are kept; without it ./.synod-demo is used and removed at exit',
  },
  { name: 'seed', default: 1, ...integerIn(0, SEED_MAX), doc: 'seed of keys and commands' },
  { name: 'json', default: false, allowed: '', doc: 'print one line of JSON and nothing else' },
  { name: 'help', default: false, allowed: '', doc: 'this text' },
];

/** Throws FlagError. */
export function parseDemoOptions(args: readonly string[]): DemoOptions {
  const options = parseFlags(DEMO_SETTINGS, args) as unknown as DemoOptions;
  const { keys, shards, inFlight, workers } = options;
  if (keys < shards * KEYS_PER_SHARD_MIN) {
    throw new FlagError(
      '--keys',
      `'${keys}' is out of range; allowed is ${shards * KEYS_PER_SHARD_MIN} to ${KEYS_MAX} with ${shards} shards`,
    );
  }
  if (inFlight < shards || inFlight > shards * SESSION_INFLIGHT_MAX) {
    const range = `${shards} to ${shards * SESSION_INFLIGHT_MAX} with ${shards} shards`;
    throw new FlagError('--in-flight', `'${inFlight}' is out of range; allowed is ${range}`);
  }
  if (typeof workers === 'number' && workers > shards) {
    throw new FlagError('--workers', `'${workers}' is out of range; allowed is 1 to ${shards} with ${shards} shards`);
  }
  return options;
}

export function demoHelp(): string {
  return [
    'synod demo: runs a replicated, sharded, durable cluster under load, kills the worker of a leader,',
    'reopens everything from disk and verifies that every command was applied exactly once.',
    '',
    describeFlags(DEMO_SETTINGS),
    '',
    'Exit codes: 0 verified, 1 a violation or a failure, 2 bad flags or not enough space, 130 interrupted.',
  ].join('\n');
}

function workersSetting(): Pick<FlagSetting, 'allowed' | 'parse'> {
  const count = integerIn(1, SHARDS_MAX);
  return {
    allowed: `${count.allowed}, or per-group`,
    parse: (text) => (text === 'per-group' ? text : count.parse?.(text)),
  };
}
