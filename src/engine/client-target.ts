/**
 * What the client endpoint serves: the part of a cluster or a node that it needs, and no more.
 */
import type { ReadOptions } from './engine-options.ts';
import type { ProposeOptions } from './proposals.ts';

export interface ClientTarget {
  propose(key: string, command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array>;
  read(key: string, query: Uint8Array, options?: ReadOptions): Promise<Uint8Array>;
  status(): TargetStatus;
  /** Prometheus text. */
  metrics(): string;
  /** To a replica of a cluster, or a node by its id. */
  transferLeadership(shard: number, to: number): void;
  snapshot(shard: number): void;
}

/** What a cluster's and a node's status have in common. */
export interface TargetStatus {
  /** Of a node: its id. Nodes count from 1, so 0 means nobody; replicas of a cluster count from 0, so -1 does. */
  id?: number;
  shards: readonly { shard: number; leader: number; error: string | undefined }[];
}

/** Shards that answer nobody at the moment: without a known leader, or stopped here. */
export function unreadyShards(status: TargetStatus): number[] {
  const first = status.id === undefined ? 0 : 1;
  return status.shards.filter(({ leader, error }) => leader < first || error !== undefined).map(({ shard }) => shard);
}
