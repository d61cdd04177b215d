/**
 * What a group worker receives at birth. Everything shared is a SharedArrayBuffer that the coordinator owns, so that it
 * outlives the worker (S22).
 */
import type { MessagePort } from 'node:worker_threads';
import type { PublishTask } from '../src/log/snapshot-files.ts';

/** How one lane reaches this worker: the shared lane block and the completion ring of this replica. */
export interface LaneData {
  laneId: number;
  groupId: number;
  lane: SharedArrayBuffer;
  completions: SharedArrayBuffer;
}

/** A direct link (memory transport) between this worker and the worker of another replica that hosts the same groups. */
export interface PeerLinkData {
  memberIndex: number;
  outboundBulk: SharedArrayBuffer;
  outboundControl: SharedArrayBuffer;
  inboundBulk: SharedArrayBuffer;
  inboundControl: SharedArrayBuffer;
  /** Worker block of the peer's worker: its doorbell is rung after a burst. */
  peerBlock: SharedArrayBuffer;
}

/** One log of the replica's directory. */
export interface LogData {
  logNumber: number;
  /** Directory of the log's segments; empty for a volatile log. */
  directory: string;
  /** Asked for; 'auto' lets the worker probe the path. */
  durability: 'auto' | 'direct' | 'buffered' | 'fs' | 'memory';
  clusterId: number;
  nodeId: number;
  /** The directory was lost or rolled back: its groups rejoin (S12). */
  isForgotten: boolean;
  /** Chunks of the in-memory tail, LOG_SEGMENT_BYTES each, page-aligned (WebAssembly memories) where the device needs it. */
  chunks: SharedArrayBuffer[];
  /** Volatile logs: control block that survives a restart of the worker (S4). */
  volatileControl: SharedArrayBuffer;
}

/** Snapshots of the replica's groups. */
export interface SnapshotData {
  /** One directory per group below it; empty where the log is volatile. */
  directory: string;
  /** Log bytes after which a group takes one; 0 = only when asked. */
  everyBytes: number;
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
  memberNodeIds: number[];
  block: SharedArrayBuffer;
  /** The application's doorbell (Atomics.waitAsync): rung after completions. */
  clientDoorbell: SharedArrayBuffer;
  control: MessagePort;
  log: LogData;
  snapshots: SnapshotData;
  groups: GroupData[];
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
      durable: boolean;
      native: boolean;
      recoveredRecords: number;
      recoveredBytes: number;
    }
  | { kind: 'error'; code: string; message: string; groupId: number | undefined; slot: number | undefined }
  | { kind: 'warning'; message: string }
  /** A written snapshot is to be flushed, verified and named by somebody who may block. */
  | { kind: 'publish'; task: PublishTask }
  /** A leader's finding: the replies of that member differ from most others'. */
  | { kind: 'deviates'; groupId: number; memberIndex: number; slot: number }
  | { kind: 'allocation'; bytes: number; commands: number }
  /** `status` is a REPLY_*; `applied` the watermark at which the machine answered. */
  | { kind: 'inspected'; requestId: number; status: number; applied: number; reply: Uint8Array };
