/**
 * A worker's end of a lane (memory/lane says what keeps it from passing on overwritten bytes): takes runs of records as long as
 * the route names this worker, and can take again what it passed on and nobody completed.
 *
 *        settled            cursor                 TAIL
 *   ┄┄┄┄┄┄┄┼───────────────────┼──────────────────────┼┄┄┄┄
 *          │ taken, under way  │ published, not taken │
 * @hot
 */
import { assert } from '../base/assert.ts';
import { align, fromWords } from '../base/bits.ts';
import { loadNumber } from './counters.ts';
import {
  COMMAND_HEADER_BYTES,
  COMMAND_NUMBER_HIGH_MASK,
  COMMAND_NUMBER_LOW_WORD,
  LANE_DATA_BYTES,
  LANE_FLOOR_WORD,
  LANE_KIND_WORD,
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
  RECORD_TYPE_WORD,
  TYPE_CLOSE_SESSION,
  TYPE_PADDING,
} from './descriptor.ts';
import { dataCapacity } from './ring.ts';

/** A worker's end. It takes runs of records, copied by the caller, as long as the route names it. */
export class LaneReader {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly capacity: number;
  /** LANE_WRITES or one of LANE_READS_*. */
  readonly kind: number;
  /** True while the route adopted last names this worker. */
  active = false;
  /** ROUTE_CHANGE of the route looked at last: names it among all routes of the lane. */
  adoptedChange = 0;
  /** What `take` found: byte offset in `bytes` and size, whole records with their alignment gaps. */
  runOffset = 0;
  runSize = 0;
  private readonly mask: number;
  private readonly numbers = new Float64Array(1);
  private cursor = 0;
  /** All records before it are completed; what lies between it and the cursor was taken and is under way. */
  private settled = 0;
  private runEnd = 0;
  private serial = 0;

  constructor(lane: SharedArrayBuffer) {
    this.capacity = dataCapacity(lane, LANE_DATA_BYTES);
    this.words = new Int32Array(lane);
    this.bytes = new Uint8Array(lane);
    this.mask = this.capacity - 1;
    this.kind = this.words[LANE_KIND_WORD]!;
    assert(this.kind >= LANE_WRITES && this.kind <= LANE_READS_STALE, 'a lane carries writes or reads');
  }

  /** Request number of the first record of the adopted route. */
  get routedNumber(): number {
    return this.numbers[0]!;
  }

  /** Slot below which everything must be applied before what was taken so far may be read. */
  get floor(): number {
    return loadNumber(this.words, LANE_FLOOR_WORD);
  }

  /** The session that the lane belongs to; 0 until it is open. */
  get session(): number {
    return Atomics.load(this.words, LANE_SESSION_WORD);
  }

  /**
   * Looks at the route, once per duty cycle. A route to this replica in its current leadership is adopted: reading starts
   * at the oldest record without completion. Returns whether the lane is this worker's to read.
   */
  refresh(replicaIndex: number, leadershipSerial: number): boolean {
    const words = this.words;
    const change = Atomics.load(words, LANE_ROUTE_CHANGE_WORD);
    if (change === this.adoptedChange && leadershipSerial === this.serial) return this.active;
    this.active = false;
    if ((change & 1) !== 0) return false;
    const serial = Atomics.load(words, LANE_ROUTE_SERIAL_WORD);
    const replica = Atomics.load(words, LANE_ROUTE_REPLICA_WORD);
    this.cursor = Atomics.load(words, LANE_ROUTE_START_WORD);
    const low = Atomics.load(words, LANE_ROUTE_NUMBER_WORD);
    this.numbers[0] = fromWords(low, Atomics.load(words, LANE_ROUTE_NUMBER_WORD + 1));
    if (Atomics.load(words, LANE_ROUTE_CHANGE_WORD) !== change) return false;
    this.adoptedChange = change;
    this.serial = leadershipSerial;
    this.runEnd = this.cursor;
    this.settled = this.cursor;
    this.active = serial !== 0 && serial === leadershipSerial && replica === replicaIndex;
    return this.active;
  }

  /** Published bytes beyond the cursor, padding included; 0 while the lane is another's. */
  available(): number {
    if (!this.active) return 0;
    return (Atomics.load(this.words, LANE_TAIL_WORD) - this.cursor) | 0;
  }

  /**
   * Finds the longest contiguous run of whole records from the cursor on, at most `maxBytes` but at least one record, and
   * shows it in `runOffset` and `runSize`. The caller copies it and then calls `confirm`. False when there is nothing.
   */
  take(maxBytes: number): boolean {
    assert(maxBytes > 0, 'a run has room for something');
    this.runSize = 0;
    const distance = this.available();
    if (distance === 0) return false;
    const padding = this.paddingAt(this.cursor, distance);
    if (padding < 0) return this.refuse();
    const start = (this.cursor + padding) | 0;
    const remaining = distance - padding;
    const place = start & this.mask;
    const toEnd = this.capacity - place;
    // Without a wrap nothing but whole records stands up to TAIL, so sizes need not be looked at.
    const single = remaining <= maxBytes && remaining <= toEnd;
    const size = single ? remaining : this.walk(place, Math.min(remaining, toEnd), maxBytes);
    if (size <= 0) return this.refuse();
    this.runOffset = LANE_DATA_BYTES + place;
    this.runSize = size;
    this.runEnd = (start + size) | 0;
    return true;
  }

