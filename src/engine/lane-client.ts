/**
 * The fast lane: one session of one client to one group, without a promise per command.
 *
 *   claim ─▶ write in place ─▶ publish ─▶ … ─▶ poll: replies in request-number order, each exactly once
 *
 * Completions come through one ring per replica; only those behind the route mark of the route that stands are taken, so that
 * a record is freed only once the worker routed to has passed it (memory/lane).
 * @hot
 */
import { assert } from '../base/assert.ts';
import { fromWords } from '../base/bits.ts';
import { SynodError } from '../base/errors.ts';
import type { GroupId, MemberIndex } from '../base/types.ts';
import {
  COMMAND_NUMBER_HIGH_MASK,
  LANE_KIND_WORD,
  LANE_READS_SESSION,
  LANE_ROUTE_CHANGE_WORD,
  RECORD_ALIGNMENT,
  RECORD_TYPE_SHIFT,
  RECORD_TYPE_WORD,
  REPLY_HEADER_BYTES,
  REPLY_SESSION_EXPIRED,
  REPLY_SESSION_OPENED,
  REPLY_SIZE_WORD,
  REPLY_STATUS_WORD,
  ROUTE_MARK_CHANGE_WORD,
  RUN_COUNT_WORD,
  RUN_FIRST_LOW_WORD,
  RUN_HEADER_BYTES,
  RUN_WATERMARK_WORD,
  TYPE_COMMAND,
  TYPE_QUERY,
  TYPE_ROUTE,
} from '../memory/descriptor.ts';
import type { Doorbell } from '../memory/doorbell.ts';
import { LaneWriter } from '../memory/lane.ts';
import { RingConsumer } from '../memory/ring.ts';

/** Receives one reply: bytes[offset, offset + length), valid only during the call. */
export type OnCompleted = (number: number, status: number, bytes: Uint8Array, offset: number, length: number) => void;

/** Indices into `#numbers`. */
const EXPECTED = 0;
const FIRST = 1;

export class LaneClient {
  readonly laneId: number;
  readonly shard: GroupId;
  readonly lane: SharedArrayBuffer;
  readonly rings: readonly SharedArrayBuffer[];
  readonly writer: LaneWriter;
  readonly isReads: boolean;
  /** True once the session is open; before that `claim` says -1. */
  isOpen: boolean;
  /** Of a resumed session: the last number that was applied before. */
  lastApplied = 0;
  /** REPLY_* status with which the session ended, or 0. */
  endStatus = 0;
  /** Replica that the lane is routed to, -1 while there is none. */
  routedTo: MemberIndex = -1;
  routedSerial = 0;
  readonly #consumers: RingConsumer[];
  readonly #doorbells: readonly Doorbell[];
  readonly #payloadBytesMax: number;
  readonly #hasFloor: boolean;
  readonly #numbers = new Float64Array(2);
  /** Highest applied watermark that this client was answered at; the lanes of one handle to one shard may share it. */
  seen = new Float64Array(1);
  /** Reply to deliver next in the run at hand: its byte offset, and replies left; 0 = no run at hand. */
  #replyAt = 0;
  #repliesLeft = 0;
  #runRing = -1;
  #isMarked = false;
  #isEnding = false;
  #unsettled = 0;

  constructor(
    laneId: number,
    shard: GroupId,
    lane: SharedArrayBuffer,
    rings: readonly SharedArrayBuffer[],
    doorbells: readonly Doorbell[],
    isReads: boolean,
    payloadBytesMax: number,
  ) {
    this.laneId = laneId;
    this.shard = shard;
    this.lane = lane;
    this.rings = rings;
    this.writer = new LaneWriter(lane);
    this.#hasFloor = this.writer.words[LANE_KIND_WORD] === LANE_READS_SESSION;
    this.#consumers = rings.map((ring) => new RingConsumer(ring));
    this.#doorbells = doorbells;
    this.#payloadBytesMax = payloadBytesMax;
    this.isReads = isReads;
    this.isOpen = isReads;
    this.#numbers[EXPECTED] = 1;
    if (!isReads) this.#open();
  }

