/**
 * The snapshots of one simulated group: durable once published, which takes its time and may fail; a crash takes the rest.
 */
import type { Prng } from '../../src/base/prng.ts';
import type { GroupId, Slot } from '../../src/base/types.ts';
import { readSnapshot } from '../../src/log/snapshot-format.ts';
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
import type { CrashPoints } from './fault-crash-points.ts';
import type { FaultMix } from './faults.ts';

const PUBLISH_TICKS_MAX = 20;
const VERIFY_TICKS_MAX = 10;
/** Chance per block that the medium falls behind, and that a snapshot which will fail does so at this block. */
const BEHIND_CHANCE = 0.1;
const REFUSE_CHANCE = 0.3;

/** Survives crashes: bytes by watermark. */
export type SnapshotShelf = Map<Slot, Uint8Array>;

export interface SimSnapshotsOptions {
  group: GroupId;
  shelf: SnapshotShelf;
  prng: Prng;
  faults: FaultMix;
  counts: FaultCounts;
  points: CrashPoints;
  now(): number;
}

/** One life of a group over its shelf. */
export class SimSnapshots implements SnapshotMedium {
  readonly #options: SimSnapshotsOptions;
  /** Taken off the shelf, and not durably so: a crash may bring them back. */
  readonly #unsynced = new Map<Slot, Uint8Array>();
  readonly #targets = new Set<SimTarget>();

  constructor(options: SimSnapshotsOptions) {
    this.#options = options;
  }

  list(): Slot[] {
    return [...this.#options.shelf.keys()].sort((a, b) => a - b);
  }

  open(watermark: Slot): OpenSnapshot {
    this.#options.points.note();
    return sourceOf(this.#options.shelf.get(watermark) as Uint8Array);
  }

  create(watermark: Slot): SnapshotTarget {
    const { counts, prng, faults, points } = this.#options;
    points.note();
    const fails = prng.chance(faults.snapshotFailure);
    if (fails) counts.snapshotFailure += 1;
    const target = new SimTarget(this.#options, watermark, fails, (bytes) => {
      this.#name(watermark, bytes);
      this.#targets.delete(target);
    });
    this.#targets.add(target);
    return target;
  }

  /** The directory is made durable with the new name: what was taken out of it stays out. */
  #name(watermark: Slot, bytes: Uint8Array): void {
    this.#options.shelf.set(watermark, bytes);
    this.#options.counts.snapshot += 1;
    this.#unsynced.clear();
  }

  setAside(watermark: Slot): void {
    this.#options.counts.snapshotFallback += 1;
    this.remove(watermark);
  }

  remove(watermark: Slot): void {
    const { shelf, points } = this.#options;
    const bytes = shelf.get(watermark);
    if (bytes !== undefined) this.#unsynced.set(watermark, bytes);
    shelf.delete(watermark);
    points.note();
  }

  verify(watermark: Slot): () => number {
    const { now, prng, shelf, group } = this.#options;
    const due = now() + prng.range(1, VERIFY_TICKS_MAX);
    return () => {
      if (now() < due) return SNAPSHOT_PUBLISHING;
      const bytes = shelf.get(watermark);
      return bytes !== undefined && whyDamaged(bytes, group, watermark) === '' ? SNAPSHOT_PUBLISHED : SNAPSHOT_FAILED;
    };
  }

  bytes(): number {
    return [...this.#options.shelf.values()].reduce((sum, { length }) => sum + length, 0);
  }

  publishedAt(): number {
    return this.#options.now();
  }

  /** The power went: names that were not durable may be the old ones or the new ones. */
  lose(): void {
    const { shelf, prng, counts } = this.#options;
    for (const [watermark, bytes] of this.#unsynced) {
      if (shelf.has(watermark) || !prng.chance(0.5)) continue;
      shelf.set(watermark, bytes);
      counts.snapshotComesBack += 1;
    }
    for (const target of this.#targets) {
      const bytes = target.named();
      if (bytes === undefined || !prng.chance(0.5)) continue;
      shelf.set(target.watermark, bytes);
      counts.snapshotUntold += 1;
    }
  }
}

class SimTarget implements SnapshotTarget {
  readonly watermark: Slot;
  failure = '';
  size = 0;
  readonly #options: SimSnapshotsOptions;
  readonly #fails: boolean;
  readonly #publish: (bytes: Uint8Array) => void;
  readonly #dueIn: number;
  #parts: Uint8Array[] = [];
  #dueTick = -1;
  #behindUntil = 0;
  #state = SNAPSHOT_WRITING;

  constructor(options: SimSnapshotsOptions, watermark: Slot, fails: boolean, publish: (bytes: Uint8Array) => void) {
    this.#options = options;
    this.watermark = watermark;
    this.#fails = fails;
    this.#publish = publish;
    this.#dueIn = options.prng.range(1, PUBLISH_TICKS_MAX);
  }

  append(bytes: Uint8Array): void {
    const { prng, points, now } = this.#options;
    points.note();
    if (this.#fails && prng.chance(REFUSE_CHANCE)) throw new Error('ENOSPC: no space left');
    if (prng.chance(BEHIND_CHANCE)) this.#behindUntil = now() + prng.range(1, 4);
    this.#parts.push(bytes.slice());
    this.size += bytes.length;
  }

  get mayAppend(): boolean {
    return this.#options.now() >= this.#behindUntil;
  }

  publish(): void {
    this.#options.points.note();
    this.#state = SNAPSHOT_PUBLISHING;
    this.#dueTick = this.#options.now() + this.#dueIn;
  }

  /** The bytes that already have their name, though nobody was told. */
  named(): Uint8Array | undefined {
    const isNamed = this.#state === SNAPSHOT_PUBLISHING && !this.#fails && this.#dueTick - 1 <= this.#options.now();
    return isNamed ? new Uint8Array(Buffer.concat(this.#parts)) : undefined;
  }

  state(): number {
    const { now, group, points } = this.#options;
    if (this.#state !== SNAPSHOT_PUBLISHING || now() < this.#dueTick) return this.#state;
    const bytes = new Uint8Array(Buffer.concat(this.#parts));
    this.failure = this.#fails ? 'the disk refused it' : whyDamaged(bytes, group, this.watermark);
    this.#state = this.failure === '' ? SNAPSHOT_PUBLISHED : SNAPSHOT_FAILED;
    if (this.failure === '') this.#publish(bytes);
    points.note();
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

/** A bit of the newest snapshot turns over; its watermark, or -1 where nothing could take its place: no older one, and not what is left when it `isSpare`. */
export function rotNewest(shelf: SnapshotShelf, prng: Prng, isSpare: boolean): Slot {
  if (shelf.size < (isSpare ? 1 : 2)) return -1;
  const newest = Math.max(...shelf.keys());
  const bytes = shelf.get(newest) as Uint8Array;
  const at = prng.range(0, bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << prng.range(0, 8));
  return newest;
}
