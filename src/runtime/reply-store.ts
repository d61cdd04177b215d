/**
 * The remembered replies of one session, in request-number order, in a byte ring. The same bytes as in a completion run,
 * so that completing a run of commands is one copy.
 *
 *   bytes   | reply n | reply n+1 | … | (gap to the end of the ring, SIZE 0) | reply m | …
 *
 * Oldest replies give way when bytes or count run out: by log contents only, so alike on every replica (S18).
 * @hot
 */
import { assert } from '../base/assert.ts';
import { align } from '../base/bits.ts';
import { SESSION_INFLIGHT_MAX, SESSION_REPLY_BYTES_MAX } from '../limits.ts';
import {
  RECORD_ALIGNMENT,
  REPLY_EVICTED,
  REPLY_HEADER_BYTES,
  REPLY_SIZE_WORD,
  REPLY_STATUS_WORD,
} from '../memory/descriptor.ts';

/** A group may hold thousands of sessions, most of which remember little. */
const CAPACITY_MIN = 1 << 12;

/** Words before the replies in an image. */
const IMAGE_HEADER_WORDS = 8;

/** Indices into `#numbers`: request numbers exceed 2^31. */
const OLDEST = 0;
const NEXT = 1;
const CURSOR_NUMBER = 2;

export class ReplyStore {
  bytes = new Uint8Array(CAPACITY_MIN);
  words = new Int32Array(this.bytes.buffer);
  readonly #numbers = new Float64Array(3);
  /** Byte offset of the oldest reply and of the next one. */
  #head = 0;
  #tail = 0;
  /** Where the reply of CURSOR_NUMBER stands: the sequential reader's bookmark. */
  #cursor = 0;
  #used = 0;

  /** Empties the store for a new session whose first number is 1. */
  reset(): void {
    // Eviction depends on the layout, which an image of a table without this session does not tell.
    this.bytes = new Uint8Array(CAPACITY_MIN);
    this.words = new Int32Array(this.bytes.buffer);
    this.#numbers[OLDEST] = 1;
    this.#numbers[NEXT] = 1;
    this.#numbers[CURSOR_NUMBER] = 1;
    this.#head = 0;
    this.#tail = 0;
    this.#cursor = 0;
    this.#used = 0;
  }

