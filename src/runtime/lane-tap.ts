/**
 * A worker's end of one lane: takes part in the route, and writes completions from the remembered replies of the lane's
 * session. A slow client never stalls its group: what does not fit the completion ring stays in the session table.
 *
 *   route adopted ─▶ route mark ─▶ (session opened) ─▶ runs of replies for numbers routedNumber, +1, +2, … ≤ last applied
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import { fromWords, highWord } from '../base/bits.ts';
import type { MemberIndex, Slot } from '../base/types.ts';
import {
  COMMAND_NUMBER_HIGH_MASK,
  LANE_ATTEMPT_WORD,
  LANE_NONCE_WORD,
  LANE_WRITES,
  RECORD_TYPE_SHIFT,
  RECORD_TYPE_WORD,
  REPLY_HEADER_BYTES,
  REPLY_SESSION_EXPIRED,
  REPLY_SESSION_OPENED,
  REPLY_SESSIONS_FULL,
  REPLY_SIZE_WORD,
  REPLY_STATUS_WORD,
  ROUTE_MARK_BYTES,
  ROUTE_MARK_CHANGE_WORD,
  RUN_COUNT_WORD,
  RUN_FIRST_LOW_WORD,
  RUN_HEADER_BYTES,
  RUN_WATERMARK_WORD,
  TYPE_REPLIES,
  TYPE_ROUTE,
} from '../memory/descriptor.ts';
import { LaneReader } from '../memory/lane-reader.ts';
import { RingProducer } from '../memory/ring.ts';
import type { SessionTable } from './session-table.ts';

/** Reply bytes copied into one run at most, and at most a quarter of the ring: runs stay small against it. */
const RUN_BYTES_MAX = 1 << 16;
/** What the answer to an opening says: id, 0, last number applied. */
const OPENED_BYTES = 16;

export class LaneTap {
  readonly laneId: number;
  readonly reader: LaneReader;
  readonly completions: RingProducer;
  readonly isReads: boolean;
  readonly #runBytesMax: number;
  readonly #next = new Float64Array(1);
  /** Applied watermark of the runs written now. */
  readonly #applied = new Float64Array(1);
  readonly #canRewind: boolean;
  #markedChange = -1;
  #isAnnounced = false;
  #hasEnded = false;

  /** `canRewind`: what the reader passed on may get lost, so it keeps track of what is completed. */
  constructor(laneId: number, lane: SharedArrayBuffer, completions: SharedArrayBuffer, canRewind = false) {
    this.laneId = laneId;
    this.#canRewind = canRewind;
    this.reader = new LaneReader(lane);
    this.completions = new RingProducer(completions);
    this.#runBytesMax = Math.min(RUN_BYTES_MAX, this.completions.capacity >>> 2);
    this.isReads = this.reader.kind !== LANE_WRITES;
  }

  /** Lowest number that is not completed. */
  get nextNumber(): number {
    return this.#next[0] as number;
  }

  /** True while the route, as `refresh` last saw it, names this replica and is marked. */
  get isActive(): boolean {
    return this.reader.active && this.#markedChange === this.reader.adoptedChange;
  }

