/**
 * The command line of `npm run bench`: one table of flags, parsed by hand so that every mistake names flag, value and range.
 *
 *   npm run bench -- [suite …] [--flag value …]
 */

export const SUITES: readonly string[] = [
  ...['ring', 'paxos', 'log', 'recovery', 'transport', 'limits', 'engine', 'nodes', 'shards', 'snapshots'],
];
export const DURABILITIES: readonly string[] = ['auto', 'dax', 'direct', 'buffered', 'fs', 'memory'];

export interface Settings {
  suites: readonly string[];
  /** Only cases whose name contains it; '' = all. */
  only: string;
  seconds: number;
  json: boolean;
  smoke: boolean;
  shards: number;
  replicas: number;
  workers: number | 'per-group';
  payload: number;
  keys: number;
  inFlight: number;
  durability: string;
  /** MiB of state, of log behind its snapshot, and of the snapshot that is streamed. */
  stateMb: number;
  logMb: number;
  streamMb: number;
  /** Write size of rawLogBytesPerSecond: the engine's median flush size. */
  flushBytes: number;
  sweep: readonly number[];
  directory: string;
  seed: number;
  repeat: number;
  help: boolean;
}

/** What is wrong with the command line, in one sentence. */
export class FlagError extends Error {}

interface Flag {
  field: keyof Settings;
  range: string;
  doc: string;
  /** Undefined where the text lies outside the range. A flag without `parse` takes no value. */
  parse?: (text: string) => unknown;
}

const KIB = 1024;
const PAYLOAD_MIN = 48;
const SEED_MAX = Number.MAX_SAFE_INTEGER;
const FLUSH_BYTES_MAX = 4 * KIB * KIB;
const IN_FLIGHT_MAX = 1_000_000;
const KEYS_MAX = 10_000_000;

export const FLAGS: Readonly<Record<string, Flag>> = {
  seconds: {
    field: 'seconds',
    range: '0.01 to 3600',
    doc: 'measured time per case (default 3)',
    parse: number(0.01, 3600),
  },
  json: { field: 'json', range: 'no value', doc: 'one JSON line per case, nothing else' },
  smoke: { field: 'smoke', range: 'no value', doc: 'every case for a moment, with result hashes: does it still run?' },
  only: { field: 'only', range: 'text', doc: 'only cases whose name contains the text', parse: (text) => text },
  shards: { field: 'shards', range: '1 to 4096', doc: 'shards (default 4)', parse: integer(1, 4096) },
  replicas: { field: 'replicas', range: 'odd, 1 to 15', doc: 'replicas (default 3)', parse: odd(15) },
  workers: { field: 'workers', range: '1 to 64 or per-group', doc: 'workers per replica (default 1)', parse: workers },
  payload: {
    field: 'payload',
    range: '48 to 65536, a multiple of 8',
    doc: 'bytes per command (default 64)',
    parse: payload,
  },
  keys: { field: 'keys', range: '16 to 10000000', doc: 'keys (default 100000)', parse: integer(16, KEYS_MAX) },
  'in-flight': {
    field: 'inFlight',
    range: '1 to 1000000',
    doc: 'commands in flight over all lanes (default 16384; promise cases 10000)',
    parse: integer(1, IN_FLIGHT_MAX),
  },
  durability: {
    field: 'durability',
    range: DURABILITIES.join(', '),
    doc: 'log device of the durable cases (default auto)',
    parse: (text) => (DURABILITIES.includes(text) ? text : undefined),
  },
  'flush-bytes': {
    field: 'flushBytes',
    range: '4096 to 4194304, a multiple of 4096',
    doc: 'write size of rawLogBytesPerSecond (default 32768)',
    parse: blocks(4 * KIB, FLUSH_BYTES_MAX),
  },
  'state-mb': {
    field: 'stateMb',
    range: '1 to 4096',
    doc: 'MiB of state of the snapshots suite (default 1024)',
    parse: integer(1, 4 * KIB),
  },
  'log-mb': {
    field: 'logMb',
    range: '1 to 4096',
    doc: 'MiB of log behind the snapshot that a start goes on from (default 100)',
    parse: integer(1, 4 * KIB),
  },
  'stream-mb': {
    field: 'streamMb',
    range: '1 to 65536',
    doc: 'MiB of the snapshot that is streamed (default 4096)',
    parse: integer(1, 64 * KIB),
  },
  sweep: {
    field: 'sweep',
    range: 'numbers 1 to 4096, as 1,2,4,8',
    doc: 'shard counts of the shards suite',
    parse: sweep,
  },
  directory: { field: 'directory', range: 'a path', doc: 'where logs are written (default .synod-bench)', parse: path },
  seed: {
    field: 'seed',
    range: `0 to ${SEED_MAX}`,
    doc: 'seed of keys and commands (default 1)',
    parse: integer(0, SEED_MAX),
  },
  repeat: {
    field: 'repeat',
    range: '1 to 99',
    doc: 'runs, each in a process of its own; medians',
    parse: integer(1, 99),
  },
  help: { field: 'help', range: 'no value', doc: 'this text' },
};

