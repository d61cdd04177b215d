/**
 * Takes snapshots of one group, in slices between duty cycles, while commands go on.
 *
 *   idle ── due or asked ──▶ image frozen ── a slice per turn ──▶ written ── flushed, verified, renamed ──▶ published ──▶ older ones removed
 */
import { assert } from '../base/assert.ts';
import type { Slot } from '../base/types.ts';
import { SNAPSHOTS_KEPT } from '../limits.ts';
import { type Crc, SnapshotEncoder } from '../log/snapshot-format.ts';
import {
  SNAPSHOT_FAILED,
  SNAPSHOT_PUBLISHED,
  type SnapshotMedium,
  type SnapshotTarget,
} from '../log/snapshot-medium.ts';
import type { GroupDriver } from './group-driver.ts';

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
  #taking: Taking | undefined;
  #publishing: SnapshotTarget | undefined;
  /** Snapshots published and failed since start; the last failure's reason. */
  published = 0;
  failed = 0;
  failure = '';

  constructor(driver: GroupDriver, medium: SnapshotMedium, clusterId: number, crc: Crc) {
    this.#driver = driver;
    this.#medium = medium;
    this.#clusterId = clusterId;
    this.#crc = crc;
  }

  get isBusy(): boolean {
    return this.#taking !== undefined || this.#publishing !== undefined;
  }

  /** Freezes the image of everything applied so far; false where nothing is new since the last one. */
  begin(): boolean {
    const watermark = this.#driver.appliedWatermark;
    const { replica } = this.#driver;
    const { snapshotWatermark, snapshotBytes } = replica.state;
    if (this.isBusy || watermark === 0) return false;
    if (watermark <= snapshotWatermark) {
      // A group that stands still must not hold the log for others: its newest snapshot is all there is to it.
      replica.snapshotPublished(snapshotWatermark, snapshotBytes, snapshotWatermark);
      return false;
    }
    try {
      const target = this.#medium.create(watermark);
      const name = { clusterId: this.#clusterId, group: this.#driver.groupId, watermark };
      const encoder = new SnapshotEncoder(name, this.#crc, (block) => target.append(block));
      this.#taking = { target, encoder, image: this.#driver.applier.image(), chunk: undefined, from: 0 };
    } catch (error) {
      this.#fail(error);
    }
    return this.isBusy;
  }

  /** One slice; returns 1 where there was something to do. */
  work(): number {
    if (this.#taking !== undefined) {
      try {
        this.#slice(this.#taking);
      } catch (error) {
        this.#taking?.target.abandon();
        this.#taking = undefined;
        this.#fail(error);
      }
      return 1;
    }
    return this.#publishing === undefined ? 0 : this.#watch(this.#publishing);
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

  #watch(target: SnapshotTarget): number {
    const state = target.state();
    if (state === SNAPSHOT_PUBLISHED) {
      this.#publishing = undefined;
      this.published += 1;
      this.#keep(target);
    } else if (state === SNAPSHOT_FAILED) {
      this.#publishing = undefined;
      target.abandon();
      this.#fail(new Error(target.failure));
    } else return 0;
    return 1;
  }

  /** The log is kept back to the oldest snapshot retained, so that it can take the place of a damaged newer one (S16). */
  #keep(target: SnapshotTarget): void {
    const { replica } = this.#driver;
    if (target.watermark <= replica.state.snapshotWatermark) return;
    const kept = this.#medium.list().slice(-SNAPSHOTS_KEPT);
    assert(kept.includes(target.watermark), 'a published snapshot is listed');
    const oldest = kept.length < SNAPSHOTS_KEPT ? replica.state.truncationPoint : (kept[0] as Slot);
    replica.snapshotPublished(target.watermark, target.size, Math.max(oldest, replica.state.truncationPoint));
    for (const watermark of this.#medium.list()) if (watermark < (kept[0] as Slot)) this.#medium.remove(watermark);
  }

  #fail(error: unknown): void {
    this.failed += 1;
    this.failure = error instanceof Error ? error.message : String(error);
  }
}
