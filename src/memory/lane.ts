/**
 * Lane: how one session of one client reaches one group; the client's end of the block drawn as LANE_* in memory/descriptor.
 * The workers' ends are in memory/lane-reader.
 *
 * The writer (client) is alone; readers are many: the group's worker of every replica has one, and the route names the one
 * that may consume. A record stays in the ring until its completion arrived, so that the next leader reads it again.
 *
 *        oldest                    TAIL        cursor (claimed)
 *   ┄┄┄┄┄┄┼─────────────────────────┼────────────┼┄┄┄┄┄┄
 *         │ without completion  ▲   │              reader: its own cursor, from ROUTE_START on; it writes nothing shared
 *   ┄┄┄┄┄┄┼─────────────────────┼───┼────────────┼┄┄┄┄┄┄
 *
 * Two rules keep a reader from passing on bytes of a record that was overwritten:
 * - A deposed reader may be overtaken at any time. It copies, then `confirm` looks whether the route changed; if so the copy
 *   is dropped. Both sides touch ROUTE_CHANGE by read-modify-write (the reader adds 0): either the reader's comes later
 *   and sees the change, or the writer's comes later and has acquired the reader's copy before it reuses any byte.
 * - The reader routed to is never overtaken: the writer frees a record only for a completion that came through the current
 *   route, and the worker calls `skipBelow` before it completes numbers that its reader has not passed (commands that an
 *   earlier leader took).
 * @hot
 */
import { assert, CONTRACTS, ensures } from '../base/assert.ts';
import { align, assertPowerOfTwo, highWord, lowWord } from '../base/bits.ts';
import { SESSION_INFLIGHT_MAX } from '../limits.ts';
import { storeNumber } from './counters.ts';
import {
  COMMAND_HEADER_BYTES,
  COMMAND_NUMBER_HIGH_MASK,
  COMMAND_NUMBER_LOW_WORD,
  COMMAND_SESSION_WORD,
  LANE_ATTEMPT_WORD,
  LANE_DATA_BYTES,
  LANE_FLOOR_WORD,
  LANE_KIND_WORD,
  LANE_NONCE_WORD,
  LANE_READS_STALE,
  LANE_ROUTE_CHANGE_WORD,
  LANE_ROUTE_NUMBER_WORD,
  LANE_ROUTE_REPLICA_WORD,
  LANE_ROUTE_SERIAL_WORD,
  LANE_ROUTE_START_WORD,
  LANE_SESSION_WORD,
  LANE_TAIL_WORD,
  LANE_WRITES,
  RECORD_ALIGNMENT,
  RECORD_HEADER_BYTES,
  RECORD_TYPE_SHIFT,
  TYPE_CLOSE_SESSION,
  TYPE_OPEN_SESSION,
  TYPE_PADDING,
  TYPE_RESUME_SESSION,
} from './descriptor.ts';
import { dataCapacity } from './ring.ts';

const NONCE_BYTES = 8;

/** Records of the session itself use up no request number. */
function isUnnumbered(type: number): boolean {
  return type === TYPE_OPEN_SESSION || type === TYPE_RESUME_SESSION || type === TYPE_CLOSE_SESSION;
}

const NEXT = 0;
const OLDEST = 1;

/** Memory for a lane with `capacity` data bytes, a power of two; `kind` is LANE_WRITES or one of LANE_READS_*. With an `attempt` it resumes the session. */
export function createLane(capacity: number, kind: number, nonce: number, attempt = nonce): SharedArrayBuffer {
  assertPowerOfTwo(capacity);
  assert(kind >= LANE_WRITES && kind <= LANE_READS_STALE, 'a lane carries writes or reads');
  assert(Number.isSafeInteger(nonce) && nonce >= 0, 'a nonce has at most 53 bits');
  const lane = new SharedArrayBuffer(LANE_DATA_BYTES + capacity);
  const words = new Int32Array(lane);
  words[LANE_KIND_WORD] = kind;
  words[LANE_NONCE_WORD] = lowWord(nonce);
  words[LANE_NONCE_WORD + 1] = highWord(nonce);
  words[LANE_ATTEMPT_WORD] = lowWord(attempt);
  words[LANE_ATTEMPT_WORD + 1] = highWord(attempt);
  return lane;
}

/** The client's end. One per lane for its whole life: it alone knows which records have no completion. */
export class LaneWriter {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly capacity: number;
  private readonly mask: number;
  /** Numbers beyond 2^31 stay in a typed array, where they are not boxed. */
  private readonly numbers = new Float64Array(2);
  private tail: number;
  private cursor: number;
  private oldest: number;
  /** Numbered records claimed since the last publish. */
  private claimed = 0;
  private session: number;

