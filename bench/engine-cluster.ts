/**
 * A cluster under load from this thread: one lane per shard kept full, the event loop served between windows.
 *
 *   window: turn, turn, … (each lane: poll, fill) ── nothing moved: nap ── window over: setImmediate, for the coordinator
 *
 * Nothing truncates the logs: when one has taken LOG_BYTES_MAX, the cluster is closed, removed and opened anew between two
 * windows.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../src/base/assert.ts';
import type { Histogram } from '../src/base/histogram.ts';
import { groupOfKey } from '../src/engine/placement.ts';
import type { ClusterStatus } from '../src/engine/status.ts';
import { type Cluster, openCluster } from '../src/index.ts';
import { COMMAND_HEADER_BYTES } from '../src/memory/descriptor.ts';
import { CommandTable, type PromiseCommands } from './command-table.ts';
import type { Settings } from './flags.ts';
import { LaneLoad } from './lane-load.ts';

const GIB = 2 ** 30;
export const LOG_BYTES_MAX = 2 * GIB;
/** Volatile logs end at their memory: room for what is in flight when the limit above is noticed. */
const MEMORY_LOG_BYTES = 3 * GIB;
const LANE_BYTES = 1 << 22;
const START_MS_MAX = 30_000;
const TURN_MS = 4;
const NAP_MS = 0.1;

export interface ClusterPlan {
  settings: Settings;
  directory: string;
  durability: string;
  shards: number;
}

const nap = new Int32Array(new SharedArrayBuffer(4));

/** Lets timers, messages and the coordinator have their turn. */
export function yieldLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class EngineCluster {
  readonly plan: ClusterPlan;
  cluster: Cluster | undefined;
  readonly #latency: Histogram;
  readonly #tables: readonly CommandTable[];
  #loads: LaneLoad[] = [];

  constructor(plan: ClusterPlan, latency: Histogram) {
    const { settings, shards } = plan;
    this.plan = plan;
    this.#latency = latency;
    this.#tables = CommandTable.perShard(settings.keys, shards, settings.payload, settings.seed, (key) =>
      groupOfKey(key, shards),
    );
  }

  /** Commands completed by the cluster that is open. */
  get completed(): number {
    return this.#loads.reduce((sum, load) => sum + load.acknowledged + load.refused, 0);
  }

  get refused(): number {
    return this.#loads.reduce((sum, load) => sum + load.refused, 0);
  }

  /** Bytes that each log has taken, by the count of commands: batches add next to nothing. */
  get isLogFull(): boolean {
    const { settings } = this.plan;
    const workers = settings.workers === 'per-group' ? this.plan.shards : settings.workers;
    return (this.completed * (COMMAND_HEADER_BYTES + settings.payload)) / workers > LOG_BYTES_MAX;
  }

  status(): ClusterStatus {
    return this.opened().status();
  }

  /** Commands applied since the cluster was opened, by the replica that is farthest in each shard. */
  appliedCommands(): number {
    const farthest = this.status().shards.map(({ replicas }) => Math.max(...replicas.map(({ commands }) => commands)));
    return farthest.reduce((sum, commands) => sum + commands, 0);
  }

  /** Keys in an order that visits all shards, with a command and a query for each. */
  promiseCommands(): PromiseCommands {
    return CommandTable.toPromiseCommands(this.#tables);
  }

  async open(): Promise<Cluster> {
    const { settings, durability, shards, directory } = this.plan;
    const isVolatile = durability === 'memory';
    this.cluster = await openCluster({
      ...(isVolatile ? { memoryLogBytes: MEMORY_LOG_BYTES } : { directory: join(directory, 'cluster') }),
      durability: durability as 'auto',
      replicas: settings.replicas,
      shards,
      workers: settings.workers,
      laneBytes: LANE_BYTES,
      seed: settings.seed,
      machine: 'kv',
    });
    return this.cluster;
  }

  /** Waits until every shard has a leader. */
  async awaitLeaders(): Promise<void> {
    const end = performance.now() + START_MS_MAX;
    while (this.status().shards.some(({ leader }) => leader < 0)) {
      if (performance.now() > end) throw new Error('a shard got no leader in time');
      await yieldLoop();
    }
  }

  /** The cluster that is open. */
  opened(): Cluster {
    assert(this.cluster !== undefined, 'the cluster is open');
    return this.cluster;
  }

  /** Opens lanes and drives them until every shard has answered. */
  async openLanes(): Promise<void> {
    const { settings, shards } = this.plan;
    const perLane = Math.max(1, Math.floor(settings.inFlight / shards));
    this.#loads = this.#tables.map((table) => {
      return new LaneLoad(this.opened().lane(table.firstKey), table, perLane, this.#latency);
    });
    const end = performance.now() + START_MS_MAX;
    while (this.#loads.some((load) => load.acknowledged === 0)) {
      if (performance.now() > end) throw new Error('a shard did not answer in time');
      await this.drive(TURN_MS);
    }
  }

  /** Keeps the lanes full for `ms`; returns completions. */
  async drive(ms: number): Promise<number> {
    const before = this.completed;
    const end = performance.now() + ms;
    while (performance.now() < end) {
      this.#turns(Math.min(end, performance.now() + TURN_MS));
      await yieldLoop();
    }
    return this.completed - before;
  }

  #turns(end: number): void {
    do {
      let moved = 0;
      for (let i = 0; i < this.#loads.length; i++) moved += this.#loads[i].turn(true);
      if (moved === 0) Atomics.wait(nap, 0, 0, NAP_MS);
    } while (performance.now() < end);
  }

  async #drain(): Promise<void> {
    const end = performance.now() + START_MS_MAX;
    while (this.#loads.some((load) => load.inFlight > 0) && performance.now() < end) {
      for (const load of this.#loads) load.turn(false);
      await yieldLoop();
    }
  }

  /** Closes the cluster and removes its logs. */
  async close(): Promise<void> {
    if (this.cluster === undefined) return;
    await this.#drain();
    this.#loads = [];
    await this.cluster.close();
    this.cluster = undefined;
    rmSync(join(this.plan.directory, 'cluster'), { recursive: true, force: true });
  }
}
