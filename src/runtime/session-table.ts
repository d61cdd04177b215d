/**
 * Client sessions of one group: exactly-once and first in, first out across fail-over (S17, S18). A deterministic function of
 * the log, so equal on every replica.
 *
 *   session id = serial << 12 | index;  number = last + 1 → apply;  ≤ last → duplicate;  > last + 1 → gap, refused
 *   open (nonce) ─▶ id ── resume (nonce, attempt) ─▶ another id for the same numbers and replies: who still uses the old one is refused (S17)
 *
 * @hot
 */
import { assert, CONTRACTS, ensures, requires } from '../base/assert.ts';
import { SESSION_EXPIRY_MS, SESSIONS_MAX } from '../limits.ts';
import { SESSION_INDEX_BITS } from '../memory/descriptor.ts';
import { ReplyStore } from './reply-store.ts';

const INDEX_MASK = (1 << SESSION_INDEX_BITS) - 1;
const SERIAL_MAX = (1 << (31 - SESSION_INDEX_BITS)) - 1;

/** How a request number stands to what its session has applied. */
export const FRESH = 1;
export const DUPLICATE = 2;
export const GAP = 3;

/** Unknown ids remembered: a power of two. */
const UNKNOWN_KEPT = 64;

/** Numbers before the sessions in an image, and per session. */
const IMAGE_HEADER = 5;
const IMAGE_SESSION = 9;
/** Numbers of one session that name its uses: the current one and the one before. */
const ATTEMPT_WORDS = 4;

/** What an image that is being read still needs: sessions whose replies are to be read (1), and replies that were kept for it. */
interface FrozenSessions {
  readonly isLive: Uint8Array;
  readonly kept: Map<number, Uint8Array>;
}

export class SessionTable {
  readonly #ids = new Int32Array(SESSIONS_MAX);
  readonly #nonceLow = new Int32Array(SESSIONS_MAX);
  readonly #nonceHigh = new Int32Array(SESSIONS_MAX);
  /** Per session: low and high word of the attempt that uses it now, then of the one before. */
  readonly #attempts = new Int32Array(ATTEMPT_WORDS * SESSIONS_MAX);
  /** Last request number applied. */
  readonly #last = new Float64Array(SESSIONS_MAX);
  /** Log time of the last use, milliseconds. */
  readonly #usedMs = new Float64Array(SESSIONS_MAX);
  readonly #replies: (ReplyStore | undefined)[] = new Array<ReplyStore | undefined>(SESSIONS_MAX).fill(undefined);
  #refusedLow = 0;
  #refusedHigh = 0;
  /** Ids that commands named in vain lately; what this replica saw, no part of the table's state. */
  readonly #unknown = new Int32Array(UNKNOWN_KEPT);
  #unknownAt = 0;
  /** Attempts to resume what did not live, low and high word; likewise. */
  readonly #vain = new Int32Array(2 * UNKNOWN_KEPT);
  #vainAt = 0;
  #serial = 0;
  /** Indices in use are below it. */
  #end = 0;
  count = 0;
  #frozen: FrozenSessions | undefined;

