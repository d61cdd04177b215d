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
import { createMachine } from '../src/machines/kv.ts';
import { majority } from '../src/paxos/quorum.ts';
import { CommandTable } from './command-table.ts';
import type { Settings } from './flags.ts';
import { type BenchCase, type Context, type Subject, windowed } from './harness.ts';
import { RawMedium } from './raw-medium.ts';
import { RawRing } from './raw-ring.ts';

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
    windowed('limits', 'raw-ring', rawRing),
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

/** Commands per window of raw-ring. */
const RING_COMMANDS = 50_000;

function openRawRing({ replicas, keys, payload, seed }: Settings): RawRing {
  const machines = Array.from({ length: replicas }, (_, replicaIndex) => createMachine({ groupId: 0, replicaIndex }));
  return new RawRing(machines, CommandTable.ofOneShard(keys, payload, seed));
}

function rawRing({ settings }: Context): Subject {
  const rings = openRawRing(settings);
  return {
    operation: 'commands',
    window: () => rings.run(RING_COMMANDS),
    hash: () => rings.hash,
    figures: (commands, seconds) => ({
      replicas: settings.replicas,
      payloadBytes: settings.payload,
      keys: settings.keys,
      machine: 'kv',
      rawRingOpsPerSecond: commands / seconds,
      nsPerCommand: (seconds * 1e9) / commands,
    }),
  };
}

/** Commands per second of raw-ring, measured for `ms` after as long a warm-up. */
export function measureRawRing(settings: Settings, ms: number): number {
  const rings = openRawRing(settings);
  const run = (): number => {
    const start = performance.now();
    let commands = 0;
    while (performance.now() - start < ms) commands += rings.run(RING_COMMANDS);
    return (commands * 1e3) / (performance.now() - start);
  };
  run();
  return run();
}

function openRawLog(settings: Settings, shards: number, writeBytes: number, directory: string): Promise<RawMedium> {
  const workers = settings.workers === 'per-group' ? shards : settings.workers;
  const files = settings.replicas * workers;
  return RawMedium.open({ directory, files, threadsPerFile: FLUSHERS_PER_LOG, writeBytes });
}

async function rawLog({ settings, scratch }: Context): Promise<Subject> {
  const writeBytes = settings.flushBytes;
  const medium = await openRawLog(settings, settings.shards, writeBytes, scratch());
  return {
    operation: 'writes',
    window: () => medium.write(WRITE_WINDOW_MS),
    figures: (writes, seconds) => ({
      replicas: settings.replicas,
      workers: settings.workers,
      device: medium.isDirect ? 'direct' : 'dsync',
      files: medium.files,
      flushBytes: writeBytes,
      rawLogBytesPerSecond: (writes * writeBytes) / seconds,
    }),
    close: () => medium.close(),
  };
}

/** Bytes per second of raw-log, measured for `ms`. */
export async function measureRawLog(
  settings: Settings,
  shards: number,
  writeBytes: number,
  directory: string,
  ms: number,
): Promise<number> {
  const medium = await openRawLog(settings, shards, writeBytes, directory);
  const start = performance.now();
  const writes = medium.write(ms);
  const seconds = (performance.now() - start) / 1e3;
  await medium.close();
  return (writes * writeBytes) / seconds;
}
