/**
 * Takes snapshots of one group, in slices between duty cycles, while commands go on.
 *
 *   idle ── begin ──▶ image frozen ── slices, while the medium keeps up ──▶ written ── flushed, verified, renamed ──▶ published ──▶ older ones removed
 */
import { assert } from '../base/assert.ts';
import type { Slot } from '../base/types.ts';
import { type Crc, SnapshotEncoder } from '../log/snapshot-format.ts';
import {
  SNAPSHOT_FAILED,
  SNAPSHOT_PUBLISHED,
  type SnapshotMedium,
  type SnapshotTarget,
} from '../log/snapshot-medium.ts';
import type { GroupDriver } from './group-driver.ts';

/**
 * Blocks per turn: one, and one more for every so many bytes that the machine keeps aside for the image. So it keeps at most what commands
 * overwrite while this many bytes are written in single blocks, and then a fraction of the rest.
 */
const BLOCKS_PER_TURN_MAX = 64;
const KEPT_BYTES_PER_BLOCK = 1 << 20;
/** Beyond it the medium's flushes are not waited for: the page cache can give memory back, the machine cannot. */
const KEPT_BYTES_MAX = 64 << 20;

interface Taking {
  target: SnapshotTarget;
  encoder: SnapshotEncoder;
  image: Iterator<Uint8Array>;
  chunk: Uint8Array | undefined;
  from: number;
}

export class SnapshotTaker {
  readonly #driver: GroupDriver;
  readonly #medium: SnapshotMedium;
  readonly #clusterId: number;
  readonly #crc: Crc;
  readonly #snapshotsKept: number;
  #taking: Taking | undefined;
  #publishing: SnapshotTarget | undefined;
  /** Snapshots published and failed since start, how many failed since the last success, and the last failure's reason. */
  published = 0;
  failed = 0;
  failedInRow = 0;
  failure = '';
  /** Most bytes that the machine kept aside for an image so far. */
  bytesKeptMost = 0;
  /** Slots below are in all snapshots kept: the log may give them up. */
  releasable: Slot = 0;

  constructor(driver: GroupDriver, medium: SnapshotMedium, clusterId: number, crc: Crc, snapshotsKept: number) {
    assert(snapshotsKept >= 1, 'at least one snapshot is kept');
    this.#driver = driver;
    this.#medium = medium;
    this.#clusterId = clusterId;
    this.#crc = crc;
    this.#snapshotsKept = snapshotsKept;
  }

  /** An image is being drained. */
  get isTaking(): boolean {
    return this.#taking !== undefined;
  }

  get isBusy(): boolean {
    return this.#taking !== undefined || this.#publishing !== undefined;
  }

  /** Freezes the image of everything applied so far; false where nothing is new since the last one. */
  begin(): boolean {
    const watermark = this.#driver.appliedWatermark;
    const { snapshotWatermark } = this.#driver.replica.state;
    if (this.isBusy || watermark === 0) return false;
    if (watermark <= snapshotWatermark) {
      // A group that stands still must not hold the log for others: its newest snapshot is all there is to it.
      this.releasable = snapshotWatermark;
      return false;
    }
    let target: SnapshotTarget | undefined;
    try {
      target = this.#medium.create(watermark);
      const append = target.append.bind(target);
      const name = { clusterId: this.#clusterId, group: this.#driver.groupId, watermark };
      const encoder = new SnapshotEncoder(name, this.#crc, append);
      this.#taking = { target, encoder, image: this.#driver.applier.image(), chunk: undefined, from: 0 };
    } catch (error) {
      giveUp(target);
      this.#fail(error);
    }
    return this.isBusy;
  }

  /** Some slices; returns 1 where there was something to do. */
  work(): number {
    const taking = this.#taking;
    if (taking === undefined) return this.#publishing === undefined ? 0 : this.#settle(this.#publishing);
    const kept = this.#driver.applier.imageBytesKept();
    if (kept > this.bytesKeptMost) this.bytesKeptMost = kept;
    try {
      if (taking.target.state() === SNAPSHOT_FAILED) throw new Error(taking.target.failure);
      if (!taking.target.mayAppend && kept < KEPT_BYTES_MAX) return 0;
      const blocks = Math.min(BLOCKS_PER_TURN_MAX, 1 + Math.floor(kept / KEPT_BYTES_PER_BLOCK));
      for (let i = 0; i < blocks && this.#taking !== undefined; i++) this.#slice(taking);
    } catch (error) {
      this.#end(taking);
      giveUp(taking.target);
      this.#fail(error);
    }
    return 1;
  }

  /** A snapshot was found damaged: nothing more of the log is given up until as many as are kept are sound again (S16). */
  withdraw(): void {
    this.releasable = 0;
  }

  /** Gives up what is being written: what is applied comes from a peer's snapshot now. */
  abandon(): void {
    if (this.#taking === undefined) return;
    giveUp(this.#taking.target);
    this.#end(this.#taking);
  }

  /** Writes one block. */
  #slice(taking: Taking): void {
    if (taking.chunk === undefined) {
      const { value, done } = taking.image.next();
      if (done === true) {
        taking.encoder.end();
        taking.target.publish();
        this.#publishing = taking.target;
        this.#taking = undefined;
        return;
      }
      taking.chunk = value;
      taking.from = 0;
    }
    taking.from = taking.encoder.put(taking.chunk, taking.from);
    if (taking.from >= taking.chunk.length) taking.chunk = undefined;
  }

  /** Nothing more is read of the image. */
  #end(taking: Taking): void {
    this.#taking = undefined;
    taking.encoder.close();
    taking.image.return?.();
  }

  /** A medium that fails while older snapshots are looked for costs this one its turn, not the group. */
  #settle(target: SnapshotTarget): number {
    try {
      return this.#watch(target);
    } catch (error) {
      this.#publishing = undefined;
      this.#fail(error);
      return 1;
    }
  }

  #watch(target: SnapshotTarget): number {
    const state = target.state();
    if (state === SNAPSHOT_PUBLISHED) {
      this.#publishing = undefined;
      this.published += 1;
      this.failedInRow = 0;
      this.#keep(target);
    } else if (state === SNAPSHOT_FAILED) {
      this.#publishing = undefined;
      giveUp(target);
      this.#fail(new Error(target.failure));
    } else return 0;
    return 1;
  }

  /** The log is kept back to the oldest snapshot retained, so that it can take the place of a damaged newer one (S16). */
  #keep(target: SnapshotTarget): void {
    const { replica } = this.#driver;
    const { snapshotWatermark, truncationPoint } = replica.state;
    if (target.watermark <= snapshotWatermark) return;
    const kept = this.#medium.list().slice(-this.#snapshotsKept);
    assert(kept.includes(target.watermark), 'a published snapshot is listed');
    replica.snapshotPublished(target.watermark, target.size, truncationPoint);
    if (kept.length === this.#snapshotsKept) this.releasable = kept[0] as Slot;
    for (const watermark of this.#medium.list()) if (watermark < (kept[0] as Slot)) this.#medium.remove(watermark);
  }

  #fail(error: unknown): void {
    this.failed += 1;
    this.failedInRow += 1;
    this.failure = error instanceof Error ? error.message : String(error);
  }
}

/** What is left of it goes; a medium that refuses even that is asked again when it is opened anew. */
export function giveUp(target: SnapshotTarget | undefined): void {
  try {
    target?.abandon();
  } catch {
    // The reason for giving it up is what is told.
  }
}
