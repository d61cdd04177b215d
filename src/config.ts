/**
 * User options → validated, frozen Config. One table says for each setting its name, default, range and meaning; the command
 * line (`--kebab-case` of the name) and the documentation read the same table.
 *
 *   openCluster(options) ─▶ validateOptions ─▶ Config (all values present) ─▶ engine
 */
import { randomBytes } from 'node:crypto';
import { SynodError } from './base/errors.ts';
import {
  BATCH_BYTES_TARGET,
  ELECTION_JITTER_TICKS,
  ELECTION_TIMEOUT_TICKS,
  GROUPS_MAX,
  HEARTBEAT_TICKS,
  LOG_SEGMENT_BYTES,
  MEMBERS_MAX,
  PAYLOAD_BYTES_DEFAULT,
  PAYLOAD_BYTES_MAX,
  REPLY_BYTES_MAX,
  REQUEST_RING_BYTES,
  RING_BYTES_MIN,
  TICK_MS,
  WINDOW_SLOTS_MAX,
} from './limits.ts';

export type Durability = 'auto' | 'direct' | 'buffered' | 'fs' | 'memory';
export type NativeUse = 'auto' | 'required' | 'off';

/** The part of pino's interface that is used; silent when absent. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** All settings, present and valid. */
export interface Config {
  directory: string | undefined;
  replicas: number;
  shards: number;
  workers: number | 'per-group';
  machine: string;
  durability: Durability;
  payloadBytesMax: number;
  laneBytes: number;
  completionBytes: number;
  batchBytes: number;
  windowSlots: number;
  tickMs: number;
  heartbeatTicks: number;
  electionTimeoutTicks: number;
  electionJitterTicks: number;
  memoryLogBytes: number;
  snapshotLogBytes: number;
  timeoutMs: number;
  waitersMax: number;
  startTimeoutMs: number;
  closeTimeoutMs: number;
  native: NativeUse;
  lostReplicas: 'refuse' | 'rejoin';
  seed: number;
  logger: Logger | undefined;
}

/** What `openCluster` takes: any subset; `machine` may be a URL. */
export type ClusterOptions = {
  [Name in keyof Config]?: (Name extends 'machine' ? string | URL : Config[Name]) | undefined;
};

export interface Setting {
  name: keyof Config;
  default: string | number | undefined;
  /** The range in words. */
  allowed: string;
  doc: string;
  accepts(value: unknown): boolean;
}

const LANE_BYTES_MAX = 1 << 28;
const BATCH_BYTES_MIN = 4096;
const BATCH_BYTES_MAX = 1 << 19;
const WORKERS_MAX = 64;
const TIMEOUT_MS_DEFAULT = 30_000;
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
const WAITERS_DEFAULT = 1_000_000;
const WAITERS_MAX = 100_000_000;
const START_TIMEOUT_MS_DEFAULT = 60_000;
const CLOSE_TIMEOUT_MS_DEFAULT = 5000;
const TICKS_MAX = 10_000;
const TICK_MS_MAX = 1000;
const SEED_MAX = 2 ** 32 - 1;
const SNAPSHOT_LOG_BYTES_DEFAULT = 1 << 28;
const MEMORY_LOG_BYTES_DEFAULT = 1 << 30;
const MEMORY_LOG_BYTES_MAX = 2 ** 40;
/** A largest reply must fit half a completion ring. */
const COMPLETION_BYTES_MIN = 4 * REPLY_BYTES_MAX;
const PAYLOAD_BYTES_MIN = 64;
/** As in memory/descriptor, which lies above this storey. */
const COMMAND_HEADER_BYTES = 16;

type Range = Pick<Setting, 'allowed' | 'accepts'>;