  #open(): void {
    const at = this.writer.claimOpen();
    assert(at > 0, 'a new lane has room for its opening');
    this.writer.publish();
  }

  get memory(): Uint8Array {
    return this.writer.bytes;
  }

  get words(): Int32Array {
    return this.writer.words;
  }

  /** Commands published and not completed. */
  get inFlight(): number {
    return this.writer.inFlight;
  }

  /** Request number of the last command published. */
  get lastNumber(): number {
    return this.writer.nextNumber - 1;
  }

  /**
   * Room for a payload of `bytes`: byte offset in `memory` (8-byte aligned), or -1 while the lane is full or opening.
   * Throws ERR_SYNOD_PAYLOAD_TOO_LARGE: waiting would not help.
   */
  claim(bytes: number): number {
    if (bytes > this.#payloadBytesMax) failTooLarge(this.#payloadBytesMax);
    if (!this.isOpen || this.endStatus !== 0 || this.#isEnding) return -1;
    return this.writer.claim(bytes, this.isReads ? TYPE_QUERY : TYPE_COMMAND);
  }

  /** Makes everything claimed visible to the group's leader. */
  publish(): void {
    if (this.#hasFloor) this.writer.setFloor(this.seen[0] as number);
    this.writer.publish();
    this.ring();
  }

  /** Gives up everything claimed since the last publish. */
  abandon(): void {
    this.writer.abandon();
  }

  /** Wakes the worker that the lane is routed to. */
  ring(): void {
    if (this.routedTo >= 0) (this.#doorbells[this.routedTo] as Doorbell).ring();
  }

  /** Hands the lane to a leader. What came before through other routes was polled or is sent again. */
  route(replica: MemberIndex, serial: number): void {
    this.#dropRun();
    this.#isMarked = false;
    this.routedTo = replica;
    this.routedSerial = serial;
    this.writer.route(replica, serial);
    this.ring();
  }

  unroute(): void {
    if (this.routedTo < 0) return;
    this.#dropRun();
    this.#isMarked = false;
    this.routedTo = -1;
    this.routedSerial = 0;
    this.writer.unroute();
  }

  /** Delivers at most `limit` replies, oldest first; returns how many. */
  poll(onCompleted: OnCompleted, limit: number): number {
    let delivered = 0;
    while (delivered < limit) {
      if (this.#repliesLeft === 0 && !this.#nextRun()) break;
      delivered += this.#deliver(onCompleted, limit - delivered);
    }
    if (this.endStatus !== 0) delivered += this.#deliverEnd(onCompleted, limit - delivered);
    if (this.#repliesLeft === 0) this.#settle();
    return delivered;
  }

  /** Frees what was delivered and hands the ring space back. */
  #settle(): void {
    if (this.#unsettled > 0) {
      this.writer.free(this.#unsettled);
      this.#unsettled = 0;
    }
    if (this.#runRing >= 0) (this.#consumers[this.#runRing] as RingConsumer).release();
    this.#runRing = -1;
  }

  /** Finds the next run of the route that stands; false when there is none. */
  #nextRun(): boolean {
    if (this.routedTo < 0) return false;
    const consumer = this.#consumers[this.routedTo] as RingConsumer;
    for (let at = consumer.next(); at >= 0; at = consumer.next()) {
      this.#runRing = this.routedTo;
      const word = at >> 2;
      const type = consumer.words[word + RECORD_TYPE_WORD] as number;
      if (type >>> RECORD_TYPE_SHIFT === TYPE_ROUTE) {
        this.#isMarked = consumer.words[word + ROUTE_MARK_CHANGE_WORD] === this.#routeChange();
      } else if (this.#isMarked && this.#takeRun(consumer, at, type & COMMAND_NUMBER_HIGH_MASK)) {
        return true;
      }
    }
    return false;
  }

  #routeChange(): number {
    return Atomics.load(this.writer.words, LANE_ROUTE_CHANGE_WORD);
  }

  /** Looks at a run: session openings are handled here, numbers that were delivered are skipped. */
  #takeRun(consumer: RingConsumer, at: number, high: number): boolean {
    const word = at >> 2;
    const numbers = this.#numbers;
    numbers[FIRST] = fromWords(consumer.words[word + RUN_FIRST_LOW_WORD] as number, high);
    const count = consumer.words[word + RUN_COUNT_WORD] as number;
    this.#see(consumer.words, word);
    this.#replyAt = at + RUN_HEADER_BYTES;
    if (numbers[FIRST] === 0) {
      this.#opened(consumer);
      return false;
    }
    const skip = (numbers[EXPECTED] as number) - numbers[FIRST];
    assert(skip >= 0, 'replies of one route leave no gap');
    if (skip >= count) return false;
    for (let i = 0; i < skip; i++) this.#replyAt += this.#replySize(consumer);
    this.#repliesLeft = count - skip;
    return true;
  }

  #see(words: Int32Array, run: number): void {
    const applied = fromWords(words[run + RUN_WATERMARK_WORD] as number, words[run + RUN_WATERMARK_WORD + 1] as number);
    if (applied > (this.seen[0] as number)) this.seen[0] = applied;
  }

  #replySize(consumer: RingConsumer): number {
    const size = consumer.words[(this.#replyAt >> 2) + REPLY_SIZE_WORD] as number;
    return (size + (RECORD_ALIGNMENT - 1)) & ~(RECORD_ALIGNMENT - 1);
  }

  #opened(consumer: RingConsumer): void {
    if (this.isOpen || this.endStatus !== 0) return;
    const word = this.#replyAt >> 2;
    const status = consumer.words[word + REPLY_STATUS_WORD] as number;
    if (status !== REPLY_SESSION_OPENED) {
      this.endStatus = status;
      return;
    }
    const payload = word + REPLY_HEADER_BYTES / 4;
    const id = consumer.words[payload] as number;
    const last = fromWords(consumer.words[payload + 2] as number, consumer.words[payload + 3] as number);
    this.writer.free(1);
    if (this.writer.isResumed) this.#goOn(last);
    this.writer.setSession(id);
    this.isOpen = true;
  }

  /** Numbers go on behind those of an earlier life; the worker hears of it by a route of its own. */
  #goOn(last: number): void {
    this.lastApplied = last;
    this.writer.beginAt(last + 1);
    this.#numbers[EXPECTED] = last + 1;
    this.route(this.routedTo, this.routedSerial);
  }

  /** Ends the session, as soon as there is room for the record that says so: nothing is claimed any more. False while there is none. */
  end(): boolean {
    if (this.#isEnding || !this.isOpen || this.endStatus !== 0) return true;
    if (this.writer.claimClose() < 0) return false;
    this.#isEnding = true;
    this.publish();
    return true;
  }

  #deliver(onCompleted: OnCompleted, limit: number): number {
    const consumer = this.#consumers[this.#runRing] as RingConsumer;
    const words = consumer.words;
    const numbers = this.#numbers;
    let delivered = 0;
    while (delivered < limit && this.#repliesLeft > 0) {
      const word = this.#replyAt >> 2;
      const status = words[word + REPLY_STATUS_WORD] as number;
      const length = (words[word + REPLY_SIZE_WORD] as number) - REPLY_HEADER_BYTES;
      const offset = this.#replyAt + REPLY_HEADER_BYTES;
      if (status === REPLY_SESSION_EXPIRED) return this.#ended(status, delivered);
      this.#replyAt += this.#replySize(consumer);
      this.#repliesLeft -= 1;
      this.#unsettled += 1;
      delivered += 1;
      const number = numbers[EXPECTED] as number;
      numbers[EXPECTED] = number + 1;
      onCompleted(number, status, consumer.bytes, offset, length);
    }
    return delivered;
  }

  /** The session is gone: nothing in flight will be answered. */
  #ended(status: number, delivered: number): number {
    this.endStatus = status;
    this.#repliesLeft = 0;
    return delivered;
  }

  /** The session ended: whatever is in flight completes with the status that says so. */
  #deliverEnd(onCompleted: OnCompleted, limit: number): number {
    const numbers = this.#numbers;
    let delivered = 0;
    while (delivered < limit && this.#unsettled < this.writer.inFlight) {
      this.#unsettled += 1;
      delivered += 1;
      const number = numbers[EXPECTED] as number;
      numbers[EXPECTED] = number + 1;
      onCompleted(number, this.endStatus, this.writer.bytes, 0, 0);
    }
    return delivered;
  }

  #dropRun(): void {
    this.#repliesLeft = 0;
    this.#settle();
  }
}

function failTooLarge(payloadBytesMax: number): never {
  throw new SynodError(
    'ERR_SYNOD_PAYLOAD_TOO_LARGE',
    `A payload has at most ${payloadBytesMax} bytes (payloadBytesMax).`,
  );
}