export const DEFAULTS: Settings = {
  suites: SUITES,
  only: '',
  seconds: 3,
  json: false,
  smoke: false,
  shards: 4,
  replicas: 3,
  workers: 1,
  payload: 64,
  keys: 100_000,
  inFlight: 16_384,
  durability: 'auto',
  flushBytes: 32 * KIB,
  stateMb: 1024,
  logMb: 100,
  streamMb: 4096,
  sweep: [1, 2, 4, 8],
  directory: '.synod-bench',
  seed: 1,
  repeat: 1,
  help: false,
};

/** A moment per case: the smoke run of all suites must end within half a minute. */
const SMOKE: Partial<Settings> = { seconds: 0.08, keys: 4096, sweep: [2], stateMb: 2, logMb: 1, streamMb: 4 };

export function parseFlags(args: readonly string[]): Settings {
  const given: Record<string, unknown> = {};
  const suites: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index];
    if (!arg.startsWith('--')) {
      if (!SUITES.includes(arg)) throw new FlagError(`unknown suite "${arg}": one of ${SUITES.join(', ')}`);
      suites.push(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const name = arg.slice(2, equals < 0 ? undefined : equals);
    const flag = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
    if (flag === undefined) throw new FlagError(`unknown flag --${name}: one of ${flagNames()}`);
    let text = equals < 0 ? undefined : arg.slice(equals + 1);
    if (flag.parse === undefined) {
      if (text !== undefined) throw new FlagError(`--${name} "${text}": allowed is ${flag.range}`);
      given[flag.field] = true;
      continue;
    }
    if (text === undefined) text = args[++index];
    const value = text === undefined ? undefined : flag.parse(text);
    if (value === undefined) throw new FlagError(`--${name} "${text ?? ''}": allowed is ${flag.range}`);
    given[flag.field] = value;
  }
  if (suites.length > 0) given['suites'] = suites;
  return { ...DEFAULTS, ...(given['smoke'] === true ? SMOKE : {}), ...given };
}

export function helpText(): string {
  const lines = Object.entries(FLAGS).map(([name, { range, doc }]) => `  --${name.padEnd(12)} ${doc} [${range}]`);
  return [`npm run bench -- [${SUITES.join(' | ')} …] [flags]`, ...lines].join('\n');
}

function flagNames(): string {
  return Object.keys(FLAGS)
    .map((name) => `--${name}`)
    .join(', ');
}

function number(low: number, high: number): (text: string) => number | undefined {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    return value >= low && value <= high ? value : undefined;
  };
}

function integer(low: number, high: number): (text: string) => number | undefined {
  const parse = number(low, high);
  return (text) => (/^\d+$/.test(text) ? parse(text) : undefined);
}

function odd(high: number): (text: string) => number | undefined {
  const parse = integer(1, high);
  return (text) => {
    const value = parse(text);
    return value !== undefined && value % 2 === 1 ? value : undefined;
  };
}

function blocks(low: number, high: number): (text: string) => number | undefined {
  const parse = integer(low, high);
  return (text) => {
    const value = parse(text);
    return value !== undefined && value % low === 0 ? value : undefined;
  };
}

/** Room for a kv header, a revision, a key and a value; commands are copied by words and stay aligned. */
function payload(text: string): number | undefined {
  const value = integer(PAYLOAD_MIN, 64 * KIB)(text);
  return value !== undefined && value % 8 === 0 ? value : undefined;
}

function workers(text: string): number | 'per-group' | undefined {
  return text === 'per-group' ? text : integer(1, 64)(text);
}

function sweep(text: string): readonly number[] | undefined {
  const counts = text.split(',').map(integer(1, 4096));
  return counts.includes(undefined) ? undefined : (counts as number[]);
}

function path(text: string): string | undefined {
  return text === '' ? undefined : text;
}