  constructor(lane: SharedArrayBuffer, firstNumber = 1) {
    this.capacity = dataCapacity(lane, LANE_DATA_BYTES);
    this.words = new Int32Array(lane);
    this.bytes = new Uint8Array(lane);
    this.mask = this.capacity - 1;
    this.tail = Atomics.load(this.words, LANE_TAIL_WORD);
    this.cursor = this.tail;
    this.oldest = this.tail;
    this.session = Atomics.load(this.words, LANE_SESSION_WORD);
    this.numbers[NEXT] = firstNumber;
    this.numbers[OLDEST] = firstNumber;
    assert(firstNumber >= 1, 'request numbers begin at 1');
  }

  /** The number that the next published record will get. */
  get nextNumber(): number {
    return this.numbers[NEXT]!;
  }

  /** The lowest number without completion; `nextNumber` when there is none. */
  get oldestNumber(): number {
    return this.numbers[OLDEST]!;
  }

  /** Published numbers without completion. */
  get inFlight(): number {
    return this.numbers[NEXT]! - this.numbers[OLDEST]!;
  }

  /**
   * Reserves a record with `payloadBytes` and returns the byte offset of its payload in `bytes`; -1 when the ring is full or
   * SESSION_INFLIGHT_MAX numbers have no completion. Its number is certain once published: numbers follow claim order.
   */
  claim(payloadBytes: number, type: number): number {
    assert(type > TYPE_PADDING && !isUnnumbered(type), 'sessions are opened and closed by claims of their own');
    if (this.inFlight + this.claimed >= SESSION_INFLIGHT_MAX) return -1;
    const number = this.numbers[NEXT]! + this.claimed;
    const offset = this.reserve(COMMAND_HEADER_BYTES + payloadBytes);
    if (offset < 0) return -1;
    this.writeHeader(offset >> 2, COMMAND_HEADER_BYTES + payloadBytes, type, lowWord(number), highWord(number));
    this.claimed += 1;
    return offset + COMMAND_HEADER_BYTES;
  }

  /** Claims the record that opens the session, or resumes it. It carries the lane's nonce and number 0, and uses up no number. */
  claimOpen(): number {
    const isResumed = this.isResumed;
    const size = COMMAND_HEADER_BYTES + (isResumed ? 2 * NONCE_BYTES : NONCE_BYTES);
    const offset = this.reserve(size);
    if (offset < 0) return -1;
    this.writeHeader(offset >> 2, size, isResumed ? TYPE_RESUME_SESSION : TYPE_OPEN_SESSION, 0, 0);
    const payload = (offset + COMMAND_HEADER_BYTES) >> 2;
    for (let i = 0; i < 2; i++) {
      this.words[payload + i] = this.words[LANE_NONCE_WORD + i]!;
      if (isResumed) this.words[payload + 2 + i] = this.words[LANE_ATTEMPT_WORD + i]!;
    }
    return offset + COMMAND_HEADER_BYTES;
  }

  /** Claims the record that ends the session: nothing is published behind it. It uses up no number. */
  claimClose(): number {
    assert(this.session !== 0, 'only an open session is closed');
    const offset = this.reserve(COMMAND_HEADER_BYTES);
    if (offset < 0) return -1;
    this.writeHeader(offset >> 2, COMMAND_HEADER_BYTES, TYPE_CLOSE_SESSION, 0, 0);
    return offset + COMMAND_HEADER_BYTES;
  }

  /** True where the lane goes on with a session of an earlier life. */
  get isResumed(): boolean {
    const words = this.words;
    const isSameLow = words[LANE_ATTEMPT_WORD] === words[LANE_NONCE_WORD];
    return !isSameLow || words[LANE_ATTEMPT_WORD + 1] !== words[LANE_NONCE_WORD + 1];
  }

  /** Numbers go on at `number`: those below are settled. Before the first command. */
  beginAt(number: number): void {
    assert(number >= 1 && this.inFlight === 0 && this.claimed === 0, 'numbering begins before the first command');
    this.numbers[NEXT] = number;
    this.numbers[OLDEST] = number;
  }

  /** Makes all claimed records visible; from here on their numbers are given and never taken back (S18). */
  publish(): void {
    if (this.cursor === this.tail) return;
    this.numbers[NEXT] = this.numbers[NEXT]! + this.claimed;
    this.claimed = 0;
    this.tail = this.cursor;
    Atomics.store(this.words, LANE_TAIL_WORD, this.tail);
    if (CONTRACTS) ensures(this.inFlight <= SESSION_INFLIGHT_MAX, 'S18: claim bounds the numbers in flight');
  }

