/**
 * The snapshots of one simulated group: durable once published, which takes its time and may fail; a crash takes the rest.
 */
import type { Prng } from '../../src/base/prng.ts';
import type { GroupId, Slot } from '../../src/base/types.ts';
import { readSnapshot, SNAPSHOT_BLOCK_HEADER_BYTES } from '../../src/log/snapshot-format.ts';
import {
  type OpenSnapshot,
  SNAPSHOT_FAILED,
  SNAPSHOT_PUBLISHED,
  SNAPSHOT_PUBLISHING,
  SNAPSHOT_WRITING,
  type SnapshotMedium,
  type SnapshotTarget,
} from '../../src/log/snapshot-medium.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import type { FaultCounts } from './fault-counts.ts';
import type { FaultMix } from './faults.ts';

const PUBLISH_TICKS_MAX = 20;

/** Survives crashes: bytes by watermark. */
export type SnapshotShelf = Map<Slot, Uint8Array>;

/** One life of a group over its shelf. */
export class SimSnapshots implements SnapshotMedium {
  readonly #group: GroupId;
  readonly #shelf: SnapshotShelf;
  readonly #prng: Prng;
  readonly #faults: FaultMix;
  readonly #counts: FaultCounts;
  readonly #now: () => number;

  constructor(
    group: GroupId,
    shelf: SnapshotShelf,
    prng: Prng,
    faults: FaultMix,
    counts: FaultCounts,
    now: () => number,
  ) {
    this.#group = group;
    this.#shelf = shelf;
    this.#prng = prng;
    this.#faults = faults;
    this.#counts = counts;
    this.#now = now;
  }

  list(): Slot[] {
    return [...this.#shelf.keys()].sort((a, b) => a - b);
  }

  open(watermark: Slot): OpenSnapshot {
    return sourceOf(this.#shelf.get(watermark) as Uint8Array);
  }

  create(watermark: Slot): SnapshotTarget {
    const fails = this.#prng.chance(this.#faults.snapshotFailure);
    if (fails) this.#counts.snapshotFailure += 1;
    const dueIn = this.#prng.range(1, PUBLISH_TICKS_MAX);
    return new SimTarget(this.#group, watermark, fails, dueIn, this.#now, (bytes) => {
      this.#shelf.set(watermark, bytes);
      this.#counts.snapshot += 1;
    });
  }

  setAside(watermark: Slot): void {
    this.#shelf.delete(watermark);
    this.#counts.snapshotFallback += 1;
  }

  remove(watermark: Slot): void {
    this.#shelf.delete(watermark);
  }
}

class SimTarget implements SnapshotTarget {
  readonly watermark: Slot;
  failure = '';
  size = 0;
  readonly #group: GroupId;
  readonly #fails: boolean;
  readonly #dueIn: number;
  readonly #now: () => number;
  readonly #publish: (bytes: Uint8Array) => void;
  #parts: Uint8Array[] = [];
  #dueTick = -1;
  #state = SNAPSHOT_WRITING;

  constructor(
    group: GroupId,
    watermark: Slot,
    fails: boolean,
    dueIn: number,
    now: () => number,
    publish: (bytes: Uint8Array) => void,
  ) {
    this.#group = group;
    this.watermark = watermark;
    this.#fails = fails;
    this.#dueIn = dueIn;
    this.#now = now;
    this.#publish = publish;
  }

  append(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice());
    this.size += bytes.length;
  }

  publish(): void {
    this.#state = SNAPSHOT_PUBLISHING;
    this.#dueTick = this.#now() + this.#dueIn;
  }

  state(): number {
    if (this.#state !== SNAPSHOT_PUBLISHING || this.#now() < this.#dueTick) return this.#state;
    const bytes = new Uint8Array(Buffer.concat(this.#parts));
    this.failure = this.#fails ? 'the disk refused it' : whyDamaged(bytes, this.#group, this.watermark);
    this.#state = this.failure === '' ? SNAPSHOT_PUBLISHED : SNAPSHOT_FAILED;
    if (this.failure === '') this.#publish(bytes);
    return this.#state;
  }

  abandon(): void {
    this.#parts = [];
  }
}

/** Verified after writing, as the publisher does. */
function whyDamaged(bytes: Uint8Array, group: GroupId, watermark: Slot): string {
  try {
    for (const _chunk of readSnapshot(sourceOf(bytes), { clusterId: 1, group, watermark }, crc32c));
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

function sourceOf(bytes: Uint8Array): OpenSnapshot {
  return {
    size: bytes.length,
    read: (offset, target, size) => target.set(bytes.subarray(offset, offset + size)),
    close: () => {},
  };
}

/** A bit of the newest snapshot turns over; its watermark, or -1 where no older one can take its place. */
export function rotNewest(shelf: SnapshotShelf, prng: Prng): Slot {
  if (shelf.size < 2) return -1;
  const newest = Math.max(...shelf.keys());
  const bytes = shelf.get(newest) as Uint8Array;
  // Not in the zeros that pad a block: nobody would notice, and nothing would be wrong.
  const at = prng.range(0, SNAPSHOT_BLOCK_HEADER_BYTES);
  bytes[at] = (bytes[at] as number) ^ (1 << prng.range(0, 8));
  return newest;
}