  /**
   * Called after the run was copied: true when the route still stood then, so that the copy is whole, and the cursor moves
   * behind the run; false when the copy may be torn and must be dropped.
   */
  confirm(): boolean {
    if (!this.active || !this.isRouteUnchanged()) {
      this.active = false;
      return false;
    }
    this.cursor = this.runEnd;
    this.runSize = 0;
    return true;
  }

  /** Moves the cursor over records with numbers below `number`; see the second rule above. Not between take and confirm. */
  skipBelow(number: number): void {
    while (this.take(1)) {
      const word = this.runOffset >> 2;
      const high = this.words[word + RECORD_TYPE_WORD]! & COMMAND_NUMBER_HIGH_MASK;
      if (this.isClose(word) || fromWords(this.words[word + COMMAND_NUMBER_LOW_WORD]!, high) >= number) break;
      this.cursor = this.runEnd;
    }
    this.runEnd = this.cursor;
    this.runSize = 0;
  }

  /** Bytes taken and not settled. */
  get outstanding(): number {
    return (this.cursor - this.settled) | 0;
  }

  /** Records with numbers below `number` are completed: `rewind` stays behind them. Called before the client hears of it. */
  settleBelow(number: number): void {
    while (this.settled !== this.cursor) {
      const padding = this.paddingAt(this.settled, this.outstanding);
      assert(padding >= 0, 'what was taken on a standing route stays whole until it is settled');
      const start = (this.settled + padding) | 0;
      if (start === this.cursor) break;
      const word = (LANE_DATA_BYTES + (start & this.mask)) >> 2;
      const high = this.words[word + RECORD_TYPE_WORD]! & COMMAND_NUMBER_HIGH_MASK;
      if (this.isClose(word) || fromWords(this.words[word + COMMAND_NUMBER_LOW_WORD]!, high) >= number) break;
      this.settled = (start + align(this.words[word]!, RECORD_ALIGNMENT)) | 0;
    }
  }

  /** Takes everything that is not settled once more: whoever got it may have lost it. Not between take and confirm. */
  rewind(): void {
    this.cursor = this.settled;
    this.runEnd = this.settled;
    this.runSize = 0;
  }

  /** CLOSE has number 0 and is the last record of its lane: no completion of a command passes it. */
  private isClose(word: number): boolean {
    return this.words[word + RECORD_TYPE_WORD]! >>> RECORD_TYPE_SHIFT === TYPE_CLOSE_SESSION;
  }

  /** Bytes of the padding record at `position`, 0 when a record stands there, -1 when neither can be. */
  private paddingAt(position: number, distance: number): number {
    if (distance < 0 || distance > this.capacity) return -1;
    const toEnd = this.capacity - (position & this.mask);
    if (distance <= toEnd) return 0;
    const word = (LANE_DATA_BYTES + this.capacity - toEnd) >> 2;
    if (this.words[word + 1]! >>> RECORD_TYPE_SHIFT !== TYPE_PADDING) return 0;
    return this.words[word] === toEnd ? toEnd : -1;
  }

  /** Bytes of the whole records in [place, place + limit), at most `maxBytes` unless the first is larger; below 1 = nonsense. */
  private walk(place: number, limit: number, maxBytes: number): number {
    let run = 0;
    while (run < limit) {
      const word = (LANE_DATA_BYTES + place + run) >> 2;
      const size = this.words[word]!;
      // Torn bytes may hold anything. What fits here fits aligned too: places and limits are aligned.
      if (size < RECORD_HEADER_BYTES || size > limit - run) return -1;
      if (this.words[word + 1]! >>> RECORD_TYPE_SHIFT === TYPE_PADDING) return run;
      if (size < COMMAND_HEADER_BYTES) return -1;
      const length = align(size, RECORD_ALIGNMENT);
      if (run > 0 && run + length > maxBytes) break;
      run += length;
    }
    return run;
  }

  /** Nonsense in the ring means that the route changed and the bytes were reused; on a standing route it is damage. */
  private refuse(): boolean {
    assert(!this.isRouteUnchanged(), 'a routed lane holds a record that cannot be');
    this.active = false;
    return false;
  }

  private isRouteUnchanged(): boolean {
    return Atomics.add(this.words, LANE_ROUTE_CHANGE_WORD, 0) === this.adoptedChange;
  }
}
