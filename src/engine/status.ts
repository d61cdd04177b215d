/**
 * What `status()` tells: one plain object, read from shared memory without disturbing anybody.
 */
import type { Config } from '../config.ts';
import {
  SNAPSHOT_AT_MS,
  SNAPSHOT_BYTES,
  SNAPSHOT_DISK_BYTES,
  SNAPSHOT_DURATION_MS,
  SNAPSHOT_FAILURES,
  SNAPSHOT_INSTALLED_COUNT,
  SNAPSHOT_KEPT_BYTES,
  SNAPSHOT_PUBLISHED_COUNT,
  SNAPSHOT_SENT_BYTES,
  SNAPSHOT_WATERMARK,
} from '../memory/descriptor.ts';
import type { StatusReader } from '../memory/status-block.ts';
import { type Hosting, logsOfWorker, preferredMember } from './placement.ts';
import type { Router } from './router.ts';
import type { WorkerSlot } from './supervisor.ts';

export interface ReplicaStatus {
  replica: number;
  role: 'starting' | 'follower' | 'candidate' | 'leader' | 'stopped' | 'rejoining';
  ballot: number;
  commitWatermark: number;
  appliedWatermark: number;
  commands: number;
  elections: number;
  digest: number;
  /** 0, or why the replica's part of the shard stopped. */
  error: number;
  snapshot: SnapshotStatus;
}

/** Snapshots of a shard on one replica; counts are since the worker started. */
export interface SnapshotStatus {
  /** The newest: all slots below are in it; 0 = there is none. */
  watermark: number;
  bytes: number;
  /** Milliseconds since it was published (-1 = there is none), and from its begin until then. */
  ageMs: number;
  durationMs: number;
  taken: number;
  /** Got from other replicas. */
  installed: number;
  failures: number;
  /** Why the last one failed; undefined where it did not. */
  error: string | undefined;
  sentBytes: number;
  /** Most that the machine kept aside while one was taken. */
  keptBytes: number;
  /** What all snapshots of the shard take up here. */
  diskBytes: number;
}

export interface ShardStatus {
  shard: number;
  /** Replica that leads, -1 while none does. */
  leader: number;
  preferred: number;
  error: string | undefined;
  replicas: ReplicaStatus[];
}

export interface WorkerStatus {
  replica: number;
  worker: number;
  isUp: boolean;
  restarts: number;
  device: string;
  /** Why it is this device, and how bytes reach the medium. */
  deviceReason: string;
  durable: boolean;
  native: boolean;
  recoveredRecords: number;
  recoveredBytes: number;
  /** 'full': no space for commands; 'slow': much slower than those of other replicas; 'failed': takes nothing until a restart. */
  log: 'sound' | 'full' | 'slow' | 'failed';
  /** How long the flush sampled last took, to a tick. */
  flushMs: number;
  /** Log submissions and bytes since the worker started. */
  flushes: number;
  logBytes: number;
  /** Log that is not given back yet. */
  logKeptBytes: number;
}

export interface ClusterStatus {
  durability: string;
  shards: ShardStatus[];
  workers: WorkerStatus[];
}

const LOG_STATES = ['sound', 'full', 'slow', 'failed'] as const;
const ROLES = ['starting', 'follower', 'candidate', 'leader', 'stopped', 'rejoining'] as const;

export function describeCluster(
  config: Config,
  hosting: Hosting,
  router: Router,
  slots: readonly WorkerSlot[],
): ClusterStatus {
  return {
    durability: config.durability,
    shards: Array.from({ length: config.shards }, (_, shard) => describeShard(config, router, shard)),
    workers: slots.map((slot) => {
      const logs = logsOfWorker(slot.worker, hosting.logs, hosting.workers);
      return describeWorker(
        slot,
        logs.map((log) => router.statusOf(log, slot.replica)),
      );
    }),
  };
}

function describeShard(config: Config, router: Router, shard: number): ShardStatus {
  return {
    shard,
    leader: router.leaderOf(shard),
    preferred: preferredMember(shard, config.replicas),
    error: router.failureOf(shard)?.message,
    replicas: Array.from({ length: config.replicas }, (_, replica) =>
      describeReplica(router.statusOf(shard, replica), replica),
    ),
  };
}

export function describeReplica(status: StatusReader, replica: number): ReplicaStatus {
  return {
    replica,
    role: ROLES[status.role] ?? 'starting',
    ballot: status.ballot,
    commitWatermark: status.commit,
    appliedWatermark: status.applied,
    commands: status.commands,
    elections: status.elections,
    digest: status.sampleApplied() >= 0 ? status.sampledDigest : 0,
    error: status.error,
    snapshot: describeSnapshot(status),
  };
}

function describeSnapshot(status: StatusReader): SnapshotStatus {
  const publishedAt = status.snapshot(SNAPSHOT_AT_MS);
  return {
    watermark: status.snapshot(SNAPSHOT_WATERMARK),
    bytes: status.snapshot(SNAPSHOT_BYTES),
    ageMs: publishedAt === 0 ? -1 : Math.max(0, Date.now() - publishedAt),
    durationMs: status.snapshot(SNAPSHOT_DURATION_MS),
    taken: status.snapshot(SNAPSHOT_PUBLISHED_COUNT),
    installed: status.snapshot(SNAPSHOT_INSTALLED_COUNT),
    failures: status.snapshot(SNAPSHOT_FAILURES),
    error: status.snapshotFailure === '' ? undefined : status.snapshotFailure,
    sentBytes: status.snapshot(SNAPSHOT_SENT_BYTES),
    keptBytes: status.snapshot(SNAPSHOT_KEPT_BYTES),
    diskBytes: status.snapshot(SNAPSHOT_DISK_BYTES),
  };
}

/**
 * `logs`: for each of the worker's logs the status of its first group, which has the log's number; all groups of a log tell the same of
 * it. Of several logs the worst state counts, and the sum of the rest.
 */
export function describeWorker(slot: WorkerSlot, logs: readonly StatusReader[]): WorkerStatus {
  const sum = (figure: (status: StatusReader) => number): number =>
    logs.reduce((total, status) => total + figure(status), 0);
  const most = (figure: (status: StatusReader) => number): number => Math.max(0, ...logs.map(figure));
  return {
    replica: slot.replica,
    worker: slot.worker,
    isUp: slot.isUp,
    restarts: slot.restarts,
    device: slot.ready?.device ?? 'unknown',
    deviceReason: slot.ready?.deviceReason ?? 'the worker has not started yet',
    durable: slot.ready?.durable ?? false,
    native: slot.ready?.native ?? false,
    recoveredRecords: slot.ready?.recoveredRecords ?? 0,
    recoveredBytes: slot.ready?.recoveredBytes ?? 0,
    log: LOG_STATES[most(({ logState }) => logState)] ?? 'sound',
    flushMs: most(({ flushMs }) => flushMs),
    flushes: sum(({ flushes }) => flushes),
    logBytes: sum(({ logBytes }) => logBytes),
    logKeptBytes: sum(({ logKept }) => logKept),
  };
}
