/**
 * A cluster of one shard with a state of a given size: what snapshots are measured on. Values of a size whose blocks have no slack, so that
 * state, image and memory are alike.
 */
import { join } from 'node:path';
import { assert } from '../src/base/assert.ts';
import type { Histogram } from '../src/base/histogram.ts';
import type { SnapshotStatus } from '../src/engine/status.ts';
import { type Cluster, kv, openCluster } from '../src/index.ts';
import type { Settings } from './flags.ts';
import { PromiseLoad } from './promise-load.ts';

export const MIB = 2 ** 20;
/** A block of 1 KiB: header, key, value. */
const VALUE_BYTES = 960;
const BLOCK_BYTES = 1024;
const LOAD_IN_FLIGHT = 4096;
const NAP_MS = 5;
const WAIT_MS_MAX = 300_000;

export interface StatePlan {
  settings: Settings;
  directory: string;
  replicas: number;
}

export class StateCluster {
  readonly #plan: StatePlan;
  readonly keys: number;
  #cluster: Cluster | undefined;

  constructor(plan: StatePlan) {
    this.#plan = plan;
    this.keys = Math.max(64, Math.floor((plan.settings.stateMb * MIB) / BLOCK_BYTES));
  }

  get cluster(): Cluster {
    assert(this.#cluster !== undefined, 'the cluster is open');
    return this.#cluster;
  }

  /** Opens it and waits until it answers; milliseconds that took. */
  async open(): Promise<number> {
    const { settings, directory, replicas } = this.#plan;
    const start = performance.now();
    this.#cluster = await openCluster({
      directory: join(directory, 'cluster'),
      durability: settings.durability === 'memory' ? 'auto' : (settings.durability as 'auto'),
      replicas,
      shards: 1,
      snapshotLogBytes: 0,
      snapshotIntervalMs: 0,
      snapshotsKept: 1,
      seed: settings.seed,
      machine: 'kv',
    });
    await this.cluster.read(keyOf(0), kv.get(keyOf(0)));
    return performance.now() - start;
  }

  /** Writes every key once. */
  async load(): Promise<void> {
    const value = new Uint8Array(VALUE_BYTES);
    let next = 0;
    await this.#pump(LOAD_IN_FLIGHT, () => {
      if (next === this.keys) return undefined;
      next += 1;
      return this.cluster.propose(keyOf(next - 1), kv.put(keyOf(next - 1), value));
    });
  }

  /** Writes so many bytes more, to keys there are. */
  async overwrite(bytes: number): Promise<void> {
    const value = new Uint8Array(VALUE_BYTES).fill(1);
    let left = Math.floor(bytes / BLOCK_BYTES);
    await this.#pump(LOAD_IN_FLIGHT, () => {
      if (left === 0) return undefined;
      left -= 1;
      const key = keyOf((left * 7919) % this.keys);
      return this.cluster.propose(key, kv.put(key, value));
    });
  }

  async #pump(slots: number, next: () => Promise<unknown> | undefined): Promise<void> {
    const run = async (): Promise<void> => {
      for (let call = next(); call !== undefined; call = next()) await call;
    };
    await Promise.all(Array.from({ length: slots }, run));
  }

  /** A load of small writes to random keys. */
  startLoad(inFlight: number, latency: Histogram): PromiseLoad {
    const value = new Uint8Array(this.#plan.settings.payload);
    let turn = 0;
    const load = new PromiseLoad(
      () => {
        turn += 1;
        const key = keyOf((turn * 7919) % this.keys);
        return this.cluster.propose(key, kv.put(key, value));
      },
      inFlight,
      latency,
    );
    load.start();
    return load;
  }

  get snapshots(): SnapshotStatus[] {
    return (this.cluster.status().shards[0]?.replicas ?? []).map(({ snapshot }) => snapshot);
  }

  /** Asks for one everywhere and waits until it is published everywhere. */
  async snapshot(): Promise<SnapshotStatus[]> {
    const before = this.snapshots.map(({ taken }) => taken);
    this.cluster.snapshot(0);
    const end = performance.now() + WAIT_MS_MAX;
    while (this.snapshots.some(({ taken }, i) => taken === before[i])) {
      const failed = this.snapshots.find(({ error }) => error !== undefined);
      if (failed !== undefined) throw new Error(`a snapshot failed: ${failed.error}`);
      if (performance.now() > end) throw new Error('a snapshot was not published in time');
      await nap();
    }
    return this.snapshots;
  }

  async close(): Promise<void> {
    await this.#cluster?.close();
    this.#cluster = undefined;
  }
}

/** Lets the workers have the processor: who looks all the time takes it from them. */
export function nap(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, NAP_MS);
  });
}

function keyOf(index: number): string {
  return `key-${String(index).padStart(12, '0')}`;
}
