/**
 * One result: the keys of `npm start --json`, suite and case, the conditions, and the figures of the case.
 */
import type { Settings } from './flags.ts';
import type { Disturbance, Machine } from './machine.ts';

export interface LatencyUs {
  p50: number;
  p99: number;
  p999: number;
  max: number;
}

export interface AllocatedBytes {
  /** Null where the case has no such thread, or it cannot be measured. */
  coordinator: number | null;
  worker: number | null;
}

/** What a case measured. Keys beyond the shared ones are the case's own figures, by name. */
export interface Figures {
  /** Name of the operation where it is no command. */
  operation?: string;
  seconds?: number;
  issued?: number;
  acknowledged?: number;
  opsPerSecond?: number;
  latencyUs?: LatencyUs;
  allocatedBytesPerCommand?: AllocatedBytes;
  [figure: string]: unknown;
}

export interface Row extends Figures {
  name: 'bench';
  ok: boolean;
  suite: string;
  case: string;
}

/** Keys that every line has, in this order: those of `npm start --json`. */
const SHARED_KEYS = [
  ...['gitCommit', 'nodeVersion', 'cpus', 'native', 'replicas', 'shards', 'workers', 'payloadBytes', 'keys', 'machine'],
  ...[
    'transport',
    'durability',
    'device',
    'durable',
    'inFlight',
    'seconds',
    'seed',
    'issued',
    'acknowledged',
    'unknown',
  ],
  ...['lost', 'duplicated', 'digestsEqual', 'opsPerSecond', 'latencyUs', 'failoverMs', 'otherShardsMaxGapMs'],
  ...['allocatedBytesPerCommand', 'diskBytesPerCommand', 'rssMb'],
];

const BYTES_PER_MB = 1e6;

export interface RowParts {
  suite: string;
  name: string;
  settings: Settings;
  machine: Machine;
  disturbance: Disturbance;
  figures: Figures;
}

export function makeRow({ suite, name, settings, machine, disturbance, figures }: RowParts): Row {
  const shared = Object.fromEntries(SHARED_KEYS.map((key) => [key, null]));
  return {
    name: 'bench',
    ok: true,
    suite,
    case: name,
    ...shared,
    ...machine,
    seed: settings.seed,
    rssMb: round(process.memoryUsage.rss() / BYTES_PER_MB),
    ...disturbance,
    ...figures,
  };
}

/** The line of a case that failed: it says so instead of looking like a result. */
export function failedRow(suite: string, name: string, machine: Machine, error: unknown): Row {
  const message = error instanceof Error ? error.message : String(error);
  return { name: 'bench', ok: false, suite, case: name, ...machine, error: message };
}

/** Four significant digits are more than any figure here deserves. */
export function round(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(4));
}

export function toJson(row: Row): string {
  return JSON.stringify(row, (_key, value) => (typeof value === 'number' ? round(value) : value));
}

/** Shared keys that a line for people tells. */
const TOLD = ['device', 'diskBytesPerCommand', 'inFlight'];
/** Shown in the columns, or the same in every line. */
const TOLD_ELSEWHERE = new Set([
  ...SHARED_KEYS.filter((key) => !TOLD.includes(key)),
  ...[
    'name',
    'ok',
    'suite',
    'case',
    'operation',
    'cpuModel',
    'gitDirty',
    'memoryMb',
    'stealPercent',
    'foreignCpuPercent',
    'disturbed',
  ],
  'cpuSeconds',
]);

/** One line for people: rate, quantiles, allocation, then the case's own figures. */
export function toText(row: Row): string {
  const label = `${row.suite}/${row.case}`.padEnd(34);
  if (!row.ok) return `${label} FAILED: ${String(row['error'])}`;
  if (row['skipped'] !== undefined) return `${label} skipped: ${String(row['skipped'])}`;
  const parts = [label];
  if (typeof row.opsPerSecond === 'number') {
    parts.push(`${grouped(row.opsPerSecond).padStart(13)} ${row.operation ?? 'commands'}/s`);
  }
  if (row.latencyUs) {
    const { p50, p99, p999, max } = row.latencyUs;
    parts.push(`µs p50 ${round(p50)} p99 ${round(p99)} p999 ${round(p999)} max ${round(max)}`);
  }
  const bytes = row.allocatedBytesPerCommand;
  if (bytes)
    parts.push(
      `B/op ${bytesText(bytes.coordinator)}${bytes.worker === null ? '' : ` worker ${bytesText(bytes.worker)}`}`,
    );
  for (const [key, value] of Object.entries(row)) {
    if (!TOLD_ELSEWHERE.has(key) && value !== null)
      parts.push(`${key} ${typeof value === 'number' ? grouped(value) : String(value)}`);
  }
  if (row['disturbed'] === true)
    parts.push(`DISTURBED: steal ${percent(row['stealPercent'])}, foreign ${percent(row['foreignCpuPercent'])}`);
  return parts.join('  ');
}

function percent(value: unknown): string {
  return typeof value === 'number' ? `${round(value)} %` : '-';
}

function bytesText(bytes: number | null): string {
  return bytes === null ? '-' : bytes.toFixed(4);
}

export function grouped(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(round(value));
}