export const SETTINGS: readonly Setting[] = [
  setting(
    'directory',
    undefined,
    text('a path; not needed with durability memory'),
    'where the replicas keep their logs',
  ),
  setting('replicas', 3, odd(1, MEMBERS_MAX), 'members of every group; a majority must live'),
  setting('shards', 4, integer(1, GROUPS_MAX), 'independent groups that the keys are spread over'),
  setting('workers', 1, workers(), 'threads per replica; each has a log of its own'),
  setting('machine', 'kv', text("'kv', 'counter', 'audit', or the path or URL of a module"), 'the state machine'),
  setting(
    'durability',
    'auto',
    oneOf('auto', 'direct', 'buffered', 'fs', 'memory'),
    'log device; auto probes the path',
  ),
  setting('payloadBytesMax', PAYLOAD_BYTES_DEFAULT, integer(PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MAX), 'longest command'),
  setting('laneBytes', REQUEST_RING_BYTES, powerOfTwo(RING_BYTES_MIN, LANE_BYTES_MAX), 'request ring of a lane'),
  setting(
    'completionBytes',
    COMPLETION_BYTES_MIN,
    powerOfTwo(COMPLETION_BYTES_MIN, LANE_BYTES_MAX),
    'its completion rings',
  ),
  setting('batchBytes', BATCH_BYTES_TARGET, integer(BATCH_BYTES_MIN, BATCH_BYTES_MAX), 'a batch closes at this size'),
  setting('windowSlots', WINDOW_SLOTS_MAX, integer(1, WINDOW_SLOTS_MAX), 'batches of a group in flight'),
  setting('tickMs', TICK_MS, integer(1, TICK_MS_MAX), 'length of a tick'),
  setting('heartbeatTicks', HEARTBEAT_TICKS, integer(1, TICKS_MAX), 'ticks between heartbeats'),
  setting('electionTimeoutTicks', ELECTION_TIMEOUT_TICKS, integer(4, TICKS_MAX), 'silence until an election'),
  setting('electionJitterTicks', ELECTION_JITTER_TICKS, integer(1, TICKS_MAX), 'random part added to it'),
  setting(
    'memoryLogBytes',
    MEMORY_LOG_BYTES_DEFAULT,
    segments(2, MEMORY_LOG_BYTES_MAX),
    'volatile log of a worker, in all',
  ),
  setting(
    'snapshotLogBytes',
    SNAPSHOT_LOG_BYTES_DEFAULT,
    integer(0, MEMORY_LOG_BYTES_MAX),
    'log bytes of a worker after which its groups take a snapshot and older log is given back; 0 = never by itself',
  ),
  setting(
    'timeoutMs',
    TIMEOUT_MS_DEFAULT,
    integer(0, TIMEOUT_MS_MAX),
    'default deadline of propose and read; 0 = none',
  ),
  setting('waitersMax', WAITERS_DEFAULT, integer(0, WAITERS_MAX), 'calls per group that wait for room'),
  setting('startTimeoutMs', START_TIMEOUT_MS_DEFAULT, integer(100, TIMEOUT_MS_MAX), 'silence of a starting worker'),
  setting(
    'closeTimeoutMs',
    CLOSE_TIMEOUT_MS_DEFAULT,
    integer(0, TIMEOUT_MS_MAX),
    'how long close waits for commands in flight',
  ),
  setting('native', 'auto', oneOf('auto', 'required', 'off'), 'use of the native addon'),
  setting(
    'lostReplicas',
    'refuse',
    oneOf('refuse', 'rejoin'),
    'a replica whose directory is missing or an old copy: refuse to start, or let it come back without votes',
  ),
  setting('seed', undefined, integer(0, SEED_MAX), 'seed of everything random; drawn when absent'),
  setting('logger', undefined, loggerLike(), 'gets diagnostics; silent when absent'),
];

/** Checks the options and fills in the defaults. Throws ERR_SYNOD_CONFIG with path, value and allowed range. */
export function validateOptions(options: ClusterOptions = {}): Readonly<Config> {
  if (options === null || typeof options !== 'object') fail('options', options, 'an object');
  const given = options as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    if (!SETTINGS.some((entry) => entry.name === name)) failUnknown(name);
  }
  const config: Record<string, unknown> = {};
  for (const { name, default: preset, allowed, accepts } of SETTINGS) {
    const value = given[name] instanceof URL ? given[name].href : given[name];
    if (value !== undefined && !accepts(value)) fail(name, value, allowed);
    config[name] = value ?? preset;
  }
  config['seed'] ??= randomBytes(4).readUInt32LE();
  const complete = config as unknown as Config;
  if (given['laneBytes'] === undefined)
    complete.laneBytes = Math.max(complete.laneBytes, laneBytesFor(complete.payloadBytesMax));
  checkRelations(complete);
  return Object.freeze(complete);
}

