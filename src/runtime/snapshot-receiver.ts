/**
 * Gets a snapshot from a peer that truncated what this replica lacks: asks part by part, in order, from where it stands.
 *
 *   SNAPSHOT_OFFER ──▶ SNAPSHOT_FETCH offset ──▶ SNAPSHOT_PART… ──▶ whole: published ──▶ restored, installed
 *                              ▲                       │
 *                              └── next, or after silence ──┘
 */
import type { MemberIndex, Slot, Tick } from '../base/types.ts';
import { type Crc, readSnapshot } from '../log/snapshot-format.ts';
import {
  SNAPSHOT_FAILED,
  SNAPSHOT_PUBLISHED,
  type SnapshotMedium,
  type SnapshotTarget,
} from '../log/snapshot-medium.ts';
import { M_AUX, M_AUX2, M_FROM, M_SLOT, M_VALUE_LENGTH } from '../paxos/message.ts';
import type { GroupDriver } from './group-driver.ts';
import { SNAPSHOT_BURST_PARTS } from './snapshot-sender.ts';

/** Ticks of silence after which the same part is asked for again, and after which another offer is taken. */
const RETRY_TICKS = 10;
const GIVE_UP_TICKS = 100;

/** Sends SNAPSHOT_FETCH. */
export type Ask = (from: MemberIndex, watermark: Slot, offset: number) => void;

interface Receiving {
  from: MemberIndex;
  target: SnapshotTarget;
  size: number;
  isPublishing: boolean;
  /** Parts taken since the last question. */
  parts: number;
  heardTick: Tick;
  askedTick: Tick;
}

export class SnapshotReceiver {
  readonly #driver: GroupDriver;
  readonly #medium: SnapshotMedium;
  readonly #clusterId: number;
  readonly #crc: Crc;
  readonly #ask: Ask;
  #receiving: Receiving | undefined;
  installed = 0;

  constructor(driver: GroupDriver, medium: SnapshotMedium, clusterId: number, crc: Crc, ask: Ask) {
    this.#driver = driver;
    this.#medium = medium;
    this.#clusterId = clusterId;
    this.#crc = crc;
    this.#ask = ask;
  }

  get isBusy(): boolean {
    return this.#receiving !== undefined;
  }

  get #tick(): Tick {
    return this.#driver.replica.state.tick;
  }

  /** It brings the replica further, or is what it lacks to begin. */
  #isUseful(watermark: Slot): boolean {
    const { replica } = this.#driver;
    if (replica.state.lacksImage) return this.#driver.continuesFrom(watermark);
    return watermark > replica.commitWatermark;
  }

  onOffer(message: Float64Array): void {
    const watermark = message[M_SLOT] as Slot;
    if (!this.#isUseful(watermark)) return;
    if (this.#receiving !== undefined) {
      const isAlive = this.#receiving.isPublishing || this.#tick - this.#receiving.heardTick < GIVE_UP_TICKS;
      if (isAlive) return;
      this.#abandon();
    }
    const tick = this.#tick;
    const target = this.#medium.create(watermark);
    const from = message[M_FROM] as MemberIndex;
    const size = message[M_AUX] as number;
    this.#receiving = { from, target, size, isPublishing: false, parts: 0, heardTick: tick, askedTick: tick };
    this.#ask(from, watermark, 0);
  }

  /** Takes the part that comes next; everything else is asked for again. `offset` is that of the bytes in `bytes`. */
  onPart(message: Float64Array, bytes: Uint8Array, offset: number): void {
    const receiving = this.#receiving;
    if (receiving === undefined || receiving.isPublishing || message[M_FROM] !== receiving.from) return;
    const { target } = receiving;
    if (message[M_SLOT] !== target.watermark || message[M_AUX] !== target.size || message[M_AUX2] !== receiving.size)
      return;
    target.append(bytes.subarray(offset, offset + (message[M_VALUE_LENGTH] as number)));
    receiving.heardTick = this.#tick;
    receiving.parts += 1;
    if (target.size === receiving.size) {
      receiving.isPublishing = true;
      target.publish();
    } else if (receiving.parts % SNAPSHOT_BURST_PARTS === 0) this.#askNext(receiving);
  }

  /** Asks again after silence; installs what is whole. Returns the work done. */
  work(): number {
    const receiving = this.#receiving;
    if (receiving === undefined) return 0;
    if (receiving.isPublishing) return this.#watch(receiving);
    const isSilent = this.#tick - Math.max(receiving.heardTick, receiving.askedTick) >= RETRY_TICKS;
    if (this.#tick - receiving.heardTick >= GIVE_UP_TICKS) {
      this.#abandon();
      return 1;
    }
    if (!isSilent) return 0;
    this.#askNext(receiving);
    return 1;
  }

  /** Asks for what comes next. */
  #askNext(receiving: Receiving): void {
    receiving.askedTick = this.#tick;
    receiving.parts = 0;
    this.#ask(receiving.from, receiving.target.watermark, receiving.target.size);
  }

  #watch(receiving: Receiving): number {
    const { target } = receiving;
    const state = target.state();
    if (state === SNAPSHOT_FAILED) this.#abandon();
    else if (state === SNAPSHOT_PUBLISHED && this.#driver.canMark) {
      this.#receiving = undefined;
      this.#install(target);
    } else return 0;
    return 1;
  }

  /** Older snapshots go: between them and this one the log has a gap (S16). */
  #install(target: SnapshotTarget): void {
    const { watermark, size } = target;
    if (!this.#isUseful(watermark)) return;
    const source = this.#medium.open(watermark);
    const name = { clusterId: this.#clusterId, group: this.#driver.groupId, watermark };
    this.#driver.applier.restore(readSnapshot(source, name, this.#crc));
    source.close();
    this.#driver.install(watermark, size);
    for (const older of this.#medium.list()) if (older < watermark) this.#medium.remove(older);
    this.installed += 1;
  }

  #abandon(): void {
    this.#receiving?.target.abandon();
    this.#receiving = undefined;
  }
}