  /** Gives up all claims since the last `publish`. */
  abandon(): void {
    this.cursor = this.tail;
    this.claimed = 0;
  }

  /** The oldest `count` published records got their completions through the current route: their bytes may be reused. */
  free(count: number): void {
    assert(count >= 0, 'records freed are counted');
    let position = this.oldest;
    let numbered = 0;
    for (let n = 0; n < count; n += 1) {
      assert(position !== this.tail, 'a record was freed that was never published');
      let word = this.wordOf(position);
      if (this.words[word + 1]! >>> RECORD_TYPE_SHIFT === TYPE_PADDING) {
        position = (position + this.words[word]!) | 0;
        word = this.wordOf(position);
      }
      if (!isUnnumbered(this.words[word + 1]! >>> RECORD_TYPE_SHIFT)) numbered += 1;
      position = (position + align(this.words[word]!, RECORD_ALIGNMENT)) | 0;
    }
    this.oldest = position;
    this.numbers[OLDEST] = this.numbers[OLDEST]! + numbered;
    assert(this.numbers[OLDEST]! <= this.numbers[NEXT]!, 'a number was freed that was never given');
  }

  /** Reads published from now on wait until everything below `slot` is applied where they run. */
  setFloor(slot: number): void {
    storeNumber(this.words, LANE_FLOOR_WORD, slot);
  }

  /** Names the session in the block, in all records without completion and in those still to come. */
  setSession(session: number): void {
    this.session = session;
    Atomics.store(this.words, LANE_SESSION_WORD, session);
    let position = this.oldest;
    while (position !== this.cursor) {
      const word = this.wordOf(position);
      const size = this.words[word]!;
      assert(size >= RECORD_HEADER_BYTES && size <= this.capacity, 'a record of the lane lost its size');
      if (this.words[word + 1]! >>> RECORD_TYPE_SHIFT !== TYPE_PADDING) {
        Atomics.store(this.words, word + COMMAND_SESSION_WORD, session);
      }
      position = (position + align(size, RECORD_ALIGNMENT)) | 0;
    }
  }

  /**
   * Gives the lane to the worker of `replica` in its leadership `serial`, which starts at the oldest record without
   * completion. Routing again to the same one makes it read those records again.
   */
  route(replica: number, serial: number): void {
    const words = this.words;
    const before = Atomics.add(words, LANE_ROUTE_CHANGE_WORD, 1);
    assert((before & 1) === 0, 'a route is written by one thread at a time');
    Atomics.store(words, LANE_ROUTE_SERIAL_WORD, serial);
    Atomics.store(words, LANE_ROUTE_REPLICA_WORD, replica);
    Atomics.store(words, LANE_ROUTE_START_WORD, this.oldest);
    Atomics.store(words, LANE_ROUTE_NUMBER_WORD, lowWord(this.numbers[OLDEST]!));
    Atomics.store(words, LANE_ROUTE_NUMBER_WORD + 1, highWord(this.numbers[OLDEST]!));
    Atomics.add(words, LANE_ROUTE_CHANGE_WORD, 1);
  }

  /** Takes the lane from whoever has it. */
  unroute(): void {
    this.route(0, 0);
  }

  private reserve(size: number): number {
    assert(size >= COMMAND_HEADER_BYTES, 'a payload has no negative size');
    assert(size <= this.capacity >>> 1, 'a record is at most half its lane');
    const length = align(size, RECORD_ALIGNMENT);
    const toEnd = this.capacity - (this.cursor & this.mask);
    const padding = toEnd < length ? toEnd : 0;
    if (this.capacity - ((this.cursor - this.oldest) | 0) < padding + length) return -1;
    if (padding > 0) {
      const word = this.wordOf(this.cursor);
      this.words[word] = padding;
      this.words[word + 1] = TYPE_PADDING << RECORD_TYPE_SHIFT;
      this.cursor = (this.cursor + padding) | 0;
    }
    const offset = LANE_DATA_BYTES + (this.cursor & this.mask);
    this.cursor = (this.cursor + length) | 0;
    return offset;
  }

  private writeHeader(word: number, size: number, type: number, numberLow: number, numberHigh: number): void {
    assert(numberHigh <= COMMAND_NUMBER_HIGH_MASK, 'request numbers have at most 53 bits');
    this.words[word] = size;
    this.words[word + 1] = (type << RECORD_TYPE_SHIFT) | numberHigh;
    this.words[word + COMMAND_NUMBER_LOW_WORD] = numberLow;
    this.words[word + COMMAND_SESSION_WORD] = this.session;
  }

  private wordOf(position: number): number {
    return (LANE_DATA_BYTES + (position & this.mask)) >> 2;
  }
}
