/**
 * A cluster in one process: every replica of every group lives here. The user's handle, made by `openCluster`.
 */

import { SynodError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import type { Sleeper } from '../memory/doorbell.ts';
import { Engine } from './engine.ts';
import { closed } from './engine-errors.ts';
import type { Inspection } from './inspections.ts';
import { renderMetrics, samplesOf } from './metrics.ts';
import type { Hosting } from './placement.ts';
import { Router } from './router.ts';
import type { SharedMemory } from './shared-memory.ts';
import { type ClusterStatus, describeCluster } from './status.ts';

export interface ClusterParts {
  config: Config;
  hosting: Hosting;
  memory: SharedMemory;
  sleeper: Sleeper;
  release(): void;
}

export class Cluster extends Engine<Router> {
  readonly #config: Config;

  constructor(parts: ClusterParts) {
    const { config, hosting, memory, sleeper, release } = parts;
    super({
      config,
      replicas: config.replicas,
      hosting,
      sleeper,
      release,
      makeRouter: (host) => new Router(memory.status, host, (replica, group) => host.slot(replica, group).isUp),
    });
    this.#config = config;
  }

  status(): ClusterStatus {
    return describeCluster(this.#config, this.hosting, this.router, this.supervisor?.slots ?? []);
  }

  /** `status()` as Prometheus text. */
  metrics(): string {
    return renderMetrics(samplesOf(this.status()));
  }

  /** Asks the leader of a shard to hand over to `replica`. */
  transferLeadership(shard: number, replica: number): void {
    if (!this.#exists(shard, replica)) throw noSuch(shard, replica);
    const leader = this.router.leaderOf(shard);
    if (leader < 0) throw new SynodError('ERR_SYNOD_NO_LEADER', `Shard ${shard} has no leader now: try again.`);
    this.supervisor?.post(this.slot(leader, shard), { kind: 'transfer', groupId: shard, memberIndex: replica });
  }

  /** Every replica of the shard takes a snapshot as soon as it can; older log is given back once two stand. */
  snapshot(shard: number): void {
    if (!this.#exists(shard, 0)) throw noSuch(shard, 0);
    this.snapshotLocal(shard);
  }

  /** Ends a worker's thread as a crash would: for drills. Supervision brings it back. */
  terminateWorker(replica: number, worker: number): void {
    this.terminateLocal(replica, worker);
  }

  /** Asks one replica's own machine, whatever it has applied: for audits. */
  inspect(shard: number, replica: number, query: Uint8Array): Promise<Inspection> {
    if (this.isClosing) return Promise.reject(closed());
    if (!this.#exists(shard, replica)) return Promise.reject(noSuch(shard, replica));
    return this.inspectLocal(shard, replica, query);
  }

  protected nodeIdOf(memberIndex: number): number {
    return memberIndex + 1;
  }

  /** The deviating replica is told to stop its part. */
  protected onDeviates(shard: number, memberIndex: number, slot: number): void {
    this.supervisor?.post(this.slot(memberIndex, shard), { kind: 'deviates', groupId: shard, slot });
  }

  #exists(shard: number, replica: number): boolean {
    const { shards, replicas } = this.#config;
    return isIndex(shard, shards) && isIndex(replica, replicas);
  }
}

function isIndex(value: number, count: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < count;
}

function noSuch(shard: number, replica: number): SynodError {
  return new SynodError('ERR_SYNOD_CONFIG', `There is no replica ${replica} of shard ${shard}: both count from 0.`);
}
