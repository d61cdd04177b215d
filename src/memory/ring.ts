/**
 * SPSC record ring on one SharedArrayBuffer: what every two threads talk through.
 *
 * One thread holds the producer, one the consumer; the layout is RING_* in memory/descriptor. Positions are wrapping
 * 32-bit byte counts, so a position's place in the data area is its low bits and differences never overflow.
 *
 *        HEAD             TAIL          cursor
 *   ┄┄┄┄┄┄┼────────────────┼──────────────┼┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┐
 *   free  │ published      │ claimed, not │ free            │ a record that does not fit here is preceded by a
 *         │ records        │ yet visible  │                 │ padding record that fills the rest
 *   ┄┄┄┄┄┄┼────────────────┼──────────────┼┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┘
 *
 * TAIL is stored by the producer alone, HEAD by the consumer alone; each side caches the other's word and loads it only
 * when the cached one does not suffice. A padding record is published together with the record behind it.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { align, assertPowerOfTwo } from '../base/bits.ts';
import {
  RECORD_ALIGNMENT,
  RECORD_HEADER_BYTES,
  RECORD_TYPE_SHIFT,
  RING_DATA_BYTES,
  RING_HEAD_WORD,
  RING_TAIL_WORD,
  TYPE_PADDING,
} from './descriptor.ts';

/** Alignment of records: 8, or 64 where the payload must stay congruent with the log's entry ring. */
export type RecordAlignment = 8 | 64;

/** Receives one record: header at byte `offset` of `bytes` (word offset / 4 of `words`), `size` bytes with its header. */
export type RecordHandler = (words: Int32Array, bytes: Uint8Array, offset: number, size: number) => void;

const CAPACITY_MIN = 128;
const CAPACITY_MAX = 2 ** 30;
/** What `step` returns for padding; -1 says that nothing waits. */
const PADDING_PASSED = -2;

/** Memory for a ring with `capacity` data bytes, a power of two. */
export function createRing(capacity: number): SharedArrayBuffer {
  assertPowerOfTwo(capacity);
  return new SharedArrayBuffer(RING_DATA_BYTES + capacity);
}

/** Bytes behind the control block of a ring or lane, checked. */
export function dataCapacity(memory: SharedArrayBuffer, controlBytes: number): number {
  const capacity = memory.byteLength - controlBytes;
  assertPowerOfTwo(capacity);
  assert(capacity >= CAPACITY_MIN, 'the ring is too small');
  assert(capacity <= CAPACITY_MAX, 'the ring is too large for wrapping positions');
  return capacity;
}

/** The writing end. A new one on a used ring goes on at the published tail. */
export class RingProducer {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly capacity: number;
  private readonly alignment: number;
  private readonly mask: number;
  private tail: number;
  private cursor: number;
  private headSeen: number;

  constructor(ring: SharedArrayBuffer, alignment: RecordAlignment = RECORD_ALIGNMENT) {
    this.capacity = dataCapacity(ring, RING_DATA_BYTES);
    this.words = new Int32Array(ring);
    this.bytes = new Uint8Array(ring);
    this.alignment = alignment;
    this.mask = this.capacity - 1;
    this.tail = Atomics.load(this.words, RING_TAIL_WORD);
    this.cursor = this.tail;
    this.headSeen = Atomics.load(this.words, RING_HEAD_WORD);
    assert((this.tail - this.headSeen) >>> 0 <= this.capacity, 'tail and head of the ring disagree');
    assert((this.tail & (alignment - 1)) === 0, 'the ring was used with another alignment');
  }

  /**
   * Reserves a record of `size` bytes, header included, and writes its SIZE and TYPE words. Returns the byte offset of
   * its header in `bytes`, or -1 when the ring is full. Nothing is visible to the consumer before `publish`.
   */
  claim(size: number, type: number): number {
    assert(size >= RECORD_HEADER_BYTES, 'a record holds at least its header');
    assert(size <= this.capacity >>> 1, 'a record is at most half its ring');
    assert(type > TYPE_PADDING, 'padding is written by the ring alone');
    const length = align(size, this.alignment);
    const gap = this.capacity - (this.cursor & this.mask);
    const padding = gap < length ? gap : 0;
    if (!this.fits(padding + length)) return -1;
    if (padding > 0) {
      this.writeHeader(padding, TYPE_PADDING);
      this.cursor = (this.cursor + padding) | 0;
    }
    const offset = this.writeHeader(size, type);
    this.cursor = (this.cursor + length) | 0;
    return offset;
  }

  /** The record claimed last, at `offset`, ends after `size` bytes: the rest of its claim is given back. */
  trim(offset: number, size: number): void {
    const word = offset >> 2;
    const claimed = this.words[word]!;
    assert(size >= RECORD_HEADER_BYTES && size <= claimed, 'a claim only gets smaller');
    assert(
      ((offset - RING_DATA_BYTES + align(claimed, this.alignment) - this.cursor) & this.mask) === 0,
      'only the last claim can be trimmed',
    );
    this.words[word] = size;
    this.cursor = (this.cursor - align(claimed, this.alignment) + align(size, this.alignment)) | 0;
  }