  /** True while the route names this replica's current leadership and the client can tell its completions from older ones. */
  refresh(self: MemberIndex, leadershipSerial: number): boolean {
    if (!this.reader.refresh(self, leadershipSerial)) return false;
    if (this.#markedChange === this.reader.adoptedChange) return true;
    const at = this.completions.claim(ROUTE_MARK_BYTES, TYPE_ROUTE);
    if (at < 0) return false;
    this.completions.words[(at >> 2) + ROUTE_MARK_CHANGE_WORD] = this.reader.adoptedChange;
    this.completions.publish();
    this.#markedChange = this.reader.adoptedChange;
    this.#next[0] = this.reader.routedNumber;
    this.#isAnnounced = false;
    this.#hasEnded = false;
    return true;
  }

  /**
   * Writes what can be completed; returns how many commands were. Only while `refresh` says true. `mayJudge`: everything that was ever
   * acknowledged is applied here, so that a session which is not in the table is gone. `applied`: the applied watermark.
   */
  complete(sessions: SessionTable, mayJudge: boolean, applied: Slot): number {
    if (this.#hasEnded || this.isReads) return 0;
    this.#applied[0] = applied;
    const session = this.reader.session;
    if (session === 0) return this.#announce(sessions);
    const index = sessions.lookup(session);
    if (index < 0) {
      if (!(mayJudge && sessions.wasIssued(session)) && !sessions.isKnownGone(session)) return 0;
      return this.#end(this.#next[0] as number, REPLY_SESSION_EXPIRED);
    }
    let completed = 0;
    while ((this.#next[0] as number) <= sessions.lastApplied(index)) {
      const count = this.#copyRun(sessions, index);
      if (count === 0) break;
      completed += count;
    }
    return completed;
  }

  /** One run of replies; 0 when the completion ring is full. */
  #copyRun(sessions: SessionTable, index: number): number {
    const ring = this.completions;
    const bytes = sessions.measureRun(index, this.#next[0] as number, this.#runBytesMax);
    const at = ring.claim(RUN_HEADER_BYTES + bytes, TYPE_REPLIES);
    if (at < 0) return 0;
    const count = sessions.copyRun(
      index,
      this.#next[0] as number,
      ring.bytes,
      ring.words,
      at + RUN_HEADER_BYTES,
      bytes,
    );
    assert(count > 0, 'an applied command has a reply, if only one that says it is evicted');
    this.#writeRunHeader(at >> 2, this.#next[0] as number, count);
    this.#pass((this.#next[0] as number) + count);
    ring.publish();
    this.#next[0] = (this.#next[0] as number) + count;
    return count;
  }

  /** Before the client hears of it: the reader is behind the records that it may reuse from then on. */
  #pass(number: number): void {
    this.reader.skipBelow(number);
    if (this.#canRewind) this.reader.settleBelow(number);
  }

  /** The session is not open yet: once the log has opened or resumed it, tell the client its id and where its numbers stand, once per route. */
  #announce(sessions: SessionTable): number {
    if (this.#isAnnounced) return 0;
    const words = this.reader.words;
    const id = sessions.findByAttempt(
      words[LANE_NONCE_WORD] as number,
      words[LANE_NONCE_WORD + 1] as number,
      words[LANE_ATTEMPT_WORD] as number,
      words[LANE_ATTEMPT_WORD + 1] as number,
    );
    if (id === 0) return 0;
    const at = this.completions.claim(RUN_HEADER_BYTES + REPLY_HEADER_BYTES + OPENED_BYTES, TYPE_REPLIES);
    if (at < 0) return 0;
    const word = at >> 2;
    this.#writeRunHeader(word, 0, 1);
    const status = id > 0 ? REPLY_SESSION_OPENED : id === -1 ? REPLY_SESSIONS_FULL : REPLY_SESSION_EXPIRED;
    this.#writeReply(word + RUN_HEADER_BYTES / 4, REPLY_HEADER_BYTES + OPENED_BYTES, status);
    const payload = word + (RUN_HEADER_BYTES + REPLY_HEADER_BYTES) / 4;
    const last = id > 0 ? sessions.lastApplied(sessions.lookup(id)) : 0;
    this.completions.words[payload] = id;
    this.completions.words[payload + 1] = 0;
    this.completions.words[payload + 2] = last;
    this.completions.words[payload + 3] = highWord(last);
    this.#pass(1);
    this.completions.publish();
    this.#isAnnounced = true;
    return 1;
  }

  /** The session is gone: one reply says so, and the client settles everything behind it. */
  #end(number: number, status: number): number {
    const at = this.completions.claim(RUN_HEADER_BYTES + REPLY_HEADER_BYTES, TYPE_REPLIES);
    if (at < 0) return 0;
    this.#writeRunHeader(at >> 2, number, 1);
    this.#writeReply((at + RUN_HEADER_BYTES) >> 2, REPLY_HEADER_BYTES, status);
    this.completions.publish();
    this.#hasEnded = true;
    return 1;
  }

  #writeReply(word: number, size: number, status: number): void {
    this.completions.words[word + REPLY_SIZE_WORD] = size;
    this.completions.words[word + REPLY_STATUS_WORD] = status;
  }

  #writeRunHeader(word: number, first: number, count: number): void {
    const words = this.completions.words;
    words[word + RECORD_TYPE_WORD] = (TYPE_REPLIES << RECORD_TYPE_SHIFT) | (highWord(first) & COMMAND_NUMBER_HIGH_MASK);
    words[word + RUN_FIRST_LOW_WORD] = first;
    words[word + RUN_COUNT_WORD] = count;
    words[word + RUN_WATERMARK_WORD] = this.#applied[0] as number;
    words[word + RUN_WATERMARK_WORD + 1] = highWord(this.#applied[0] as number);
    assert(
      fromWords(words[word + RUN_FIRST_LOW_WORD] as number, highWord(first)) === first,
      'request numbers have 53 bits',
    );
  }
}
