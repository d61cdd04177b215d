/**
 * Gets a snapshot from a peer that truncated what this replica lacks: asks part by part, in order, from where it stands.
 *
 *   SNAPSHOT_OFFER ──▶ SNAPSHOT_FETCH offset ──▶ SNAPSHOT_PART… ──▶ whole: published ──▶ the core goes on from it ──▶ restored, in steps
 *                              ▲                       │
 *                              └── next, or after silence ──┘
 *
 * What is there is kept over silence: the same peer goes on where it stopped, and so does any other that has a snapshot of the same slot and size.
 * The checksums of blocks are a chain, so that pieces of two different images are found out when the whole is verified.
 * From the moment it is published this replica votes and learns behind it; only applying and answering wait until the machine is restored.
 */
import { CONTRACTS, ensures } from '../base/assert.ts';
import type { MemberIndex, Slot, Tick } from '../base/types.ts';
import type { Crc } from '../log/snapshot-format.ts';
import {
  SNAPSHOT_FAILED,
  SNAPSHOT_PUBLISHED,
  type SnapshotMedium,
  type SnapshotTarget,
} from '../log/snapshot-medium.ts';
import { M_AUX, M_AUX2, M_FROM, M_SLOT, M_VALUE_LENGTH } from '../paxos/message.ts';
import type { GroupDriver } from './group-driver.ts';
import { restoreSnapshot } from './snapshot-restore.ts';
import { FETCH_DOUBTED, FETCH_FROM, FETCH_ON, OFFER_INSTEAD, SNAPSHOT_BURST_PARTS } from './snapshot-sender.ts';
import { giveUp } from './snapshot-taker.ts';

/** Ticks of silence after which the same part is asked for again, after which another offer counts, and after which nothing is kept. */
const RETRY_TICKS = 10;
const SILENT_TICKS = 100;
const GIVE_UP_TICKS = 30_000;

/** Sends SNAPSHOT_FETCH. */
export type Ask = (from: MemberIndex, watermark: Slot, offset: number, wish: number) => void;

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

export interface SnapshotReceiverOptions {
  driver: GroupDriver;
  medium: SnapshotMedium;
  clusterId: number;
  crc: Crc;
  ask: Ask;
  /** One is about to be installed: what is being taken of the old state is of no use. */
  onInstall(): void;
}