function checkRelations(config: Config): void {
  if (config.directory === undefined && config.durability !== 'memory') {
    fail('directory', undefined, "a path, or durability 'memory' for a cluster that forgets everything at exit");
  }
  if (config.heartbeatTicks * 4 >= config.electionTimeoutTicks) {
    fail(
      'electionTimeoutTicks',
      config.electionTimeoutTicks,
      `more than 4 times heartbeatTicks (${config.heartbeatTicks})`,
    );
  }
  const laneBytes = laneBytesFor(config.payloadBytesMax);
  if (config.laneBytes < laneBytes) {
    fail('laneBytes', config.laneBytes, `at least ${laneBytes} with payloadBytesMax ${config.payloadBytesMax}`);
  }
}

/** A record, header included, is at most half its lane. */
function laneBytesFor(payloadBytesMax: number): number {
  return 2 ** Math.ceil(Math.log2(2 * (payloadBytesMax + COMMAND_HEADER_BYTES)));
}

function fail(path: string, value: unknown, allowed: string): never {
  throw new SynodError('ERR_SYNOD_CONFIG', `${path}: ${show(value)} is not allowed; allowed is ${allowed}`);
}

function failUnknown(name: string): never {
  const near = SETTINGS.find((entry) => entry.name.toLowerCase() === name.toLowerCase());
  const hint =
    near === undefined ? `known are ${SETTINGS.map((entry) => entry.name).join(', ')}` : `write it ${near.name}`;
  throw new SynodError('ERR_SYNOD_CONFIG', `${name}: unknown option; ${hint}`);
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  return typeof value === 'object' || typeof value === 'function'
    ? Object.prototype.toString.call(value)
    : (JSON.stringify(value) ?? String(value));
}

function setting(name: keyof Config, preset: string | number | undefined, range: Range, doc: string): Setting {
  return { name, default: preset, doc, ...range };
}

function integer(min: number, max: number): Range {
  return { allowed: `a whole number, ${min} to ${max}`, accepts: (value) => isInteger(value, min, max) };
}

function odd(min: number, max: number): Range {
  return {
    allowed: `an odd number, ${min} to ${max}`,
    accepts: (value) => isInteger(value, min, max) && (value as number) % 2 === 1,
  };
}

function powerOfTwo(min: number, max: number): Range {
  return {
    allowed: `a power of two, ${min} to ${max}`,
    accepts: (value) => isInteger(value, min, max) && Number.isInteger(Math.log2(value as number)),
  };
}

function segments(min: number, max: number): Range {
  return {
    allowed: `a multiple of ${LOG_SEGMENT_BYTES}, ${min * LOG_SEGMENT_BYTES} to ${max}`,
    accepts: (value) => isInteger(value, min * LOG_SEGMENT_BYTES, max) && (value as number) % LOG_SEGMENT_BYTES === 0,
  };
}

function workers(): Range {
  return {
    allowed: `a whole number, 1 to ${WORKERS_MAX}, or 'per-group'`,
    accepts: (value) => value === 'per-group' || isInteger(value, 1, WORKERS_MAX),
  };
}

function oneOf(...choices: string[]): Range {
  return { allowed: choices.join(', '), accepts: (value) => choices.includes(value as string) };
}

function text(allowed: string): Range {
  return { allowed, accepts: (value) => typeof value === 'string' && value !== '' };
}

function loggerLike(): Range {
  const methods = ['debug', 'info', 'warn', 'error'];
  return {
    allowed: 'an object with debug, info, warn and error',
    accepts: (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function'),
  };
}

function isInteger(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}
