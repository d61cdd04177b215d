/**
 * A replica that lost everything gets a snapshot that no memory holds from another one, twice: alone, for the memory that takes, because commands touch the
 * logs' tails for the first time; and while commands go on, for their latency.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Histogram } from '../src/base/histogram.ts';
import { collectGarbage } from '../src/cli/collect-garbage.ts';
import { type Cluster, openCluster } from '../src/index.ts';
import { LOG_SEGMENT_BYTES } from '../src/limits.ts';
import { PromiseLoad } from './promise-load.ts';
import type { Figures } from './row.ts';
import { nap } from './state-cluster.ts';
import { LOST, STREAM_BYTES_VARIABLE } from './stream-machine.ts';

const KEY = 'stream';
const COMMAND = new Uint8Array(8);
const FILLER = new Uint8Array(1 << 15);
const FILL_AT_ONCE = 32;
const FILL_BYTES = 3 * LOG_SEGMENT_BYTES;
const IN_FLIGHT = 4;
const WAIT_MS_MAX = 600_000;
const MS_PER_S = 1000;

const moduleUrl = new URL(`./stream-machine${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

export async function streamFigures(directory: string, bytes: number): Promise<Figures> {
  process.env[STREAM_BYTES_VARIABLE] = String(bytes);
  const home = join(directory, 'cluster');
  const options = {
    directory: home,
    shards: 1,
    machine: moduleUrl,
    snapshotLogBytes: 0,
    snapshotIntervalMs: 0,
    snapshotsKept: 2,
    snapshotSendBytesPerSecond: 0,
    timeoutMs: 0,
  };
  let cluster = await openCluster(options);
  try {
    await until(() => (cluster.status().shards[0]?.leader ?? -1) >= 0, 'a replica leads');
    await fill(cluster);
    const written = await writeFigures(cluster, 1);
    await fill(cluster);
    await writeFigures(cluster, 2);
    const lose = async (): Promise<number> => {
      await cluster.close();
      rmSync(join(home, `replica-${LOST}`), { recursive: true });
      const start = performance.now();
      cluster = await openCluster({ ...options, lostReplicas: 'rejoin' });
      await cluster.propose(KEY, COMMAND);
      return start;
    };
    const first = await lose();
    const alone = await transferAlone(cluster, bytes, first);
    const second = await lose();
    return { ...written, ...alone, ...(await transferBesideLoad(cluster, bytes, second)) };
  } finally {
    await cluster.close();
  }
}

async function until(isTrue: () => boolean, what: string, meanwhile: () => void = () => {}): Promise<void> {
  const end = performance.now() + WAIT_MS_MAX;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error(`${what}: not in time`);
    meanwhile();
    await nap();
  }
}

/** Several segments of log: what lies behind the older snapshot is given back, so that only a snapshot can bring the lost replica up. */
async function fill(cluster: Cluster): Promise<void> {
  for (let done = 0; done < FILL_BYTES; done += FILL_AT_ONCE * FILLER.length)
    await Promise.all(Array.from({ length: FILL_AT_ONCE }, () => cluster.propose(KEY, FILLER)));
}

/** All write theirs: figures of the first replica. */
async function writeFigures(cluster: Cluster, count: number): Promise<Figures> {
  const meter = new MemoryMeter();
  const figure = () => cluster.status().shards[0]?.replicas[0]?.snapshot;
  cluster.snapshot(0);
  await until(
    () => cluster.status().shards[0]?.replicas.every(({ snapshot }) => snapshot.taken >= count) === true,
    'a snapshot is written',
    () => meter.sample(),
  );
  return { snapshotBytes: figure()?.bytes, writtenMs: figure()?.durationMs, writtenExtraBytes: meter.extra };
}

const lostFigure = (cluster: Cluster) => cluster.status().shards[0]?.replicas[LOST]?.snapshot;

/** The lost replica gets it; returns the seconds since `start`. */
async function untilInstalled(cluster: Cluster, bytes: number, start: number, meanwhile?: () => void): Promise<number> {
  await until(() => (lostFigure(cluster)?.installed ?? 0) > 0, 'the snapshot is installed', meanwhile);
  const got = lostFigure(cluster)?.bytes ?? 0;
  if (got < bytes) throw new Error(`the replica got a snapshot of ${got} bytes only`);
  return (performance.now() - start) / MS_PER_S;
}

async function transferAlone(cluster: Cluster, bytes: number, start: number): Promise<Figures> {
  const meter = new MemoryMeter();
  const aloneSeconds = await untilInstalled(cluster, bytes, start, () => meter.sample());
  return { aloneSeconds, aloneBytesPerSecond: bytes / aloneSeconds, extraBytes: meter.extra };
}

async function transferBesideLoad(cluster: Cluster, bytes: number, start: number): Promise<Figures> {
  const histogram = new Histogram();
  const load = new PromiseLoad(() => cluster.propose(KEY, COMMAND), IN_FLIGHT, histogram);
  load.start();
  const seconds = await untilInstalled(cluster, bytes, start);
  await load.stop();
  if (load.error !== undefined) throw load.error;
  return {
    seconds,
    bytesPerSecond: bytes / seconds,
    commands: load.completed,
    p99Us: histogram.quantile(0.99),
    maxUs: histogram.max,
  };
}

/** Between the least and the most resident memory that was seen. What an earlier cluster took is given back before, as far as this thread can. */
class MemoryMeter {
  #least = Number.POSITIVE_INFINITY;
  #most = 0;

  constructor() {
    collectGarbage();
    this.sample();
  }

  sample(): void {
    const resident = process.memoryUsage.rss();
    this.#least = Math.min(this.#least, resident);
    this.#most = Math.max(this.#most, resident);
  }

  get extra(): number {
    return this.#most - this.#least;
  }
}
