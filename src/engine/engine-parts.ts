/**
 * What an engine is made of and what it tells: the parts that a cluster and a node fill in differently.
 */
import type { SynodError } from '../base/errors.ts';
import type { GroupId } from '../base/types.ts';
import type { Config } from '../config.ts';
import type { Sleeper } from '../memory/doorbell.ts';
import type { LaneClient } from './lane-client.ts';
import type { Hosting } from './placement.ts';
import type { WorkerSlot } from './supervisor.ts';

/** Bytes a worker allocated per command between start and stop. */
export interface WorkerAllocation {
  replica: number;
  worker: number;
  bytes: number;
  commands: number;
}

export interface EngineEvents {
  /** A shard has a (new) leader: index among the replicas, and id of its node. */
  leader: [{ shard: number; replica: number; node: number }];
  /** A worker went down and is being restarted. */
  down: [{ replica: number; worker: number; error: unknown }];
  /** A worker is up again. */
  restart: [{ replica: number; worker: number }];
  /** A starting worker reads its log or snapshot: so many bytes of so many at most. */
  progress: [{ replica: number; worker: number; what: 'log' | 'snapshot'; bytes: number; total: number }];
  /** A replica's part of a shard stopped; the shard goes on while a quorum does. */
  stopped: [{ shard: number; replica: number; error: SynodError }];
  /** A node's link to another came up or went down. */
  link: [{ node: number; isUp: boolean; transport: string; reason: string }];
  warning: [string];
}

/** Who serves a group's lanes among the replicas of this process. */
export interface LaneRouter {
  addLane(lane: LaneClient): void;
  removeLane(lane: LaneClient): void;
  /** Why the group takes no more commands, if it does not. */
  failureOf(group: GroupId): SynodError | undefined;
  /** Why the group's leader takes no commands for now, reads excepted. */
  refusalOf?(group: GroupId): SynodError | undefined;
  /** Looks at every group; returns how many routes changed. */
  check(): number;
  /** A replacement worker has cleared its status: its error, if it has one again, is a new one. */
  forget(replica: number, group: GroupId): void;
}

/** What the router reports, and what it may ask. */
export interface RouterHost {
  onLeader(shard: number, replica: number): void;
  onGroupError(shard: number, replica: number, error: SynodError): void;
  slot(replica: number, group: GroupId): WorkerSlot;
}

export interface EngineParts<R extends LaneRouter> {
  config: EngineConfig;
  /** Replicas in this process; lanes, slots and routes number them from 0. */
  replicas: number;
  hosting: Hosting;
  sleeper: Sleeper;
  makeRouter(host: RouterHost): R;
  release(): void;
}

export type EngineConfig = Pick<
  Config,
  | 'shards'
  | 'payloadBytesMax'
  | 'laneBytes'
  | 'completionBytes'
  | 'timeoutMs'
  | 'waitersMax'
  | 'closeTimeoutMs'
  | 'logger'
>;
