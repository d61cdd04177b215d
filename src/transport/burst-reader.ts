/**
 * Takes a stream of bytes apart into bursts, one at a time, in memory made once.
 *
 *   chunk ─▶ header (32 bytes) ─ judged ─▶ body ─▶ assembly, shared memory of the largest burst ─ checksum ─▶ isComplete
 *
 * The body is checked where it lies after it was copied out of the socket's memory (S24), and handed on from there.
 */
import { assert } from '../base/assert.ts';
import { align } from '../base/bits.ts';
import { NOTE_BYTES_MAX } from '../limits.ts';
import type { Bulk } from '../memory/bulk.ts';
import { BURST_HEADER_BYTES, BurstJudge, burstBytesMax } from './burst.ts';
import type { Reason } from './reason.ts';

export class BurstReader {
  /** Header of the burst at hand: meaningful while `isComplete`. */
  readonly header: BurstJudge;
  /** Its body, from 0. */
  readonly body: Uint8Array;
  readonly bodyWords: Int32Array;
  isComplete = false;
  /** Why nothing of this stream is believed any more. */
  violation: Reason | undefined = undefined;
  readonly #bulk: Bulk;
  #headerFilled = 0;
  #bodyFilled = 0;

  constructor(link: number, lane: number, bulk: Bulk) {
    this.header = new BurstJudge(link, lane);
    const memory = new SharedArrayBuffer(align(Math.max(burstBytesMax(lane), NOTE_BYTES_MAX), 64));
    this.body = new Uint8Array(memory);
    this.bodyWords = new Int32Array(memory);
    this.#bulk = bulk;
  }

  /**
   * Takes bytes of `chunk` from `offset` on, until one burst is complete or the chunk is used up; returns where it stopped. After a
   * violation it takes no more.
   */
  take(chunk: Uint8Array, offset: number): number {
    assert(!this.isComplete, 'a burst is used before the next is read');
    assert(offset >= 0 && offset <= chunk.length, 'the offset lies in the chunk');
    let at = offset;
    if (this.violation === undefined && this.#headerFilled < BURST_HEADER_BYTES) at = this.#takeHeader(chunk, at);
    if (this.violation === undefined && this.#headerFilled === BURST_HEADER_BYTES) at = this.#takeBody(chunk, at);
    return at;
  }

  /** The burst at hand was used. */
  next(): void {
    assert(this.isComplete, 'only a whole burst can be used');
    this.isComplete = false;
    this.#headerFilled = 0;
    this.#bodyFilled = 0;
  }

  #takeHeader(chunk: Uint8Array, offset: number): number {
    const size = Math.min(BURST_HEADER_BYTES - this.#headerFilled, chunk.length - offset);
    const target = this.header.bytes;
    for (let i = 0; i < size; i++) target[this.#headerFilled + i] = chunk[offset + i] as number;
    this.#headerFilled += size;
    if (this.#headerFilled === BURST_HEADER_BYTES) this.violation = this.header.violation();
    return offset + size;
  }

  #takeBody(chunk: Uint8Array, offset: number): number {
    const { length } = this.header;
    assert(length <= this.body.length, 'a judged length fits the memory that waits for it');
    const size = Math.min(length - this.#bodyFilled, chunk.length - offset);
    if (size > 0) this.body.set(chunk.subarray(offset, offset + size), this.#bodyFilled);
    this.#bodyFilled += size;
    if (this.#bodyFilled === length) {
      if (this.#bulk.crc32c(this.body, 0, length) === this.header.bodyCrc) this.isComplete = true;
      else this.violation = 'checksum';
    }
    return offset + size;
  }
}
