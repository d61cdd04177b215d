/**
 * Snapshots of a state of `--state-mb`, machine `kv`, one shard.
 *
 *   latency   three replicas under writes: commit latency without and while all of them take one           ratio of the p99s
 *   node      one replica: writing one, beside a bare file of the same bytes; then a start with the newest and `--log-mb` of log behind it
 *   stream    a snapshot of `--stream-mb` that no memory holds, from taker to sender to receiver, through files     memory from least to most
 */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Histogram } from '../src/base/histogram.ts';
import type { BenchCase, Context } from './harness.ts';
import type { Figures } from './row.ts';
import { MIB, nap, StateCluster } from './state-cluster.ts';
import { streamFigures } from './stream-load.ts';

const IN_FLIGHT = 64;
const CHUNK_BYTES = MIB;
const MS_PER_S = 1000;

export function snapshotsCases(): BenchCase[] {
  return [
    { suite: 'snapshots', name: 'latency', run: latency },
    { suite: 'snapshots', name: 'node', run: node },
    { suite: 'snapshots', name: 'stream', run: stream },
  ];
}

async function latency({ settings, scratch }: Context): Promise<Figures> {
  const state = new StateCluster({ settings, directory: scratch(), replicas: settings.replicas });
  await state.open();
  try {
    await state.load();
    const histogram = new Histogram();
    const load = state.startLoad(IN_FLIGHT, histogram);
    const plain = await during(histogram, () => sleepAtLeast(settings.seconds * MS_PER_S));
    const started = performance.now();
    const busy = await during(histogram, async () => {
      await state.snapshot();
    });
    const seconds = (performance.now() - started) / MS_PER_S;
    const after = await during(histogram, () => sleepAtLeast(settings.seconds * MS_PER_S));
    await load.stop();
    if (load.error !== undefined) throw load.error;
    const snapshots = state.snapshots;
    return {
      operation: 'commands',
      seconds,
      inFlight: IN_FLIGHT,
      stateBytes: Math.max(...snapshots.map(({ bytes }) => bytes)),
      p99UsWithout: plain.p99,
      p99UsDuring: busy.p99,
      p99UsAfter: after.p99,
      p99Ratio: busy.p99 / Math.max(plain.p99, after.p99),
      maxUsWithout: plain.max,
      maxUsDuring: busy.max,
      opsPerSecond: busy.count / seconds,
      opsPerSecondWithout: plain.count / settings.seconds,
      durationMs: snapshots.map(({ durationMs }) => durationMs),
      keptBytesMax: Math.max(...snapshots.map(({ keptBytes }) => keptBytes)),
    };
  } finally {
    await state.close();
  }
}

interface Measured {
  p99: number;
  max: number;
  count: number;
}

async function during(histogram: Histogram, work: () => Promise<void>): Promise<Measured> {
  histogram.reset();
  await work();
  return { p99: histogram.quantile(0.99), max: histogram.max, count: histogram.count };
}

async function sleepAtLeast(ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) await nap();
}

async function node({ settings, scratch }: Context): Promise<Figures> {
  const directory = scratch();
  const state = new StateCluster({ settings, directory, replicas: 1 });
  await state.open();
  try {
    await state.load();
    const bytes = settings.stateMb * MIB;
    const rawBefore = rawWrite(directory, bytes);
    const [taken] = await state.snapshot();
    const rawAfter = rawWrite(directory, bytes);
    if (taken === undefined) throw new Error('there is one replica');
    const raw = (rawBefore + rawAfter) / 2;
    const writeRate = taken.bytes / (taken.durationMs / MS_PER_S);
    await state.overwrite(settings.logMb * MIB);
    await state.close();
    const restartMs = await state.open();
    return {
      stateBytes: taken.bytes,
      writeMs: taken.durationMs,
      writeBytesPerSecond: writeRate,
      rawBytesPerSecond: raw,
      ratioToRaw: writeRate / raw,
      logBytesBehind: settings.logMb * MIB,
      restartMs,
      recoveredBytes: state.cluster.status().workers[0]?.recoveredBytes,
    };
  } finally {
    await state.close();
  }
}

/** Bytes per second of a file that is written from end to end and flushed. */
function rawWrite(directory: string, bytes: number): number {
  const path = join(directory, 'raw');
  const chunk = new Uint8Array(CHUNK_BYTES).fill(7);
  const start = performance.now();
  const file = openSync(path, 'w');
  for (let done = 0; done < bytes; done += chunk.length) {
    writeSync(file, chunk);
  }
  fsyncSync(file);
  const seconds = (performance.now() - start) / MS_PER_S;
  closeSync(file);
  rmSync(path);
  return bytes / seconds;
}

function stream({ settings, scratch }: Context): Promise<Figures> {
  return streamFigures(scratch(), settings.streamMb * MIB);
}