  /**
   * Opens a session, or finds the live one of the same nonce. Returns its id, -1 when the table is full, or 0 for one that ended and whose place no
   * other has: an opening that comes late opens nothing (S17).
   *
   * requires E1: the nonce is not 0
   * ensures  E2: the same nonce gives the same id as long as the session lives
   */
  open(nonceLow: number, nonceHigh: number, logTimeMs: number): number {
    if (CONTRACTS) requires(nonceLow !== 0 || nonceHigh !== 0, 'E1: a nonce names its session');
    const known = this.#placeOfNonce(nonceLow, nonceHigh);
    if (known >= 0) return this.#ids[known] as number;
    const index = this.#freeIndex(logTimeMs);
    if (index < 0) {
      this.#refusedLow = nonceLow;
      this.#refusedHigh = nonceHigh;
      return -1;
    }
    this.#nameAnew(index);
    this.#attempts.fill(0, ATTEMPT_WORDS * index, ATTEMPT_WORDS * (index + 1));
    this.#setAttempt(index, nonceLow, nonceHigh);
    this.#nonceLow[index] = nonceLow;
    this.#nonceHigh[index] = nonceHigh;
    this.#last[index] = 0;
    this.#usedMs[index] = logTimeMs;
    if (this.#replies[index] === undefined) this.#replies[index] = new ReplyStore();
    this.#keep(index);
    (this.#replies[index] as ReplyStore).reset();
    this.count += 1;
    if (CONTRACTS)
      ensures(this.findByNonce(nonceLow, nonceHigh) === this.#ids[index], 'E2: the nonce finds its session');
    return this.#ids[index] as number;
  }

  #nameAnew(index: number): void {
    let id = 0;
    do {
      this.#serial = this.#serial === SERIAL_MAX ? 1 : this.#serial + 1;
      id = (this.#serial << SESSION_INDEX_BITS) | index;
    } while (id === this.#ids[index]);
    this.#ids[index] = id;
    this.#forgetUnknown(id);
  }

  #setAttempt(index: number, low: number, high: number): void {
    const at = ATTEMPT_WORDS * index;
    this.#attempts.copyWithin(at + 2, at, at + 2);
    this.#attempts[at] = low;
    this.#attempts[at + 1] = high;
  }

  #isAttempt(index: number, which: number, low: number, high: number): boolean {
    const at = ATTEMPT_WORDS * index + 2 * which;
    return this.#attempts[at] === low && this.#attempts[at + 1] === high;
  }

  /**
   * Goes on with the session of a nonce under another id; returns it, or 0 where none lives. An attempt that was logged twice changes nothing
   * the second time, nor does one that was overtaken.
   *
   * requires E3: the attempt is not 0
   * ensures  E4: numbers go on behind the last one applied, and the id of before is unknown (S17)
   */
  resume(nonceLow: number, nonceHigh: number, attemptLow: number, attemptHigh: number, logTimeMs: number): number {
    if (CONTRACTS) requires(attemptLow !== 0 || attemptHigh !== 0, 'E3: an attempt has a name');
    const index = this.#indexOfNonce(nonceLow, nonceHigh);
    if (index < 0) {
      this.#vain[2 * this.#vainAt] = attemptLow;
      this.#vain[2 * this.#vainAt + 1] = attemptHigh;
      this.#vainAt = (this.#vainAt + 1) & (UNKNOWN_KEPT - 1);
      return 0;
    }
    if (this.#isAttempt(index, 0, attemptLow, attemptHigh) || this.#isAttempt(index, 1, attemptLow, attemptHigh))
      return this.#ids[index] as number;
    const before = this.#ids[index] as number;
    this.noteUnknown(before);
    this.#nameAnew(index);
    this.#setAttempt(index, attemptLow, attemptHigh);
    this.#usedMs[index] = logTimeMs;
    if (CONTRACTS) ensures(this.lookup(before) < 0, 'E4: the id of before is unknown');
    return this.#ids[index] as number;
  }

  /**
   * Id that an attempt on the session of a nonce got; 0 while the log does not tell; -1 where the table was full; -2 where the session is gone
   * or went on with another attempt.
   */
  findByAttempt(nonceLow: number, nonceHigh: number, attemptLow: number, attemptHigh: number): number {
    const index = this.#indexOfNonce(nonceLow, nonceHigh);
    const isFirst = nonceLow === attemptLow && nonceHigh === attemptHigh;
    if (index >= 0) {
      if (this.#isAttempt(index, 0, attemptLow, attemptHigh)) return this.#ids[index] as number;
      return isFirst || this.#isAttempt(index, 1, attemptLow, attemptHigh) ? -2 : 0;
    }
    if (isFirst) return this.#placeOfNonce(nonceLow, nonceHigh) >= 0 ? -2 : this.findByNonce(nonceLow, nonceHigh);
    for (let i = 0; i < UNKNOWN_KEPT; i++)
      if (this.#vain[2 * i] === attemptLow && this.#vain[2 * i + 1] === attemptHigh) return -2;
    return 0;
  }

  #freeIndex(logTimeMs: number): number {
    if (this.#end < SESSIONS_MAX) {
      this.#end += 1;
      return this.#end - 1;
    }
    let oldest = -1;
    for (let i = 0; i < SESSIONS_MAX; i++) {
      if (this.#ids[i] === 0) return i;
      if (oldest < 0 || (this.#usedMs[i] as number) < (this.#usedMs[oldest] as number)) oldest = i;
    }
    if (logTimeMs - (this.#usedMs[oldest] as number) < SESSION_EXPIRY_MS) return -1;
    this.close(this.#ids[oldest] as number);
    return oldest;
  }

  close(id: number): void {
    const index = this.lookup(id);
    if (index < 0) return;
    this.noteUnknown(id);
    this.#ids[index] = 0;
    this.count -= 1;
  }

  /** Index of a live session, or -1. */
  lookup(id: number): number {
    const index = id & INDEX_MASK;
    return id > 0 && this.#ids[index] === id ? index : -1;
  }

  /** A command of a session that does not live was applied to no effect: whoever waits for it may be told. */
  noteUnknown(id: number): void {
    if (this.isKnownGone(id)) return;
    this.#unknown[this.#unknownAt] = id;
    this.#unknownAt = (this.#unknownAt + 1) & (UNKNOWN_KEPT - 1);
  }

  /** Serials begin again after half a million sessions. */
  #forgetUnknown(id: number): void {
    const at = this.#unknown.indexOf(id);
    if (at >= 0) this.#unknown[at] = 0;
  }

  /** True where the log itself said so: a session that was unknown once stays so until its id is given anew. */
  isKnownGone(id: number): boolean {
    return id !== 0 && this.#unknown.indexOf(id) >= 0;
  }

  /**
   * False where the session was opened in a slot that is not applied here: a leader that was deposed without knowing must not call it gone.
   * Serials begin again: half of them lie ahead.
   */
  wasIssued(id: number): boolean {
    const behind = this.#serial - (id >> SESSION_INDEX_BITS);
    return (behind < 0 ? behind + SERIAL_MAX : behind) < SERIAL_MAX / 2;
  }

  /** Id of the live session with this nonce; 0 when there is none; -1 when its opening was the last one refused. */
  findByNonce(nonceLow: number, nonceHigh: number): number {
    const index = this.#indexOfNonce(nonceLow, nonceHigh);
    if (index >= 0) return this.#ids[index] as number;
    return nonceLow === this.#refusedLow && nonceHigh === this.#refusedHigh ? -1 : 0;
  }

  /** Index of the live session with this nonce, or -1. */
  #indexOfNonce(nonceLow: number, nonceHigh: number): number {
    const place = this.#placeOfNonce(nonceLow, nonceHigh);
    return place >= 0 && this.#ids[place] !== 0 ? place : -1;
  }

  /** A session that ended keeps its place, with id 0, until another gets it: so a nonce stands in one place at most. */
  #placeOfNonce(nonceLow: number, nonceHigh: number): number {
    for (let i = 0; i < this.#end; i++)
      if (this.#nonceLow[i] === nonceLow && this.#nonceHigh[i] === nonceHigh) return i;
    return -1;
  }

  /**
   * The table as chunks, as of now: the sessions, then the replies of each live one, in index order. The sessions are copied at once (72 bytes
   * each); replies when it is their turn, or before their session changes. A later image puts an end to one that is not read yet.
   */
  image(): Iterator<Uint8Array> {
    const table = new Float64Array(IMAGE_HEADER + this.#end * IMAGE_SESSION);
    table.set([this.#serial, this.#end, this.count, this.#refusedLow, this.#refusedHigh]);
    const frozen: FrozenSessions = { isLive: new Uint8Array(this.#end), kept: new Map() };
    for (let i = 0; i < this.#end; i++) {
      const session = [this.#ids[i], this.#nonceLow[i], this.#nonceHigh[i], this.#last[i], this.#usedMs[i]];
      table.set(session as number[], IMAGE_HEADER + i * IMAGE_SESSION);
      for (let n = 0; n < ATTEMPT_WORDS; n++)
        table[IMAGE_HEADER + i * IMAGE_SESSION + 5 + n] = this.#attempts[ATTEMPT_WORDS * i + n] as number;
      frozen.isLive[i] = this.#ids[i] === 0 ? 0 : 1;
    }
    this.#frozen = frozen;
    return this.#chunks(new Uint8Array(table.buffer), frozen);
  }

  *#chunks(table: Uint8Array, frozen: FrozenSessions): Generator<Uint8Array> {
    try {
      yield table;
      for (let i = 0; i < frozen.isLive.length; i++) {
        assert(this.#frozen === frozen, 'an image is read before the next one begins');
        this.#keep(i);
        const chunk = frozen.kept.get(i);
        frozen.kept.delete(i);
        if (chunk !== undefined) yield chunk;
      }
    } finally {
      if (this.#frozen === frozen) this.#frozen = undefined;
    }
  }

  /** The replies at `index` are about to change: the image that is being read gets them as they are. */
  #keep(index: number): void {
    const frozen = this.#frozen;
    if (frozen === undefined || frozen.isLive[index] !== 1) return;
    frozen.isLive[index] = 0;
    frozen.kept.set(index, new Uint8Array(this.replies(index).image().buffer));
  }

  /** Becomes what `image` gave, a session a step, taking the chunks it needs from the start of `chunks`. */
  *restore(chunks: Iterator<Uint8Array>): Generator<void> {
    const table = new Float64Array(nextChunk(chunks).slice().buffer);
    this.#serial = table[0] as number;
    this.#end = table[1] as number;
    this.count = table[2] as number;
    this.#refusedLow = table[3] as number;
    this.#refusedHigh = table[4] as number;
    this.#frozen = undefined;
    this.#ids.fill(0);
    for (let i = 0; i < this.#end; i++) {
      const at = IMAGE_HEADER + i * IMAGE_SESSION;
      this.#ids[i] = table[at] as number;
      this.#nonceLow[i] = table[at + 1] as number;
      this.#nonceHigh[i] = table[at + 2] as number;
      this.#last[i] = table[at + 3] as number;
      this.#usedMs[i] = table[at + 4] as number;
      for (let n = 0; n < ATTEMPT_WORDS; n++) this.#attempts[ATTEMPT_WORDS * i + n] = table[at + 5 + n] as number;
      if (this.#ids[i] === 0) continue;
      this.#replies[i] ??= new ReplyStore();
      this.replies(i).restore(new Int32Array(nextChunk(chunks).slice().buffer));
      yield;
    }
  }

  lastApplied(index: number): number {
    return this.#last[index] as number;
  }

  /** Compares the number in `numbers[at]` with what the session has applied. */
  judge(index: number, numbers: Float64Array, at: number): number {
    const expected = (this.#last[index] as number) + 1;
    if (numbers[at] === expected) return FRESH;
    return (numbers[at] as number) < expected ? DUPLICATE : GAP;
  }

  replies(index: number): ReplyStore {
    const store = this.#replies[index];
    assert(store !== undefined, 'an open session remembers replies');
    return store;
  }

  /** Remembers the reply to the session's next command: `length` bytes from the start of `reply`. */
  remember(index: number, reply: Int32Array, length: number, status: number): void {
    if (this.#frozen !== undefined) this.#keep(index);
    this.replies(index).append(reply, length, status);
  }

  /** The session applied its next command at `logTimeMs`. */
  advance(index: number, logTimeMs: Float64Array): void {
    this.#last[index] = (this.#last[index] as number) + 1;
    this.#usedMs[index] = logTimeMs[0] as number;
  }

  /** Bytes of the next run of replies from `first` on, at most `bytesMax`. */
  measureRun(index: number, first: number, bytesMax: number): number {
    return this.replies(index).measure(first, bytesMax);
  }

  /** Copies that run; returns how many replies it holds. */
  copyRun(index: number, first: number, target: Uint8Array, words: Int32Array, offset: number, bytes: number): number {
    return this.replies(index).copy(first, target, words, offset, bytes);
  }
}

function nextChunk(chunks: Iterator<Uint8Array>): Uint8Array {
  const { value, done } = chunks.next();
  assert(done !== true, 'an image has all its chunks');
  return value as Uint8Array;
}
