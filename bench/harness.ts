/**
 * Runs the cases: warm-up, windows through tinybench, then allocation in a pass of its own, with the machine watched.
 *
 *   BenchCase.run ─▶ windowed: Subject ── warm-up ── windows for `seconds` (rate, latency) ── windows (allocation) ─▶ Figures
 *                 └▶ or a measurement of its own                                                                  └▶ Row
 *
 * A window is thousands of operations and one sample of tinybench: a timer call per operation would measure the timer.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { Bench } from 'tinybench';
import type { Histogram } from '../src/base/histogram.ts';
import { HeapMeter } from '../src/cli/heap-meter.ts';
import type { Settings } from './flags.ts';
import { describeMachine, type Machine, watchMachine } from './machine.ts';
import { type Figures, failedRow, type LatencyUs, makeRow, type Row } from './row.ts';

export interface Context {
  settings: Settings;
  machine: Machine;
  /** Makes an empty directory for a case; removed when the case ends. */
  scratch(): string;
}

export interface BenchCase {
  suite: string;
  name: string;
  run(context: Context): Promise<Figures>;
}

/** What a windowed case measures. */
export interface Subject {
  /** What one operation is, in plural. */
  operation: string;
  /** Runs one window and returns how many operations it was. */
  window(): number | Promise<number>;
  isAsync?: boolean;
  /** Runs before each window and is not measured. */
  prepare?(): void | Promise<void>;
  /** Only allocation is measured from here on: latencies need not be taken. */
  beginAllocation?(): void | Promise<void>;
  /** Bytes per operation that other threads allocated since. */
  endAllocation?(): number | null | Promise<number | null>;
  /** Fed by `window`, microseconds per operation. */
  latency?: Histogram;
  /** State after the first window, which is the same in every run with one seed. */
  hash?(): number;
  /** Further figures, from the measured operations and seconds. */
  figures?(operations: number, seconds: number): Figures | Promise<Figures>;
  close?(): void | Promise<void>;
}

/** Operations over which allocation is measured, unless the time runs out first. */
const ALLOCATION_OPERATIONS = 10_000_000;
/** Share of the measured time that warm-up may take. */
const WARM_UP_SHARE = 0.3;
/** Longest warm-up: V8 has optimized everything long before. */
const WARM_UP_MS_MAX = 2000;

export async function runCase(benchCase: BenchCase, settings: Settings, machine = describeMachine()): Promise<Row> {
  const { suite, name } = benchCase;
  const directories: string[] = [];
  const scratch = (): string => {
    const directory = resolve(settings.directory, `${suite}-${name}-${directories.length}`);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    directories.push(directory);
    return directory;
  };
  const disturbance = watchMachine();
  try {
    const figures = await benchCase.run({ settings, machine, scratch });
    return makeRow({ suite, name, settings, machine, disturbance: disturbance(), figures });
  } catch (error) {
    return failedRow(suite, name, machine, error);
  } finally {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  }
}

/** Makes a subject, or says why there is none on this machine. */
export type OpenSubject = (context: Context) => Subject | string | Promise<Subject | string>;

export function windowed(suite: string, name: string, open: OpenSubject): BenchCase {
  return {
    suite,
    name,
    async run(context) {
      const subject = await open(context);
      if (typeof subject === 'string') return { skipped: subject };
      try {
        return await measure(subject, context.settings);
      } finally {
        await subject.close?.();
      }
    },
  };
}

async function measure(subject: Subject, settings: Settings): Promise<Figures> {
  await subject.prepare?.();
  await subject.window();
  const resultHash = subject.hash === undefined ? {} : { resultHash: hex(subject.hash()) };
  const timed = await runWindows(subject, settings.seconds * 1e3);
  const figures: Figures = {
    operation: subject.operation,
    seconds: timed.seconds,
    opsPerSecond: timed.operations / timed.seconds,
    windows: timed.windows,
    windowSpreadPercent: timed.spreadPercent,
    ...resultHash,
  };
  if (subject.latency !== undefined) figures.latencyUs = quantiles(subject.latency);
  Object.assign(figures, await subject.figures?.(timed.operations, timed.seconds));
  await subject.beginAllocation?.();
  const { bytes, operations } = await measureAllocation(subject, settings.seconds * 1e3);
  const worker = (await subject.endAllocation?.()) ?? null;
  figures.allocatedBytesPerCommand = { coordinator: bytes / operations, worker };
  figures['allocationOperations'] = operations;
  return figures;
}

interface Timed {
  operations: number;
  seconds: number;
  windows: number;
  /** Relative margin of error of the windows' means. */
  spreadPercent: number;
}

async function runWindows(subject: Subject, timeMs: number): Promise<Timed> {
  const bench = new Bench({
    time: timeMs,
    iterations: 2,
    warmupTime: Math.min(timeMs * WARM_UP_SHARE, WARM_UP_MS_MAX),
    warmupIterations: 1,
    timestampProvider: 'hrtimeNow',
    throws: true,
  });
  let operations = 0;
  let elapsedMs = 0;
  const account = (start: number, count: number): { overriddenDuration: number; overriddenIterationCost: number } => {
    const duration = bench.now() - start;
    operations += count;
    elapsedMs += duration;
    return { overriddenDuration: duration / count, overriddenIterationCost: duration };
  };
  const onPhase = (): void => {
    operations = 0;
    elapsedMs = 0;
    subject.latency?.reset();
  };
  const task = (): unknown => {
    const start = bench.now();
    return account(start, subject.window() as number);
  };
  const asyncTask = async (): Promise<unknown> => {
    const start = bench.now();
    return account(start, await subject.window());
  };
  const isAsync = subject.isAsync === true;
  bench.add('case', isAsync ? asyncTask : task, {
    async: isAsync,
    beforeAll: onPhase,
    beforeEach: () => subject.prepare?.(),
  });
  const [finished] = await bench.run();
  const { result } = finished;
  if (result.state !== 'completed') throw new Error(`the case ended as ${result.state}`);
  const { samplesCount, rme } = result.latency;
  return { operations, seconds: elapsedMs / 1e3, windows: samplesCount, spreadPercent: rme };
}

/** A pass of its own, so that neither tinybench nor its samples are counted. */
async function measureAllocation(subject: Subject, timeMs: number): Promise<{ bytes: number; operations: number }> {
  const meter = new HeapMeter();
  const isAsync = subject.isAsync === true;
  const end = performance.now() + timeMs;
  let operations = 0;
  meter.start();
  do {
    // A promise that nobody needs would be counted.
    const pending = subject.prepare?.();
    if (pending !== undefined) await pending;
    operations += isAsync ? await subject.window() : (subject.window() as number);
  } while (operations < ALLOCATION_OPERATIONS && performance.now() < end);
  return { bytes: meter.stop(), operations };
}

export function quantiles(histogram: Histogram): LatencyUs {
  return {
    p50: histogram.quantile(0.5),
    p99: histogram.quantile(0.99),
    p999: histogram.quantile(0.999),
    max: histogram.max,
  };
}

function hex(hash: number): string {
  return (hash >>> 0).toString(16).padStart(8, '0');
}
