/**
 * Serves published snapshots to peers: a question gives credit for some parts, and a turn sends one part while there is credit, room and rate.
 *
 *   SNAPSHOT_FETCH offset ──▶ serving { next byte, credit } per member ── a part per turn ──▶ SNAPSHOT_PART…
 *
 * Kept per member: two numbers. Each snapshot that is being served stays open, so that one which is replaced meanwhile is served to its end.
 */
import { assert } from '../base/assert.ts';
import type { MemberIndex, Slot, Tick } from '../base/types.ts';
import { SNAPSHOT_BLOCK_BYTES, VALUE_BYTES_MAX } from '../limits.ts';
import {
  type OpenSnapshot,
  SNAPSHOT_FAILED,
  SNAPSHOT_PUBLISHED,
  SNAPSHOT_PUBLISHING,
  type SnapshotMedium,
} from '../log/snapshot-medium.ts';
import type { Bulk } from '../memory/bulk.ts';
import type { Configuration } from '../paxos/configuration.ts';
import {
  M_AUX,
  M_AUX2,
  M_BALLOT,
  M_COMMIT,
  M_EPOCH,
  M_FROM,
  M_KIND,
  M_SLOT,
  M_VALUE_CRC,
  M_VALUE_LENGTH,
  MESSAGE_FIELDS,
  SNAPSHOT_FETCH,
  SNAPSHOT_OFFER,
  SNAPSHOT_PART,
} from '../paxos/message.ts';
import type { Transport } from '../transport/transport.ts';
import { encodeFrame, FRAME_HEADER_BYTES } from '../wire/frame.ts';
import type { GroupDriver } from './group-driver.ts';
import type { SnapshotTurn } from './snapshot-turn.ts';

/** Parts that one question gives credit for. */
export const SNAPSHOT_BURST_PARTS = 8;
/** What a question wants: the bytes behind those sent; those from its offset on, again; the same, because the copy was found damaged. */
export const FETCH_ON = 0;
export const FETCH_FROM = 1;
export const FETCH_DOUBTED = 2;
/** An offer is made because the snapshot that was asked for is gone. */
export const OFFER_INSTEAD = 1;
/** Room left in a peer's ring behind a part: what is proposed comes first. */
const ROOM_BYTES = FRAME_HEADER_BYTES + SNAPSHOT_BLOCK_BYTES + VALUE_BYTES_MAX;
/** Ticks after which a snapshot that nobody asks for any more is closed. */
const IDLE_TICKS = 500;

interface Serving {
  readonly watermark: Slot;
  next: number;
  /** Bytes below it may be sent. */
  credit: number;
}

interface Opened {
  readonly source: OpenSnapshot;
  usedTick: Tick;
}

export interface SnapshotSenderOptions {
  driver: GroupDriver;
  medium: SnapshotMedium;
  configuration: Configuration;
  transport: Transport;
  bulk: Bulk;
  turn: SnapshotTurn;
  /** Bytes of a part at most; SNAPSHOT_BLOCK_BYTES where absent. */
  partBytes?: number | undefined;
  /** A snapshot was found damaged and set aside: another is needed. */
  onDamaged(): void;
}

