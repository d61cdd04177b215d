/** What a node's `status()` tells: one plain object, read from shared memory without disturbing anybody. */
import type { NodeConfig } from '../config.ts';
import { type LinkSnapshot, readLinkStatus } from '../transport/link-status.ts';
import type { NodeRouter } from './node-router.ts';
import { type Hosting, logsOfWorker, preferredMember } from './placement.ts';
import { describeReplica, describeWorker, type ReplicaStatus, type WorkerStatus } from './status.ts';
import type { WorkerSlot } from './supervisor.ts';

export interface NodeShardStatus extends Omit<ReplicaStatus, 'replica' | 'error'> {
  shard: number;
  /** Id of the node that leads, 0 while none is known here. */
  leader: number;
  /** Id of the node that should lead when all are healthy. */
  preferred: number;
  /** Why this node's part of the shard stopped, if it did. */
  error: string | undefined;
}

export interface LinkStatus extends LinkSnapshot {
  /** Id of the node at the other end. */
  node: number;
}

export interface NodeStatus {
  id: number;
  durability: string;
  /** Where the others reach this node. */
  listen: { host: string; port: number } | undefined;
  shards: NodeShardStatus[];
  workers: WorkerStatus[];
  links: LinkStatus[];
}

export interface NodeParts {
  config: NodeConfig;
  self: number;
  router: NodeRouter;
  slots: readonly WorkerSlot[];
  hosting: Hosting;
  linkStatus: SharedArrayBuffer;
  listen: { host: string; port: number } | undefined;
}

export function describeNode(parts: NodeParts): NodeStatus {
  const { config, router, slots, hosting, linkStatus, self } = parts;
  return {
    id: config.id,
    durability: config.durability,
    listen: parts.listen,
    shards: Array.from({ length: config.shards }, (_, shard) => describeShard(config, router, shard)),
    workers: slots.map((slot) =>
      describeWorker(
        slot,
        logsOfWorker(slot.worker, hosting.logs, hosting.workers).map((log) => router.statusOf(log)),
      ),
    ),
    links: config.members.flatMap(({ id }, member) =>
      member === self ? [] : [{ node: id, ...readLinkStatus(linkStatus, member) }],
    ),
  };
}

function describeShard(config: NodeConfig, router: NodeRouter, shard: number): NodeShardStatus {
  const { replica: _replica, error: _error, ...status } = describeReplica(router.statusOf(shard), 0);
  const leader = router.leaderOf(shard);
  return {
    shard,
    leader: config.members[leader]?.id ?? 0,
    preferred: config.members[preferredMember(shard, config.members.length)]?.id ?? 0,
    error: router.failureOf(shard)?.message,
    ...status,
  };
}
