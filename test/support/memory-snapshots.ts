/** Snapshots of one group in memory: published when the test says so. */
import type { Slot } from '../../src/base/types.ts';
import {
  type OpenSnapshot,
  SNAPSHOT_FAILED,
  SNAPSHOT_PUBLISHED,
  SNAPSHOT_PUBLISHING,
  SNAPSHOT_WRITING,
  type SnapshotMedium,
  type SnapshotTarget,
} from '../../src/log/snapshot-medium.ts';

export class MemoryTarget implements SnapshotTarget {
  readonly watermark: Slot;
  failure = '';
  size = 0;
  isAbandoned = false;
  parts: Uint8Array[] = [];
  at = SNAPSHOT_WRITING;
  mayAppend = true;

  constructor(watermark: Slot) {
    this.watermark = watermark;
  }

  append(bytes: Uint8Array): void {
    this.parts.push(bytes.slice());
    this.size += bytes.length;
  }

  publish(): void {
    this.at = SNAPSHOT_PUBLISHING;
  }

  state(): number {
    return this.at;
  }

  abandon(): void {
    this.isAbandoned = true;
  }
}

export class MemorySnapshots implements SnapshotMedium {
  readonly shelf = new Map<Slot, Uint8Array>();
  readonly targets: MemoryTarget[] = [];
  isFull = false;

  list(): Slot[] {
    return [...this.shelf.keys()].sort((a, b) => a - b);
  }

  open(watermark: Slot): OpenSnapshot {
    const bytes = this.shelf.get(watermark) as Uint8Array;
    return {
      size: bytes.length,
      read: (offset, target, size) => target.set(bytes.subarray(offset, offset + size)),
      close: () => {},
    };
  }

  create(watermark: Slot): SnapshotTarget {
    if (this.isFull) throw new Error('no space');
    const target = new MemoryTarget(watermark);
    this.targets.push(target);
    return target;
  }

  verified: Slot[] = [];
  /** What `verify` says. */
  soundness = SNAPSHOT_PUBLISHED;

  verify(watermark: Slot): () => number {
    this.verified.push(watermark);
    return () => this.soundness;
  }

  bytes(): number {
    return [...this.shelf.values()].reduce((sum, { length }) => sum + length, 0);
  }

  publishedAt(): number {
    return 1;
  }

  setAside(watermark: Slot): void {
    this.shelf.delete(watermark);
  }

  remove(watermark: Slot): void {
    this.shelf.delete(watermark);
  }

  /** Ends the publishing of the newest target. */
  settle(failure = ''): void {
    const target = this.targets.at(-1) as MemoryTarget;
    target.failure = failure;
    target.at = failure === '' ? SNAPSHOT_PUBLISHED : SNAPSHOT_FAILED;
    if (failure === '') this.shelf.set(target.watermark, new Uint8Array(Buffer.concat(target.parts)));
  }
}