export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  readonly #message = new Float64Array(MESSAGE_FIELDS);
  readonly #part: Uint8Array;
  readonly #open = new Map<Slot, Opened>();
  readonly #checks = new Map<Slot, () => number>();
  readonly #serving: (Serving | undefined)[] = [];
  #nextMember: MemberIndex = 0;
  sentParts = 0;
  sentBytes = 0;

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
    this.#part = new Uint8Array(new SharedArrayBuffer(options.partBytes ?? SNAPSHOT_BLOCK_BYTES));
  }

  get #tick(): Tick {
    return this.#options.driver.replica.state.tick;
  }

  /** Asks a peer for the bytes of its snapshot from `offset` on; `wish` is one of FETCH_*. */
  ask(to: MemberIndex, watermark: Slot, offset: number, wish: number): void {
    this.#fill(SNAPSHOT_FETCH, watermark, offset)[M_AUX2] = wish;
    this.#send(to, 0);
  }

  /** Tells a peer which snapshot it may ask for. */
  offer(to: MemberIndex, isInstead: boolean): void {
    const { snapshotWatermark, snapshotBytes } = this.#options.driver.replica.state;
    if (snapshotWatermark === 0) return;
    this.#fill(SNAPSHOT_OFFER, snapshotWatermark, snapshotBytes)[M_AUX2] = isInstead ? OFFER_INSTEAD : 0;
    this.#send(to, 0);
  }

  /**
   * A peer asks for bytes of a snapshot, from an offset on.
   *
   * ensures V5: it has credit for so many parts from there and no further, or an offer of another one where that is gone
   */
  onFetch(message: Float64Array): void {
    const from = message[M_FROM] as MemberIndex;
    const watermark = message[M_SLOT] as Slot;
    const offset = message[M_AUX] as number;
    if (message[M_AUX2] === FETCH_DOUBTED) this.#check(watermark);
    if (this.#checks.has(watermark)) return;
    const opened = this.#source(watermark);
    if (opened === undefined) {
      this.#serving[from] = undefined;
      this.offer(from, true);
      return;
    }
    opened.usedTick = this.#tick;
    const known = this.#serving[from];
    const goesOn = message[M_AUX2] === FETCH_ON && known?.watermark === watermark && known.next >= offset;
    const credit = Math.min(offset + SNAPSHOT_BURST_PARTS * this.#part.length, opened.source.size);
    this.#serving[from] = { watermark, next: goesOn ? known.next : offset, credit };
  }

  /** Sends a part to one of those who have credit; returns the work done. */
  work(): number {
    let work = this.#checks.size > 0 ? this.#watchChecks() : 0;
    const members = this.#options.configuration.nodeIds.length;
    for (let i = 0; i < members && work === 0; i++) {
      const member = (this.#nextMember + i) % members;
      if (!this.#serve(member)) continue;
      this.#nextMember = (member + 1) % members;
      work = 1;
    }
    if (this.#open.size > 0 && work === 0) this.#closeIdle();
    return work;
  }

  /** True where a part left. */
  #serve(to: MemberIndex): boolean {
    const serving = this.#serving[to];
    if (serving === undefined || serving.next >= serving.credit) return false;
    const opened = this.#open.get(serving.watermark);
    if (opened === undefined || !this.#options.transport.hasRoom(to, ROOM_BYTES)) return false;
    const { source } = opened;
    const length = Math.min(this.#part.length, source.size - serving.next);
    if (!this.#options.turn.spend(length)) return false;
    source.read(serving.next, this.#part, length);
    const words = this.#fill(SNAPSHOT_PART, serving.watermark, serving.next);
    words[M_AUX2] = source.size;
    words[M_VALUE_LENGTH] = length;
    words[M_VALUE_CRC] = this.#options.bulk.crc32c(this.#part, 0, length);
    if (!this.#send(to, length)) return false;
    opened.usedTick = this.#tick;
    serving.next += length;
    this.sentParts += 1;
    this.sentBytes += length;
    return true;
  }

  /** First slot that the log must keep for those who are being served: they go on from there. */
  get servedFrom(): Slot {
    let first = Number.MAX_SAFE_INTEGER;
    for (const watermark of this.#open.keys()) if (watermark < first) first = watermark;
    return first;
  }

  /** A peer found its copy damaged: ours is looked at, by somebody who may block, and served no more if that is why. */
  #check(watermark: Slot): void {
    const { medium } = this.#options;
    if (this.#checks.has(watermark) || !medium.list().includes(watermark)) return;
    this.#checks.set(watermark, medium.verify(watermark));
  }

  #watchChecks(): number {
    for (const [watermark, state] of this.#checks) {
      const answer = state();
      if (answer === SNAPSHOT_PUBLISHING) continue;
      assert(answer === SNAPSHOT_PUBLISHED || answer === SNAPSHOT_FAILED, 'a check ends one way or the other');
      this.#checks.delete(watermark);
      if (answer === SNAPSHOT_FAILED) this.#setAside(watermark);
      return 1;
    }
    return 0;
  }

  #setAside(watermark: Slot): void {
    const { medium, driver, onDamaged } = this.#options;
    this.#close(watermark);
    if (medium.list().includes(watermark)) medium.setAside(watermark);
    const { catchUp, state } = driver.replica;
    // One that is listed, but not yet taken note of, is newer: it announces itself.
    const newest = medium.list().findLast((one) => one <= state.snapshotWatermark) ?? 0;
    catchUp.withdrawn(newest, 0);
    onDamaged();
    if (newest > 0) catchUp.withdrawn(newest, this.#sizeOf(newest));
  }

  #sizeOf(watermark: Slot): number {
    const source = this.#options.medium.open(watermark);
    const { size } = source;
    source.close();
    return size;
  }

  #source(watermark: Slot): Opened | undefined {
    const known = this.#open.get(watermark);
    if (known !== undefined) return known;
    const { medium } = this.#options;
    if (!medium.list().includes(watermark)) return undefined;
    const opened = { source: medium.open(watermark), usedTick: this.#tick };
    this.#open.set(watermark, opened);
    return opened;
  }

  #closeIdle(): void {
    for (const [watermark, { usedTick }] of this.#open) if (this.#tick - usedTick > IDLE_TICKS) this.#close(watermark);
  }

  #close(watermark: Slot): void {
    const opened = this.#open.get(watermark);
    this.#open.delete(watermark);
    opened?.source.close();
    this.#serving.forEach((serving, member) => {
      if (serving?.watermark === watermark) this.#serving[member] = undefined;
    });
  }

  #fill(kind: number, watermark: Slot, offset: number): Float64Array {
    const { configuration, driver } = this.#options;
    const words = this.#message;
    words.fill(0);
    words[M_KIND] = kind;
    words[M_FROM] = configuration.self;
    words[M_EPOCH] = configuration.epoch;
    words[M_BALLOT] = driver.replica.state.promisedBallot;
    words[M_SLOT] = watermark;
    words[M_COMMIT] = driver.replica.commitWatermark;
    words[M_AUX] = offset;
    return words;
  }

  #send(to: MemberIndex, length: number): boolean {
    const { transport, driver, bulk } = this.#options;
    const at = transport.claim(to, FRAME_HEADER_BYTES + length, length > 0);
    if (at < 0) return false;
    encodeFrame(transport.outWords, at >> 2, driver.groupId, this.#message);
    if (length > 0) bulk.copy(this.#part, 0, transport.outBytes, at + FRAME_HEADER_BYTES, length);
    transport.publish();
    return true;
  }

  close(): void {
    for (const watermark of [...this.#open.keys()]) this.#close(watermark);
  }
}
