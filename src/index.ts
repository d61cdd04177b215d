/** The public API of synod; re-exports only. */
export { ERROR_CODES, type ErrorCode, SynodError } from './base/errors.ts';
export {
  type Address,
  type ClusterOptions,
  type Config,
  type ConfigSources,
  type Durability,
  type LoadedConfig,
  type Logger,
  loadConfig,
  loadNodeConfig,
  type Member,
  type NativeUse,
  type NodeConfig,
  type NodeOptions,
  SETTINGS,
} from './config.ts';
export { Cluster } from './engine/cluster.ts';
export type { Consistency } from './engine/consistency.ts';
export { Engine } from './engine/engine.ts';
export type { LaneOptions, ReadOptions, SessionOptions } from './engine/engine-options.ts';
export type { EngineEvents, WorkerAllocation } from './engine/engine-parts.ts';
export type { Inspection } from './engine/inspections.ts';
export { Lane } from './engine/lane.ts';
export type { OnCompleted } from './engine/lane-client.ts';
export { Node } from './engine/node.ts';
export type { LinkStatus, NodeShardStatus, NodeStatus } from './engine/node-status.ts';
export { openCluster } from './engine/open-cluster.ts';
export { openNode } from './engine/open-node.ts';
export type { ProposeOptions } from './engine/proposals.ts';
export { Session } from './engine/session.ts';
export type { ClusterStatus, ReplicaStatus, ShardStatus, WorkerStatus } from './engine/status.ts';
export { kv } from './machines/kv-commands.ts';
export type { Command, MachineModule, MachineOptions, Reply, StateMachine } from './runtime/state-machine.ts';
