/**
 * Where the snapshots of one group live. Files in production; the simulator and the tests bring their own medium.
 *
 *   create ──append…──▶ target ──publish──▶ flushed, verified, renamed: listed ──open──▶ source
 */
import type { Slot } from '../base/types.ts';
import type { SnapshotSource } from './snapshot-format.ts';

export const SNAPSHOT_WRITING = 0;
export const SNAPSHOT_PUBLISHING = 1;
export const SNAPSHOT_PUBLISHED = 2;
export const SNAPSHOT_FAILED = 3;

/** A snapshot that grows. */
export interface SnapshotTarget {
  readonly watermark: Slot;
  /** Bytes appended. */
  readonly size: number;
  append(bytes: Uint8Array): void;
  /** Makes it durable and verifies it, without blocking; look at `state` until it says how that ended. */
  publish(): void;
  /** SNAPSHOT_*. One atomic load. */
  state(): number;
  /** Why it failed. */
  readonly failure: string;
  /** Forgets what was written; idempotent, and without effect once it is published. */
  abandon(): void;
}

export interface OpenSnapshot extends SnapshotSource {
  close(): void;
}

export interface SnapshotMedium {
  /** Watermarks of the published snapshots, ascending; what was left half-made is gone. */
  list(): Slot[];
  open(watermark: Slot): OpenSnapshot;
  create(watermark: Slot): SnapshotTarget;
  remove(watermark: Slot): void;
  /** A damaged one is listed no more, and kept for whoever wants to look. */
  setAside(watermark: Slot): void;
}
