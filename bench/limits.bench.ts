/**
 * What this machine could do at most with the same bytes: the denominators of the engine's ratios.
 *
 *   raw-quorum-append   one thread and one file per replica, released together, until a majority is durable
 *   raw-log             the engine's files and flushers, writing flush-sized blocks as fast as they go
 *   raw-ring            one thread, one ring and one machine per replica: each command published and applied once per ring
 *   thread-wake         a futex round trip between two threads, the floor under every hand-over that parks
 */
import { Histogram } from '../src/base/histogram.ts';
import { LOG_BLOCK_BYTES } from '../src/limits.ts';
import { majority } from '../src/paxos/quorum.ts';
import { type BenchCase, type Context, type Subject, windowed } from './harness.ts';
import { RawMedium } from './raw-medium.ts';

/** Flusher threads of one native log. */
export const FLUSHERS_PER_LOG = 2;
const APPENDS_PER_WINDOW = 16;
const WAKES_PER_WINDOW = 256;
const WRITE_WINDOW_MS = 50;

export function limitsCases(): BenchCase[] {
  return [
    windowed('limits', 'thread-wake', threadWake),
    windowed('limits', 'raw-quorum-append', rawQuorumAppend),
    windowed('limits', 'raw-log', rawLog),
  ];
}

async function threadWake(): Promise<Subject> {
  const medium = await RawMedium.open({ directory: undefined, files: 1, threadsPerFile: 1, writeBytes: 0 });
  const latency = new Histogram();
  return {
    operation: 'round trips',
    latency,
    window() {
      for (let wake = 0; wake < WAKES_PER_WINDOW; wake++) latency.record(medium.append(1));
      return WAKES_PER_WINDOW;
    },
    figures: () => ({ threadWakeRoundTripUs: latency.quantile(0.5) }),
    close: () => medium.close(),
  };
}

async function rawQuorumAppend({ settings, scratch }: Context): Promise<Subject> {
  const { replicas } = settings;
  const medium = await RawMedium.open({
    directory: scratch(),
    files: replicas,
    threadsPerFile: 1,
    writeBytes: LOG_BLOCK_BYTES,
  });
  const latency = new Histogram();
  return {
    operation: 'appends',
    latency,
    window() {
      for (let round = 0; round < APPENDS_PER_WINDOW; round++) latency.record(medium.append(majority(replicas)));
      return APPENDS_PER_WINDOW;
    },
    figures: () => ({
      replicas,
      device: medium.isDirect ? 'direct' : 'dsync',
      rawQuorumAppendUs: latency.quantile(0.5),
    }),
    close: () => medium.close(),
  };
}

async function rawLog({ settings, scratch }: Context): Promise<Subject> {
  const workers = settings.workers === 'per-group' ? settings.shards : settings.workers;
  const files = settings.replicas * workers;
  const writeBytes = settings.flushBytes;
  const medium = await RawMedium.open({ directory: scratch(), files, threadsPerFile: FLUSHERS_PER_LOG, writeBytes });
  return {
    operation: 'writes',
    window: () => medium.write(WRITE_WINDOW_MS),
    figures: (writes, seconds) => ({
      replicas: settings.replicas,
      workers: settings.workers,
      device: medium.isDirect ? 'direct' : 'dsync',
      files,
      flushBytes: writeBytes,
      rawLogBytesPerSecond: (writes * writeBytes) / seconds,
    }),
    close: () => medium.close(),
  };
}