export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  #receiving: Receiving | undefined;
  /** What was installed and is being put in the machine's place. */
  #restoring: { watermark: Slot; steps: Iterator<void> } | undefined;
  /** The last one that could not be published: its sender is asked to look at its own copy. */
  #doubted: Slot = -1;
  installed = 0;
  /** Transfers that went on after a silence. */
  resumed = 0;
  /** Failed, and the last reason. */
  failed = 0;
  failure = '';

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#receiving !== undefined || this.isRestoring;
  }

  get isRestoring(): boolean {
    return this.#restoring !== undefined;
  }

  /** Nobody has sent anything for long: what is there waits for an offer. */
  get isSilent(): boolean {
    const receiving = this.#receiving;
    return receiving !== undefined && !receiving.isPublishing && this.#tick - receiving.heardTick >= SILENT_TICKS;
  }

  /** Bytes received of the one under way, and its size; 0 where there is none. */
  get progress(): { bytes: number; size: number } {
    const receiving = this.#receiving;
    return receiving === undefined ? { bytes: 0, size: 0 } : { bytes: receiving.target.size, size: receiving.size };
  }

  get #tick(): Tick {
    return this.#options.driver.replica.state.tick;
  }

  /** It brings the replica further, or is what it lacks to begin. */
  #isUseful(watermark: Slot): boolean {
    const { driver } = this.#options;
    if (driver.replica.state.lacksImage) return driver.continuesFrom(watermark);
    return watermark > driver.replica.commitWatermark;
  }

  /**
   * A peer has a snapshot.
   *
   * ensures V1: one is begun only where it brings this replica further, and one at a time
   */
  onOffer(message: Float64Array): void {
    const watermark = message[M_SLOT] as Slot;
    const size = message[M_AUX] as number;
    const from = message[M_FROM] as MemberIndex;
    if (this.isRestoring || !this.#isUseful(watermark) || !Number.isSafeInteger(size) || size <= 0) return;
    const receiving = this.#receiving;
    if (receiving !== undefined) {
      const isGone = from === receiving.from && message[M_AUX2] === OFFER_INSTEAD;
      if (receiving.isPublishing || !(isGone || this.isSilent)) return;
      const isSame = receiving.target.watermark === watermark && receiving.size === size;
      if (!isGone && (isSame || from === receiving.from)) {
        this.#resume(receiving, from);
        return;
      }
      this.#abandon();
    }
    this.#begin(from, watermark, size);
    if (CONTRACTS)
      ensures(this.#receiving === undefined || this.#receiving.target.watermark === watermark, 'V1: one at a time');
  }

  #begin(from: MemberIndex, watermark: Slot, size: number): void {
    const tick = this.#tick;
    try {
      const target = this.#options.medium.create(watermark);
      this.#receiving = { from, target, size, isPublishing: false, parts: 0, heardTick: tick, askedTick: tick };
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#options.ask(from, watermark, 0, this.#doubted === watermark ? FETCH_DOUBTED : FETCH_FROM);
    this.#doubted = -1;
  }

  /** Goes on where the transfer stopped, with whoever offers the same. */
  #resume(receiving: Receiving, from: MemberIndex): void {
    this.resumed += 1;
    receiving.from = from;
    receiving.heardTick = this.#tick;
    this.#askNext(receiving, FETCH_FROM);
  }

  /**
   * Takes the part that comes next; everything else is asked for again. `offset` is that of the bytes in `bytes`.
   *
   * ensures V2: what is kept is the beginning of what the sender has: nothing twice, nothing left out, nothing beyond its size
   */
  onPart(message: Float64Array, bytes: Uint8Array, offset: number): void {
    const receiving = this.#receiving;
    if (receiving === undefined || receiving.isPublishing || message[M_FROM] !== receiving.from) return;
    const { target, size } = receiving;
    if (message[M_SLOT] !== target.watermark || message[M_AUX2] !== size) return;
    receiving.heardTick = this.#tick;
    const length = message[M_VALUE_LENGTH] as number;
    if (message[M_AUX] !== target.size || target.size + length > size) return;
    try {
      target.append(bytes.subarray(offset, offset + length));
      receiving.parts += 1;
      if (target.size < size) return;
      receiving.isPublishing = true;
      target.publish();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Asks for more, or again after silence; installs what is whole. Returns the work done. */
  work(): number {
    if (this.#restoring !== undefined) return this.#restore(this.#restoring);
    const receiving = this.#receiving;
    if (receiving === undefined) return 0;
    if (receiving.target.state() === SNAPSHOT_FAILED) {
      this.#doubted = receiving.target.watermark;
      this.#fail(new Error(receiving.target.failure));
      return 1;
    }
    if (receiving.isPublishing) return this.#watch(receiving);
    if (this.#tick - receiving.heardTick >= GIVE_UP_TICKS || !this.#isUseful(receiving.target.watermark)) {
      this.#abandon();
      return 1;
    }
    if (!receiving.target.mayAppend) {
      // The silence is ours: it is no reason to ask again.
      receiving.heardTick = this.#tick;
      return 0;
    }
    if (receiving.parts >= SNAPSHOT_BURST_PARTS / 2) this.#askNext(receiving, FETCH_ON);
    else if (this.#tick - Math.max(receiving.heardTick, receiving.askedTick) >= RETRY_TICKS)
      this.#askNext(receiving, FETCH_FROM);
    else return 0;
    return 1;
  }

  /** Asks for what comes next. */
  #askNext(receiving: Receiving, wish: number): void {
    receiving.askedTick = this.#tick;
    receiving.parts = 0;
    this.#options.ask(receiving.from, receiving.target.watermark, receiving.target.size, wish);
  }

  #watch(receiving: Receiving): number {
    if (receiving.target.state() !== SNAPSHOT_PUBLISHED || !this.#options.driver.canMark) return 0;
    this.#receiving = undefined;
    this.#install(receiving.target);
    return 1;
  }

  /**
   * The core goes on from it at once. Older snapshots go: between them and this one the log has a gap (S16).
   *
   * ensures  V3: only what was verified after it was written is restored
   */
  #install(target: SnapshotTarget): void {
    const { watermark, size } = target;
    if (CONTRACTS) ensures(target.state() === SNAPSHOT_PUBLISHED, 'V3: only what is published is installed');
    const { medium, driver, clusterId, crc, onInstall } = this.#options;
    if (!this.#isUseful(watermark)) return;
    onInstall();
    driver.install(watermark, size);
    for (const older of medium.list()) if (older < watermark) medium.remove(older);
    this.#restoring = { watermark, steps: restoreSnapshot(medium, clusterId, watermark, driver, crc) };
  }

  /**
   * One step: other groups of the worker, votes and heartbeats go on in between.
   *
   * ensures  V4: at the end the machine stands at its watermark, and not before
   */
  #restore({ watermark, steps }: { watermark: Slot; steps: Iterator<void> }): number {
    const { driver } = this.#options;
    const isOver = steps.next().done === true;
    if (isOver) {
      this.#restoring = undefined;
      driver.restored(watermark);
      this.installed += 1;
    }
    if (CONTRACTS) ensures((driver.appliedWatermark === watermark) === isOver, 'V4: the machine is at the watermark');
    return 1;
  }

  /** What was received cannot be kept: it is begun anew with the next offer. */
  #fail(error: unknown): void {
    this.failed += 1;
    this.failure = error instanceof Error ? error.message : String(error);
    this.#abandon();
  }

  #abandon(): void {
    giveUp(this.#receiving?.target);
    this.#receiving = undefined;
  }
}
