/**
 * A third way to read a ring: ranges of whole records that are sent from where they lie, and released later, in order.
 *
 *        HEAD                 cursor              TAIL
 *   ┄┄┄┄┄┄┼─────────┬───────────┼──────┬────────────┼┄┄┄┄┄┄
 *         │ range 1 │ range 2   │ next │            │        ranges before the cursor are in flight
 *   ┄┄┄┄┄┄┼─────────┴───────────┼──────┴────────────┼┄┄┄┄┄┄
 *
 * A range never wraps and holds no padding record: padding is stepped over, and released with the range in front of it.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { align } from '../base/bits.ts';
import {
  RECORD_HEADER_BYTES,
  RECORD_TYPE_SHIFT,
  RING_DATA_BYTES,
  RING_HEAD_WORD,
  RING_TAIL_WORD,
  TYPE_PADDING,
} from './descriptor.ts';
import { dataCapacity, type RecordAlignment } from './ring.ts';

export class RangeConsumer {
  /** A view of the whole ring: ranges are offsets into it. */
  readonly bytes: Uint8Array;
  /** Where the range that `next` found begins, and its records. */
  offset = 0;
  records = 0;
  private readonly words: Int32Array;
  private readonly capacity: number;
  private readonly mask: number;
  private readonly alignment: number;
  private head: number;
  private cursor: number;

  /** On a used ring it goes on at the published head: ranges that an earlier reader had in flight are read again. */
  constructor(ring: SharedArrayBuffer, alignment: RecordAlignment) {
    this.capacity = dataCapacity(ring, RING_DATA_BYTES);
    this.mask = this.capacity - 1;
    this.words = new Int32Array(ring);
    this.bytes = new Uint8Array(ring);
    this.alignment = alignment;
    this.head = Atomics.load(this.words, RING_HEAD_WORD);
    this.cursor = this.head;
    assert((this.head & (alignment - 1)) === 0, 'the ring was used with another alignment');
  }

  /**
   * Moves over the next range: as many whole records as `target` bytes hold, at least one. Returns its size, 0 when nothing waits;
   * `offset` and `records` describe it.
   */
  next(target: number): number {
    assert(target > 0, 'a range has a size');
    const tail = Atomics.load(this.words, RING_TAIL_WORD);
    if (this.cursor === tail) return 0;
    this.stepOverPadding(tail);
    const place = this.cursor & this.mask;
    this.offset = RING_DATA_BYTES + place;
    this.records = 0;
    let size = 0;
    while (((this.cursor + size) | 0) !== tail && place + size < this.capacity) {
      const length = this.lengthAt((this.cursor + size) | 0, tail);
      if (this.typeAt((this.cursor + size) | 0) === TYPE_PADDING) break;
      if (size > 0 && size + length > target) break;
      size += length;
      this.records += 1;
    }
    assert(size > 0, 'a published record waits');
    this.cursor = (this.cursor + size) | 0;
    return size;
  }

  /** The oldest `size` bytes in flight may be overwritten. */
  release(size: number): void {
    assert(size > 0, 'something is released');
    this.head = this.overPadding(this.head, this.cursor);
    assert(size <= ((this.cursor - this.head) | 0), 'only what was read is released');
    this.head = this.overPadding((this.head + size) | 0, this.cursor);
    Atomics.store(this.words, RING_HEAD_WORD, this.head);
  }

  /** Gives up everything published and everything in flight; returns how many records were never read. */
  discard(): number {
    let discarded = 0;
    while (this.next(this.capacity) > 0) discarded += this.records;
    if (this.head !== this.cursor) {
      this.head = this.cursor;
      Atomics.store(this.words, RING_HEAD_WORD, this.head);
    }
    return discarded;
  }

  isEmpty(): boolean {
    return this.cursor === Atomics.load(this.words, RING_TAIL_WORD);
  }

  /** Bytes read and not yet released, padding included. */
  inFlight(): number {
    return (this.cursor - this.head) | 0;
  }

  private stepOverPadding(tail: number): void {
    this.cursor = this.overPadding(this.cursor, tail);
    assert(this.cursor !== tail, 'padding is published with the record behind it');
  }

  /** The position behind a padding record at `position`, or `position`. */
  private overPadding(position: number, end: number): number {
    if (position === end || this.typeAt(position) !== TYPE_PADDING) return position;
    const length = this.lengthAt(position, end);
    assert((position & this.mask) + length === this.capacity, 'padding stands at the end of the ring only');
    return (position + length) | 0;
  }

  private typeAt(position: number): number {
    return this.words[((RING_DATA_BYTES + (position & this.mask)) >> 2) + 1]! >>> RECORD_TYPE_SHIFT;
  }

  /** Bytes of the record at `position`, checked against the end of what is published. */
  private lengthAt(position: number, end: number): number {
    const available = (end - position) | 0;
    const size = this.words[(RING_DATA_BYTES + (position & this.mask)) >> 2]!;
    assert(available > 0 && available <= this.capacity, 'the tail of the ring left its range');
    assert(size >= RECORD_HEADER_BYTES, 'a record is smaller than its header');
    assert(size <= available, 'a record reaches beyond the published tail');
    const length = align(size, this.alignment);
    assert(length <= available, 'a record reaches beyond the published tail');
    return length;
  }
}
