/**
 * What a group worker receives at birth. Everything shared is a SharedArrayBuffer that the coordinator owns, so that it
 * outlives the worker (S22).
 */
import type { MessagePort } from 'node:worker_threads';
import type { PublishTask } from '../src/log/snapshot-files.ts';
import type { SharedTurn } from '../src/runtime/snapshot-turn.ts';

/** How one lane reaches this worker: the shared lane block and the completion ring of this replica. */
export interface LaneData {
  laneId: number;
  groupId: number;
  lane: SharedArrayBuffer;
  completions: SharedArrayBuffer;
}

/**
 * A link of this worker. Its rings end at the worker of another replica that hosts the same groups (replicas in one process), or at
 * the transport worker of this node, which carries frames to and from the peer's node.
 */
export interface PeerLinkData {
  memberIndex: number;
  outboundBulk: SharedArrayBuffer;
  outboundControl: SharedArrayBuffer;
  inboundBulk: SharedArrayBuffer;
  inboundControl: SharedArrayBuffer;
  /** Worker block of whoever reads the outbound rings: its doorbell is rung after a burst. */
  peerBlock: SharedArrayBuffer;
  /** How that doorbell wakes: the transport worker has an event loop. Default 'thread'. */
  wakeKind?: WakeKind;
  /** The node's link status block; frames are taken only while its line for `memberIndex` says LINK_UP. Absent: always up. */
  linkStatus?: SharedArrayBuffer;
}

/** 'thread': parks natively where the addon is loaded. 'eventLoop': waits with `Atomics.waitAsync`. The kinds do not wake each other. */
export type WakeKind = 'thread' | 'eventLoop';

/** One log of the replica's directory. */
export interface LogData {
  logNumber: number;
  /** Directory of the log's segments; empty for a volatile log. */
  directory: string;
  /** Asked for; 'auto' lets the worker probe the path. */
  durability: 'auto' | 'dax' | 'direct' | 'buffered' | 'fs' | 'memory';
  clusterId: number;
  nodeId: number;
  /** The directory was lost or rolled back: its groups rejoin (S12). */
  isForgotten: boolean;
  /** Chunks of the in-memory tail, LOG_SEGMENT_BYTES each, page-aligned (WebAssembly memories) where the device needs it. */
  chunks: SharedArrayBuffer[];
  /** Volatile logs: control block that survives a restart of the worker (S4). */
  volatileControl: SharedArrayBuffer;
}

/** A log that a worker hosts, with the groups whose records stand in it. A group never changes its log (S15). */
export interface HostedLog {
  log: LogData;
  groups: GroupData[];
}

/** Snapshots of the replica's groups. */
export interface SnapshotData {
  /** One directory per group below it; empty where the log is volatile. */
  directory: string;
  /** Log bytes and milliseconds after which a group takes one; both 0 = only when asked. */
  everyBytes: number;
  everyMs: number;
  /** Published ones kept of each group. */
  kept: number;
  /** What a worker sends of them to peers; 0 = as much as there is room for. */
  sendBytesPerSecond: number;
  /** Whose turn it is among the workers of the process. */
  turn: SharedTurn;
}

export interface GroupData {
  groupId: number;
  /** Member index of the replica that should lead when all are healthy. */
  preferredMember: number;
  status: SharedArrayBuffer;
  lanes: LaneData[];
}

export interface WorkerData {
  /** Grows with each task that owned this worker's rings. */
  ownerEpoch: number;
  memberIndex: number;
  /** Index of this replica among those of its process: by it the routes of lanes name it. */
  laneReplica: number;
  /** One node of several: lanes stay with this replica whoever leads, routed by `ownerEpoch`; commands go on to the leader. */
  forwards: boolean;
  memberNodeIds: number[];
  block: SharedArrayBuffer;
  /** The application's doorbell (Atomics.waitAsync): rung after completions. */
  clientDoorbell: SharedArrayBuffer;
  control: MessagePort;
  /** One or several: as many as the directory was made with, spread over the workers of this start. */
  logs: HostedLog[];
  snapshots: SnapshotData;
  peers: PeerLinkData[];
  /** Module URL or ready-made name, and what createMachine gets. */
  machine: string;
  seed: number;
  native: 'auto' | 'required' | 'off';
  tuning: Tuning;
}

/** Settings that a worker obeys; defaults in config.ts. */
export interface Tuning {
  tickMs: number;
  heartbeatTicks: number;
  electionTimeoutTicks: number;
  electionJitterTicks: number;
  leaseMs: number;
  clockDriftPpm: number;
  batchBytesTarget: number;
  windowSlotsMax: number;
  payloadBytesMax: number;
}

/** Coordinator → worker, on the control port; announced by WORKER_CONTROL_WORD. */
export type ControlMessage =
  | { kind: 'lane'; lane: LaneData }
  | { kind: 'closeLane'; laneId: number }
  | { kind: 'suspect'; memberIndex: number }
  | { kind: 'transfer'; groupId: number; memberIndex: number }
  /** The group's leader finds this replica's replies deviating: stop it here. */
  | { kind: 'deviates'; groupId: number; slot: number }
  /** The group takes a snapshot now. */
  | { kind: 'snapshot'; groupId: number }
  /** Publishing the snapshot ended; `failure` is empty where it succeeded. */
  | { kind: 'published'; id: number; failure: string }
  | { kind: 'allocation'; phase: 'start' | 'stop' }
  /** A query to this replica's own machine, whatever it has applied so far: for audits, never for clients. */
  | { kind: 'inspect'; requestId: number; groupId: number; query: Uint8Array };

