/**
 * What the demo prints: the live line while the load runs, the summary table, and the one line of `--json`.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Histogram } from '../base/histogram.ts';

export interface LatencyUs {
  p50: number;
  p99: number;
  p999: number;
  max: number;
}

/** The result of a run; the keys are the contract of `--json`. */
export interface DemoResult {
  name: 'start';
  ok: boolean;
  gitCommit: string | null;
  nodeVersion: string;
  cpus: number;
  native: boolean;
  replicas: number;
  shards: number;
  /** Per replica. */
  workers: number;
  payloadBytes: number;
  keys: number;
  machine: string;
  transport: string;
  /** Asked for. */
  durability: string;
  /** Used. */
  device: string;
  durable: boolean;
  inFlight: number;
  /** Measured. */
  seconds: number;
  seed: number;
  issued: number;
  acknowledged: number;
  unknown: number;
  lost: number;
  duplicated: number;
  digestsEqual: boolean;
  opsPerSecond: number;
  /** Publish to poll, per command. */
  latencyUs: LatencyUs;
  /** Terminate to first acknowledgement of the slowest shard that the killed worker led; null when nothing was killed. */
  failoverMs: number | null;
  otherShardsMaxGapMs: number | null;
  allocatedBytesPerCommand: { coordinator: number | null; worker: number | null };
  diskBytesPerCommand: number;
  rssMb: number;
}

export function latencyOf(histogram: Histogram): LatencyUs {
  return {
    p50: histogram.quantile(0.5),
    p99: histogram.quantile(0.99),
    p999: histogram.quantile(0.999),
    max: histogram.max,
  };
}

/** One line; numbers with four significant digits below a thousand, whole above. */
export function toJsonLine(result: DemoResult): string {
  return JSON.stringify(result, (_key, value) => (typeof value === 'number' ? round(value) : value));
}

export function round(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

export interface LiveFigures {
  second: number;
  opsPerSecond: number;
  p50Us: number;
  p99Us: number;
  /** Leader's replica by shard; undefined = none known. */
  leaders: readonly (number | undefined)[];
}

export function liveLine({ second, opsPerSecond, p50Us, p99Us, leaders }: LiveFigures): string {
  const names =
    leaders.length > 16
      ? `${leaders.filter((leader) => leader !== undefined).length} of ${leaders.length}`
      : leaders.map((leader) => leader ?? '-').join(' ');
  return `${String(second).padStart(4)} s  ${count(opsPerSecond).padStart(10)} ops/s  p50 ${micros(p50Us)}  p99 ${micros(p99Us)}  leaders ${names}`;
}

/** The summary as rows of name and value. */
export function summaryTable(result: DemoResult): string {
  const { latencyUs: latency, allocatedBytesPerCommand: allocated } = result;
  const rows: [string, string][] = [
    ['cluster', `${result.replicas} replicas x ${result.shards} shards, ${result.workers} workers per replica`],
    ['log', `${result.device}${result.durable ? ', durable' : ', NOT durable: what is acknowledged can be lost'}`],
    ['native addon', result.native ? 'loaded' : 'not loaded (slower TypeScript paths)'],
    [
      'commands',
      `${count(result.acknowledged)} acknowledged, ${count(result.issued)} issued, ${count(result.unknown)} unknown`,
    ],
    [
      'load',
      `${result.seconds.toFixed(1)} s, ${result.payloadBytes} bytes per command, ${count(result.keys)} keys, ${count(result.inFlight)} in flight`,
    ],
    ['throughput', `${count(result.opsPerSecond)} commands/s`],
    [
      'latency',
      `p50 ${micros(latency.p50)}  p99 ${micros(latency.p99)}  p99.9 ${micros(latency.p999)}  max ${micros(latency.max)}`,
    ],
    [
      'fail-over',
      result.failoverMs === null
        ? 'none tried'
        : `${result.failoverMs.toFixed(0)} ms to the first acknowledgement of the slowest shard`,
    ],
    [
      'other shards',
      result.otherShardsMaxGapMs === null
        ? 'none to watch'
        : `${result.otherShardsMaxGapMs.toFixed(0)} ms without acknowledgement at most`,
    ],
    ['heap', `${bytes(allocated.coordinator)} per command in this thread, ${bytes(allocated.worker)} in the workers`],
    ['disk', `${result.diskBytesPerCommand.toFixed(1)} bytes per command, all replicas together`],
    ['memory', `${result.rssMb.toFixed(0)} MB resident`],
    ['lost', count(result.lost)],
    ['applied twice', count(result.duplicated)],
    ['replicas agree', result.digestsEqual ? 'yes' : 'NO'],
    ['verdict', result.ok ? 'ok: every command was applied exactly once' : 'FAILED'],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(15)} ${value}`).join('\n');
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function micros(us: number): string {
  if (us < 1000) return `${us.toFixed(0)} us`;
  return us < 1e6 ? `${(us / 1e3).toFixed(1)} ms` : `${(us / 1e6).toFixed(2)} s`;
}

function bytes(value: number | null): string {
  return value === null ? 'not measured' : `${value.toFixed(3)} bytes`;
}

/** The commit of the tree that this file stands in; null outside of one, and in an installed package. */
export function gitCommit(): string | null {
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  if (cwd.includes('node_modules')) return null;
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}
