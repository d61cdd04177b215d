/**
 * Where the snapshots of one group live. Files in production; the simulator and the tests bring their own medium.
 *
 *   create ──append, while mayAppend──▶ target ──publish──▶ flushed, verified, renamed: listed ──open──▶ source
 */
import type { Slot } from '../base/types.ts';
import type { SnapshotSource } from './snapshot-format.ts';

export const SNAPSHOT_WRITING = 0;
export const SNAPSHOT_PUBLISHING = 1;
export const SNAPSHOT_PUBLISHED = 2;
export const SNAPSHOT_FAILED = 3;

/** A snapshot that grows. Its medium may refuse any of it: every call may throw. */
export interface SnapshotTarget {
  readonly watermark: Slot;
  /** Bytes appended. */
  readonly size: number;
  append(bytes: Uint8Array): void;
  /** False while so much of it is on its way to the medium that more would only pile up. */
  readonly mayAppend: boolean;
  /** Makes it durable and verifies it, without blocking; look at `state` until it says how that ended. */
  publish(): void;
  /** SNAPSHOT_*. SNAPSHOT_FAILED may come at any time. */
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
  /** A damaged one is listed no more; the last one is kept for whoever wants to look. */
  setAside(watermark: Slot): void;
  /** Reads a published one from end to end, without blocking; the answer is SNAPSHOT_PUBLISHING until it is PUBLISHED (sound) or FAILED. */
  verify(watermark: Slot): () => number;
  /** Bytes that all of this takes up on the medium. */
  bytes(): number;
  /** Wall-clock milliseconds at which one was published. */
  publishedAt(watermark: Slot): number;
}
