/**
 * Reads of one lane, in batches: a batch closes, then it is settled what it must reflect, then its queries run on this replica's machine.
 *
 *   linearizable   leads: round r, index i ─▶ confirmed ≥ r ─┐          (S20)
 *                  follows: question ─▶ the leader's index ──┤
 *   lease          leads: index i ─────────────────────────┐ │          (S21)
 *   session        index = the lane's floor ───────────────┼─┴▶ applied ≥ index ─▶ machine.query ─▶ completion ring
 *   stale          whatever is applied ────────────────────┘                          └ lease: still held after the queries ran? else a round
 *
 * A lane of one node of several stays here whoever leads: when that changes, the batch at hand begins anew, as a new round.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { align, fromWords, highWord } from '../base/bits.ts';
import type { Slot } from '../base/types.ts';
import { REPLY_BYTES_MAX } from '../limits.ts';
import type { Bulk } from '../memory/bulk.ts';
import {
  COMMAND_HEADER_BYTES,
  COMMAND_NUMBER_HIGH_MASK,
  COMMAND_NUMBER_LOW_WORD,
  LANE_READS_LEASE,
  LANE_READS_SESSION,
  LANE_READS_STALE,
  RECORD_ALIGNMENT,
  RECORD_SIZE_WORD,
  RECORD_TYPE_SHIFT,
  RECORD_TYPE_WORD,
  REPLY_HEADER_BYTES,
  REPLY_SIZE_WORD,
  REPLY_STATUS_WORD,
  RUN_COUNT_WORD,
  RUN_FIRST_LOW_WORD,
  RUN_HEADER_BYTES,
  RUN_WATERMARK_WORD,
  TYPE_PADDING,
  TYPE_REPLIES,
} from '../memory/descriptor.ts';
import { READ_BY_LEASE, READ_BY_ROUND } from '../paxos/read-index.ts';
import type { GroupDriver } from './group-driver.ts';
import type { LaneTap } from './lane-tap.ts';

/** Bytes of queries that share one round at most. */
const BATCH_BYTES = 1 << 16;
/** Answers of one run take so much at most, but for a single larger one: a run stays small against its ring. */
const RUN_BYTES = 1 << 15;

const NOTHING = new Uint8Array(0);
const NO_WORDS = new Int32Array(0);

/** What the batch at hand waits for, besides its index. */
const FOR_ROUND = 1;
const FOR_ANSWER = 2;
const FOR_NOTHING = 3;
/** Nothing before its queries run, the lease after them. */
const FOR_LEASE = 4;

export class ReadQueue {
  readonly #tap: LaneTap;
  readonly #driver: GroupDriver;
  readonly #bulk: Bulk;
  readonly #kind: number;
  /** How a member that follows asks for the index. */
  readonly #mode: number;
  /** Made for the first batch: most lanes of reads ask nothing of most replicas. */
  #bytes: Uint8Array = NOTHING;
  #words: Int32Array = NO_WORDS;
  readonly #capacity: number;
  #size = 0;
  #at = 0;
  #waits = FOR_NOTHING;
  /** Leadership in which the round began. */
  #leadership = 0;
  #change = -1;
  /** Index of the batch; serial of its round or question. */
  readonly #index = new Float64Array(1);
  readonly #serial = new Float64Array(1);
  /** Batches whose lease had run out when it was looked at after the queries. */
  leasesLost = 0;

  constructor(tap: LaneTap, driver: GroupDriver, bulk: Bulk, queryBytesMax: number) {
    assert(tap.isReads, 'a read queue serves a lane of reads');
    const capacity = align(queryBytesMax + COMMAND_HEADER_BYTES, RECORD_ALIGNMENT) + BATCH_BYTES;
    this.#tap = tap;
    this.#driver = driver;
    this.#bulk = bulk;
    this.#kind = tap.reader.kind;
    this.#mode = this.#kind === LANE_READS_LEASE ? READ_BY_LEASE : READ_BY_ROUND;
    this.#capacity = capacity;
  }

  /** The route went elsewhere: the client sends its reads again, to whoever serves them now. */
  clear(): void {
    this.#size = 0;
    this.#at = 0;
  }

  serves(tap: LaneTap): boolean {
    return this.#tap === tap;
  }