/** Worker → coordinator, on the control port. */
export type WorkerMessage =
  | {
      kind: 'ready';
      device: string;
      deviceReason: string;
      durable: boolean;
      native: boolean;
      recoveredRecords: number;
      recoveredBytes: number;
    }
  | { kind: 'error'; code: string; message: string; groupId: number | undefined; slot: number | undefined }
  | { kind: 'warning'; message: string }
  /** The worker is recovering: bytes of `what` read so far, of `total` at most. */
  | { kind: 'progress'; what: 'log' | 'snapshot'; bytes: number; total: number }
  /** A written snapshot is to be flushed, verified and named by somebody who may block. */
  | { kind: 'publish'; task: PublishTask }
  /** A leader's finding: the replies of that member differ from most others'. */
  | { kind: 'deviates'; groupId: number; memberIndex: number; slot: number }
  | { kind: 'allocation'; bytes: number; commands: number }
  /** `status` is a REPLY_*; `applied` the watermark at which the machine answered. */
  | { kind: 'inspected'; requestId: number; status: number; applied: number; reply: Uint8Array };

/** A member as its peers know it. */
export interface TransportMember {
  memberIndex: number;
  nodeId: number;
  host: string;
  port: number;
  /** Incarnation that the configuration names (S13); 0 = not known yet: the first one that connects is taken and reported. */
  incarnation: number;
  /** Highest boot counter seen of it, as last reported; a lower one is an old copy of its directory and refused. */
  bootCounter: number;
}

/** The rings between one group worker and this node's transport worker, for one peer; named as the group worker sees them. */
export interface TransportLink {
  memberIndex: number;
  outboundBulk: SharedArrayBuffer;
  outboundControl: SharedArrayBuffer;
  inboundBulk: SharedArrayBuffer;
  inboundControl: SharedArrayBuffer;
}

/** A group worker as the transport worker sees it. */
export interface TransportWorker {
  workerIndex: number;
  /** Frames of these groups go to its inbound rings. */
  groups: number[];
  /** Its worker block: the doorbell is rung after frames were delivered. */
  block: SharedArrayBuffer;
  links: TransportLink[];
}

/** Certificates as files, so that they can be replaced while the node runs. */
export interface TlsFiles {
  /** Authorities that sign the certificates of this cluster's nodes, and of nobody else. */
  ca: string;
  certificate: string;
  key: string;
  /** Revoked certificates; '' = none. */
  revoked: string;
  /** With a name, a node's certificate says `synod-node-<id>.<name>`; with '', `synod-node-<id>`. */
  clusterName: string;
}

/** What a node's transport worker receives at birth. One per node; runs as a piscina task (workers/transport-worker, `run`). */
export interface TransportData {
  /** As for group workers: WORKER_OWNER_WORD of `block` holds it before the task starts. */
  ownerEpoch: number;
  memberIndex: number;
  nodeId: number;
  clusterId: number;
  /** Of this node's directory, minted at its first start. */
  incarnation: number;
  /** The directory was made for one that was lost (S13). */
  isReplacement?: boolean;
  /** Durable before this worker starts: counts the starts of this directory. */
  bootCounter: number;
  shards: number;
  /** All members, this one included. */
  members: TransportMember[];
  /** Port 0 lets the system choose; `ready` names what it became. */
  listen: { host: string; port: number };
  tls: TlsFiles | undefined;
  /** Plain text to and from other machines is refused without this. */
  insecureTransport: boolean;
  /** What carries frames: tcp stays with the sockets; auto takes shared memory on one host and RDMA hardware between hosts. */
  transport: 'auto' | 'tcp' | 'shm' | 'rdma';
  rdmaProvider: 'auto' | 'verbs' | 'efa' | 'tcp' | 'shm';
  workers: TransportWorker[];
  /** Worker block (WORKER_*): doorbell (eventLoop kind), STOP, CONTROL, BEAT, THREAD_ID, OWNER, READY. */
  block: SharedArrayBuffer;
  /** One line per member index and one for strangers: `createLinkStatus()` of transport/link-status. */
  linkStatus: SharedArrayBuffer;
  control: MessagePort;
  seed: number;
  native: 'auto' | 'required' | 'off';
}

/** Coordinator → transport worker, on the control port; announced by WORKER_CONTROL_WORD and the doorbell. */
export type TransportControl =
  /** Read the certificate files again now (changed files are noticed by themselves within seconds). */
  | { kind: 'reloadTls' }
  /** The member is found elsewhere from now on. */
  | { kind: 'address'; memberIndex: number; host: string; port: number };

/** Transport worker → coordinator, on the control port. */
export type TransportMessage =
  | { kind: 'ready'; host: string; port: number; native: boolean }
  | { kind: 'error'; code: string; message: string }
  | { kind: 'warning'; message: string }
  /** A link came up, or went down; the word in the link status block changed before. */
  | { kind: 'link'; memberIndex: number; isUp: boolean; transport: 'tcp' | 'tls' | 'shm' | 'rdma'; reason: string }
  /** Somebody was turned away or cut off; `memberIndex` is -1 where nobody proved to be a member. */
  | { kind: 'refused'; memberIndex: number; isByPeer: boolean; address: string; reason: string; message: string }
  /** A member shows a new incarnation or boot counter: keep it durably and give it back in `members` at the next start. */
  | { kind: 'seen'; memberIndex: number; incarnation: number; bootCounter: number };