  /** Remembers the next number's reply: `length` bytes from the start of `source`. What cannot be kept any longer is evicted. */
  append(source: Int32Array, length: number, status: number): void {
    const size = align(REPLY_HEADER_BYTES + length, RECORD_ALIGNMENT);
    assert(size <= SESSION_REPLY_BYTES_MAX, 'a reply fits its session');
    if ((this.#numbers[NEXT] as number) - (this.#numbers[OLDEST] as number) >= SESSION_INFLIGHT_MAX) this.#evict();
    if (!this.#fits(size)) this.#makeRoom(size);
    if (this.bytes.length - this.#tail < size) this.#skipToStart();
    const word = this.#tail >> 2;
    const words = this.words;
    words[word + REPLY_SIZE_WORD] = REPLY_HEADER_BYTES + length;
    words[word + REPLY_STATUS_WORD] = status;
    const payload = word + REPLY_HEADER_BYTES / 4;
    const count = (size - REPLY_HEADER_BYTES) >> 2;
    for (let i = 0; i < count; i++) words[payload + i] = source[i] as number;
    this.#tail += size;
    if (this.#tail === this.bytes.length) this.#tail = 0;
    this.#used += size;
    this.#numbers[NEXT] = (this.#numbers[NEXT] as number) + 1;
  }

  /**
   * True where `size` contiguous bytes are free at the tail or, behind a gap, at the start. The tail never reaches the head: a
   * full ring would look like an empty one, and the oldest replies would be written over.
   */
  #fits(size: number): boolean {
    const toEnd = this.bytes.length - this.#tail;
    if (this.#used === 0) return size < this.bytes.length;
    if (this.#tail < this.#head) return this.#head - this.#tail > size;
    return toEnd > size || (toEnd === size && this.#head > 0) || this.#head > size;
  }

  /** Grows while that is allowed, else evicts. */
  #makeRoom(size: number): void {
    while (!this.#fits(size) && this.bytes.length < SESSION_REPLY_BYTES_MAX) this.#grow();
    while (!this.#fits(size)) this.#evict();
    if (this.#used === 0) {
      this.#head = 0;
      this.#tail = 0;
      this.#cursor = 0;
    }
  }

  /** Doubles the ring; replies are laid out anew from offset 0. */
  #grow(): void {
    const old = this.bytes;
    const oldWords = this.words;
    const bytes = new Uint8Array(old.length * 2);
    let from = this.#head;
    let to = 0;
    for (let n = this.#numbers[OLDEST] as number; n < (this.#numbers[NEXT] as number); n++) {
      if (from === old.length || oldWords[from >> 2] === 0) from = 0;
      if (n === this.#numbers[CURSOR_NUMBER]) this.#cursor = to;
      const size = align(oldWords[(from >> 2) + REPLY_SIZE_WORD] as number, RECORD_ALIGNMENT);
      for (let i = 0; i < size; i++) bytes[to + i] = old[from + i] as number;
      from += size;
      to += size;
    }
    if ((this.#numbers[CURSOR_NUMBER] as number) >= (this.#numbers[NEXT] as number)) this.#cursor = to;
    this.bytes = bytes;
    this.words = new Int32Array(bytes.buffer);
    this.#head = 0;
    this.#tail = to;
    this.#used = to;
  }

  /** Forgets the oldest reply. */
  #evict(): void {
    assert((this.#numbers[OLDEST] as number) < (this.#numbers[NEXT] as number), 'there is a reply to evict');
    const oldest = this.#numbers[OLDEST] as number;
    const size = this.#sizeAt(this.#head);
    this.#head = this.#after(this.#head);
    this.#used -= size;
    this.#numbers[OLDEST] = oldest + 1;
    if ((this.#numbers[CURSOR_NUMBER] as number) <= oldest) {
      this.#numbers[CURSOR_NUMBER] = oldest + 1;
      this.#cursor = this.#head;
    }
  }

  #skipToStart(): void {
    const gap = this.bytes.length - this.#tail;
    if (gap > 0) this.words[this.#tail >> 2] = 0;
    assert(this.#head !== this.#tail, 'an empty ring begins at its start');
    if (this.#cursor === this.#tail) this.#cursor = 0;
    this.#tail = 0;
  }

  #sizeAt(offset: number): number {
    return align(this.words[(offset >> 2) + REPLY_SIZE_WORD] as number, RECORD_ALIGNMENT);
  }

  /** Offset of the reply behind the one at `offset`, over the gap at the end of the ring. */
  #after(offset: number): number {
    const next = offset + this.#sizeAt(offset);
    if (next === this.bytes.length) return 0;
    return next !== this.#tail && this.words[next >> 2] === 0 ? 0 : next;
  }

  /** Bytes of the replies from `first` on that one run of at most `bytesMax` bytes takes (at least one reply). */
  measure(first: number, bytesMax: number): number {
    if (first < (this.#numbers[OLDEST] as number)) return REPLY_HEADER_BYTES;
    this.#seek(first);
    return this.#contiguous(this.#cursor, bytesMax);
  }

  /** Whole replies that stand contiguously from `offset` on, in bytes. */
  #contiguous(offset: number, bytesMax: number): number {
    const end = this.#tail > offset ? this.#tail : this.bytes.length;
    if (end === this.#tail && end - offset <= bytesMax) return end - offset;
    let at = offset;
    while (at < end && this.words[at >> 2] !== 0) {
      const size = this.#sizeAt(at);
      if (at > offset && at + size - offset > bytesMax) break;
      at += size;
    }
    return at - offset;
  }

  /**
   * Copies the run that `measure` measured; returns how many replies it holds. A number that is no longer remembered gives one
   * reply that says so.
   */
  copy(first: number, target: Uint8Array, targetWords: Int32Array, offset: number, bytes: number): number {
    if (first < (this.#numbers[OLDEST] as number)) {
      targetWords[(offset >> 2) + REPLY_SIZE_WORD] = REPLY_HEADER_BYTES;
      targetWords[(offset >> 2) + REPLY_STATUS_WORD] = REPLY_EVICTED;
      return 1;
    }
    this.#seek(first);
    const start = this.#cursor;
    const from = start >> 2;
    const to = offset >> 2;
    let count = 0;
    let at = 0;
    while (at < bytes) {
      const end = at + this.#sizeAt(start + at);
      for (let word = at >> 2; word < end >> 2; word++) targetWords[to + word] = this.words[from + word] as number;
      at = end;
      count += 1;
    }
    assert(target.length >= offset + bytes, 'the run fits its target');
    this.#numbers[CURSOR_NUMBER] = first + count;
    // A bookmark on the gap would be taken for the tail once the tail comes round to it.
    const next = start + bytes;
    const isBehindGap = next === this.bytes.length || (next !== this.#tail && this.words[next >> 2] === 0);
    this.#cursor = isBehindGap ? 0 : next;
    return count;
  }

  /**
   * The whole store as words: numbers and places, then the ring's used bytes. Eviction depends on the layout, so it is kept as it is (S18).
   *
   *   | CAPACITY | HEAD | TAIL | USED | OLDEST (2) | NEXT (2) | head … end of the used bytes, over the end of the ring |
   */
  image(): Int32Array {
    const wraps = this.#used > 0 && this.#tail <= this.#head;
    const first = wraps ? this.bytes.length - this.#head : this.#tail - this.#head;
    const second = wraps ? this.#tail : 0;
    const image = new Int32Array(IMAGE_HEADER_WORDS + (first + second) / 4);
    image.set([this.bytes.length, this.#head, this.#tail, this.#used]);
    const numbers = new Float64Array(image.buffer, 16, 2);
    numbers.set([this.#numbers[OLDEST] as number, this.#numbers[NEXT] as number]);
    image.set(this.words.subarray(this.#head >> 2, (this.#head + first) >> 2), IMAGE_HEADER_WORDS); // reason: snapshots are not on the hot path
    image.set(this.words.subarray(0, second >> 2), IMAGE_HEADER_WORDS + first / 4); // reason: snapshots are not on the hot path
    return image;
  }

  /** Becomes what `image` gave. */
  restore(image: Int32Array): void {
    const [capacity, head, tail, used] = image as unknown as [number, number, number, number];
    assert(capacity <= SESSION_REPLY_BYTES_MAX && head <= capacity && tail <= capacity, 'a reply store has bounds');
    this.bytes = new Uint8Array(capacity);
    this.words = new Int32Array(this.bytes.buffer);
    const numbers = new Float64Array(image.slice(4, IMAGE_HEADER_WORDS).buffer);
    this.#numbers[OLDEST] = numbers[0] as number;
    this.#numbers[NEXT] = numbers[1] as number;
    this.#numbers[CURSOR_NUMBER] = numbers[0] as number;
    this.#head = head;
    this.#tail = tail;
    this.#cursor = head;
    this.#used = used;
    const held = image.subarray(IMAGE_HEADER_WORDS); // reason: snapshots are not on the hot path
    const first = Math.min(held.length, (capacity - head) >> 2);
    this.words.set(held.subarray(0, first), head >> 2); // reason: snapshots are not on the hot path
    this.words.set(held.subarray(first), 0); // reason: snapshots are not on the hot path
  }

  /** Moves the bookmark to the reply of `number`, which is remembered. */
  #seek(number: number): void {
    assert(number < (this.#numbers[NEXT] as number), 'only what was applied has a reply');
    if (number < (this.#numbers[CURSOR_NUMBER] as number)) {
      this.#numbers[CURSOR_NUMBER] = this.#numbers[OLDEST] as number;
      this.#cursor = this.#head;
    }
    while ((this.#numbers[CURSOR_NUMBER] as number) < number) {
      this.#cursor = this.#after(this.#cursor);
      this.#numbers[CURSOR_NUMBER] = (this.#numbers[CURSOR_NUMBER] as number) + 1;
    }
  }
}
