/**
 * What the engine is told: complete, valid and frozen settings of a cluster in one process, and of one node.
 */
import type { Address, Member } from './addresses.ts';

export type Durability = 'auto' | 'dax' | 'direct' | 'buffered' | 'fs' | 'memory';
export type NativeUse = 'auto' | 'required' | 'off';
export type TransportChoice = 'auto' | 'tcp' | 'shm' | 'rdma';
export type RdmaProvider = 'auto' | 'verbs' | 'efa' | 'tcp' | 'shm';

/** The part of pino's interface that is used; silent when absent. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Settings of clusters and nodes alike. */
export interface CommonConfig {
  directory: string | undefined;
  shards: number;
  workers: number | 'per-group';
  machine: string;
  durability: Durability;
  payloadBytesMax: number;
  laneBytes: number;
  completionBytes: number;
  batchBytes: number;
  windowSlots: number;
  tickMs: number;
  heartbeatTicks: number;
  electionTimeoutTicks: number;
  electionJitterTicks: number;
  leaseMs: number;
  clockDriftPpm: number;
  memoryLogBytes: number;
  snapshotLogBytes: number;
  snapshotIntervalMs: number;
  snapshotsKept: number;
  snapshotSendBytesPerSecond: number;
  timeoutMs: number;
  waitersMax: number;
  startTimeoutMs: number;
  closeTimeoutMs: number;
  native: NativeUse;
  lostReplicas: 'refuse' | 'rejoin';
  seed: number;
  logger: Logger | undefined;
}

/** All settings of a cluster in one process, present and valid. */
export interface Config extends CommonConfig {
  replicas: number;
}

/** Paths of PEM files; read again when they change. */
export interface TlsFiles {
  ca: string;
  cert: string;
  key: string;
  revoked?: string;
}

/** The node's HTTP endpoint for the command line, probes and metrics. */
export interface ClientEndpointConfig {
  /** Undefined = no endpoint. */
  listen: Address | undefined;
  /** Plain HTTP beyond loopback. */
  insecure: boolean;
}

/** All settings of one node, present and valid. */
export interface NodeConfig extends CommonConfig {
  id: number;
  members: readonly Member[];
  /** Nodes of another name are refused. */
  cluster: string;
  listen: Address;
  /** The one start that makes a new cluster (S13). */
  bootstrap: boolean;
  tls: Readonly<TlsFiles> | undefined;
  /** Plain text beyond loopback. */
  insecure: boolean;
  client: Readonly<ClientEndpointConfig>;
  transport: TransportChoice;
  rdmaProvider: RdmaProvider;
}

type Given<T> = { [Name in keyof T]?: T[Name] | undefined };
type WithMachineUrl<T> = Omit<T, 'machine' | 'workers' | 'leaseMs'> & {
  leaseMs: number | 'auto';
  machine: string | URL;
  workers: number | 'per-group' | 'auto';
};

/** What `openCluster` takes: any subset; `machine` may be a URL. */
export type ClusterOptions = Given<WithMachineUrl<Config>>;

/** What `openNode` takes; addresses and members also as they are written. */
export type NodeOptions = Given<Omit<WithMachineUrl<NodeConfig>, 'members' | 'listen' | 'client' | 'tls'>> & {
  members?: string | readonly (string | Member)[] | undefined;
  listen?: string | number | Address | undefined;
  tls?: Given<TlsFiles> | undefined;
  client?: { listen?: string | number | Address | undefined; insecure?: boolean | undefined } | undefined;
};