  /** Takes a batch, or answers one that is settled; returns how many queries were answered or taken. */
  work(): number {
    if (!this.#tap.isActive) {
      this.clear();
      return 0;
    }
    if (this.#change !== this.#tap.reader.adoptedChange) {
      this.clear();
      this.#change = this.#tap.reader.adoptedChange;
    }
    // Nothing of what is applied is here yet.
    if (!this.#driver.replica.state.hasState) return 0;
    let taken = 0;
    if (this.#size === 0) {
      if (!this.#takeBatch()) return 0;
      taken = 1;
    }
    if (!this.#isSettled() || this.#driver.appliedWatermark < (this.#index[0] as Slot)) return taken;
    return taken + this.#answer();
  }

  #takeBatch(): boolean {
    const reader = this.#tap.reader;
    if (!reader.take(BATCH_BYTES)) return false;
    if (this.#bytes.length === 0) this.#open();
    assert(reader.runSize <= this.#bytes.length, 'a query is no longer than the configured limit');
    const size = reader.runSize;
    this.#bulk.copy(reader.bytes, reader.runOffset, this.#bytes, 0, size);
    if (!reader.confirm()) return false;
    this.#size = size;
    this.#at = 0;
    this.#begin(true);
    return true;
  }

  #open(): void {
    this.#bytes = new Uint8Array(new SharedArrayBuffer(this.#capacity));
    this.#words = new Int32Array(this.#bytes.buffer);
  }

  /** Settles what the batch must reflect, from now on. */
  #begin(mayLease: boolean): void {
    const driver = this.#driver;
    const { replica } = driver;
    this.#index[0] = 0;
    if (this.#kind === LANE_READS_STALE) {
      this.#waits = FOR_NOTHING;
    } else if (this.#kind === LANE_READS_SESSION) {
      this.#index[0] = this.#tap.reader.floor;
      this.#waits = FOR_NOTHING;
    } else if (!replica.isLeader) {
      this.#serial[0] = driver.askReadIndex(this.#mode);
      this.#waits = FOR_ANSWER;
    } else {
      this.#index[0] = replica.readIndex;
      this.#leadership = replica.state.leadershipSerial;
      if (mayLease && this.#kind === LANE_READS_LEASE && replica.holdsLease) this.#waits = FOR_LEASE;
      else {
        this.#waits = FOR_ROUND;
        this.#serial[0] = driver.beginReadRound();
      }
    }
  }

  /** True when nothing but applying stands between the batch and its answers. */
  #isSettled(): boolean {
    const { replica } = this.#driver;
    if (this.#waits === FOR_NOTHING) return true;
    if (this.#waits === FOR_ANSWER) {
      if (replica.isLeader) this.#begin(true);
      else if (replica.reads.answered(this.#mode) >= (this.#serial[0] as number)) {
        this.#index[0] = replica.reads.indexOf(this.#mode);
        this.#waits = FOR_NOTHING;
        return true;
      }
      return false;
    }
    // A round or a lease of an earlier leadership says nothing.
    if (!replica.isLeader || replica.state.leadershipSerial !== this.#leadership) {
      this.#begin(true);
      return false;
    }
    if (this.#waits === FOR_LEASE) return true;
    if (replica.confirmedRound < (this.#serial[0] as number)) return false;
    this.#waits = FOR_NOTHING;
    return true;
  }

  /** Runs the queries, run by run; returns how many were answered. */
  #answer(): number {
    let answered = 0;
    while (this.#at < this.#size) {
      const count = this.#answerRun();
      if (count === 0) return answered;
      answered += count;
    }
    this.clear();
    return answered;
  }

  /** One run of answers; 0 when the ring has no room for the largest one, or the lease was lost: try again later. */
  #answerRun(): number {
    const ring = this.#tap.completions;
    const largest = ring.capacity >>> 2 < REPLY_BYTES_MAX ? ring.capacity >>> 2 : REPLY_BYTES_MAX;
    const most = REPLY_HEADER_BYTES + largest;
    assert(!ring.hasClaims(), 'runs are published one by one');
    const run = ring.claim(RUN_HEADER_BYTES + most, TYPE_REPLIES);
    if (run < 0) return 0;
    const from = this.#at;
    const count = this.#fillRun(run, largest, run + RUN_HEADER_BYTES + most);
    if (count === 0) {
      ring.abandon();
      return 0;
    }
    if (this.#waits === FOR_LEASE && !this.#driver.checkLease()) {
      ring.abandon();
      this.#at = from;
      this.leasesLost += 1;
      this.#begin(false);
      return 0;
    }
    ring.publish();
    return count;
  }

  /** Fills the claimed run with answers; returns how many queries it passed. */
  #fillRun(run: number, largest: number, end: number): number {
    const ring = this.#tap.completions;
    const words = this.#words;
    const applier = this.#driver.applier;
    const soft = run + RUN_HEADER_BYTES + RUN_BYTES;
    let at = run + RUN_HEADER_BYTES;
    let count = 0;
    while (this.#at < this.#size && at < soft) {
      const word = this.#at >> 2;
      const size = words[word + RECORD_SIZE_WORD] as number;
      if ((words[word + RECORD_TYPE_WORD] as number) >>> RECORD_TYPE_SHIFT !== TYPE_PADDING) {
        applier.query(this.#bytes, words, this.#at + COMMAND_HEADER_BYTES, size - COMMAND_HEADER_BYTES, largest);
        const reply = REPLY_HEADER_BYTES + applier.queryLength;
        if (reply > end - at) break;
        if (count === 0) this.#writeRunHeader(run >> 2, word);
        ring.words[(at >> 2) + REPLY_SIZE_WORD] = reply;
        ring.words[(at >> 2) + REPLY_STATUS_WORD] = applier.queryStatus;
        this.#bulk.copy(applier.queryBytes, 0, ring.bytes, at + REPLY_HEADER_BYTES, applier.queryLength);
        at += align(reply, RECORD_ALIGNMENT);
        count += 1;
      }
      this.#at += align(size, RECORD_ALIGNMENT);
    }
    assert(this.#at <= this.#size, 'a batch holds whole queries');
    if (count === 0) return 0;
    ring.words[(run >> 2) + RUN_COUNT_WORD] = count;
    ring.trim(run, (at > end ? end : at) - run);
    return count;
  }

  #writeRunHeader(run: number, word: number): void {
    const { words } = this.#tap.completions;
    const high = (this.#words[word + RECORD_TYPE_WORD] as number) & COMMAND_NUMBER_HIGH_MASK;
    const number = fromWords(this.#words[word + COMMAND_NUMBER_LOW_WORD] as number, high);
    const applied = this.#driver.appliedWatermark;
    words[run + RECORD_TYPE_WORD] = (TYPE_REPLIES << RECORD_TYPE_SHIFT) | highWord(number);
    words[run + RUN_FIRST_LOW_WORD] = number;
    words[run + RUN_WATERMARK_WORD] = applied;
    words[run + RUN_WATERMARK_WORD + 1] = highWord(applied);
  }
}