  /** True when `claim(size)` would succeed now. */
  hasRoom(size: number): boolean {
    assert(size >= RECORD_HEADER_BYTES, 'a record holds at least its header');
    assert(size <= this.capacity >>> 1, 'a record is at most half its ring');
    const length = align(size, this.alignment);
    const gap = this.capacity - (this.cursor & this.mask);
    return this.fits(gap < length ? gap + length : length);
  }

  /** Makes all claimed records visible, in order. */
  publish(): void {
    if (this.cursor === this.tail) return;
    this.tail = this.cursor;
    Atomics.store(this.words, RING_TAIL_WORD, this.tail);
  }

  /** Gives up all claims since the last `publish`. */
  abandon(): void {
    this.cursor = this.tail;
  }

  /** True while records are claimed and not yet published. */
  hasClaims(): boolean {
    return this.cursor !== this.tail;
  }

  private fits(needed: number): boolean {
    if (this.capacity - ((this.cursor - this.headSeen) | 0) >= needed) return true;
    this.headSeen = Atomics.load(this.words, RING_HEAD_WORD);
    assert((this.tail - this.headSeen) >>> 0 <= this.capacity, 'the ring was released beyond its tail');
    return this.capacity - ((this.cursor - this.headSeen) | 0) >= needed;
  }

  private writeHeader(size: number, type: number): number {
    const offset = RING_DATA_BYTES + (this.cursor & this.mask);
    const word = offset >> 2;
    this.words[word] = size;
    this.words[word + 1] = type << RECORD_TYPE_SHIFT;
    return offset;
  }
}

/** The reading end. A new one on a used ring goes on at the published head: what was not released is read again. */
export class RingConsumer {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly capacity: number;
  private readonly alignment: number;
  private readonly mask: number;
  private head: number;
  private cursor: number;
  private tailSeen: number;

  constructor(ring: SharedArrayBuffer, alignment: RecordAlignment = RECORD_ALIGNMENT) {
    this.capacity = dataCapacity(ring, RING_DATA_BYTES);
    this.words = new Int32Array(ring);
    this.bytes = new Uint8Array(ring);
    this.alignment = alignment;
    this.mask = this.capacity - 1;
    this.head = Atomics.load(this.words, RING_HEAD_WORD);
    this.cursor = this.head;
    this.tailSeen = this.head;
    assert((this.head & (alignment - 1)) === 0, 'the ring was used with another alignment');
  }

  /**
   * Hands over at most `limit` records and then publishes the head once. Records are valid during their call only. After a
   * throwing handler nothing of this poll is released before the next `poll` or `release`.
   */
  poll(handler: RecordHandler, limit: number): number {
    let count = 0;
    while (count < limit) {
      const offset = this.next();
      if (offset < 0) break;
      count += 1;
      handler(this.words, this.bytes, offset, this.words[offset >> 2]!);
    }
    this.release();
    return count;
  }

  /** Byte offset of the next record's header, or -1. Records stay in place until `release`. */
  next(): number {
    let record = this.step();
    // Padding stands only at the end of the ring, so one step behind it is a record.
    if (record === PADDING_PASSED) {
      record = this.step();
      assert(record !== PADDING_PASSED, 'two padding records in a row');
    }
    return record;
  }

  /** Lets the producer overwrite everything that `next` returned. */
  release(): void {
    if (this.cursor === this.head) return;
    this.head = this.cursor;
    Atomics.store(this.words, RING_HEAD_WORD, this.head);
  }

  /** True when no published record waits beyond those already returned. */
  isEmpty(): boolean {
    return this.cursor === this.tailSeen && this.cursor === Atomics.load(this.words, RING_TAIL_WORD);
  }

  /** Moves over one record; its offset, -1 when there is none, PADDING_PASSED when it was padding. */
  private step(): number {
    if (this.cursor === this.tailSeen) {
      this.tailSeen = Atomics.load(this.words, RING_TAIL_WORD);
      if (this.cursor === this.tailSeen) return -1;
    }
    const available = (this.tailSeen - this.cursor) | 0;
    assert(available > 0 && available <= this.capacity, 'the tail of the ring left its range');
    const place = this.cursor & this.mask;
    const offset = RING_DATA_BYTES + place;
    const size = this.words[offset >> 2]!;
    assert(size >= RECORD_HEADER_BYTES, 'a record is smaller than its header');
    // Compared before it is aligned: a size near 2^31 would wrap.
    assert(size <= available, 'a record reaches beyond the published tail');
    const length = align(size, this.alignment);
    assert(length <= available, 'a record reaches beyond the published tail');
    assert(place + length <= this.capacity, 'a record reaches beyond the end of the ring');
    this.cursor = (this.cursor + length) | 0;
    if (this.words[(offset >> 2) + 1]! >>> RECORD_TYPE_SHIFT !== TYPE_PADDING) return offset;
    assert(place + length === this.capacity, 'padding stands at the end of the ring only');
    return PADDING_PASSED;
  }
}
