/**
 * The log's in-memory tail: the newest segments of the log, in append order, in shared memory (S23). Disk, peers and
 * `apply` read records here, in place.
 *
 *   segment n (positions n * S … (n + 1) * S) ──▶ chunk n % chunks.length        S = LOG_SEGMENT_BYTES
 *
 * A chunk of a durable log is recycled once every byte in it is durable: older segments are then read from the device.
 * The chunks of a volatile log are never recycled.
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { LogPosition } from '../base/types.ts';
import { LOG_SEGMENT_BYTES } from '../limits.ts';

export class EntryStore {
  readonly chunks: readonly SharedArrayBuffer[];
  readonly bytes: readonly Uint8Array[];
  readonly words: readonly Int32Array[];
  readonly #isRecycled: boolean;
  /** Position of each chunk's first byte; -1 while it holds nothing. */
  readonly #bases: Float64Array;
  /** End of the last bytes in each chunk that must become durable. */
  readonly #ends: Float64Array;

  constructor(chunks: readonly SharedArrayBuffer[], isRecycled: boolean) {
    assert(chunks.length >= (isRecycled ? 2 : 1), 'a recycled tail needs two chunks at least');
    for (const chunk of chunks) assert(chunk.byteLength >= LOG_SEGMENT_BYTES, 'a chunk must hold one segment');
    this.chunks = chunks;
    this.bytes = chunks.map((chunk) => new Uint8Array(chunk, 0, LOG_SEGMENT_BYTES));
    this.words = chunks.map((chunk) => new Int32Array(chunk, 0, LOG_SEGMENT_BYTES / 4));
    this.#isRecycled = isRecycled;
    this.#bases = new Float64Array(chunks.length).fill(-1);
    this.#ends = new Float64Array(chunks.length);
  }

  /** Chunk in which `position` lives while it is resident. */
  chunkOf(position: LogPosition): number {
    return Math.floor(position / LOG_SEGMENT_BYTES) % this.chunks.length;
  }

  /** True while the segment of `position` has not given way to a newer one. */
  isResident(position: LogPosition): boolean {
    const segment = Math.floor(position / LOG_SEGMENT_BYTES);
    return this.#bases[segment % this.chunks.length] === segment * LOG_SEGMENT_BYTES;
  }

  /** True where the segment at `base` may take its chunk: nothing in it still waits to become durable. */
  canEnter(base: LogPosition, durablePosition: LogPosition): boolean {
    const segment = Math.floor(base / LOG_SEGMENT_BYTES);
    if (!this.#isRecycled) return segment < this.chunks.length;
    return this.#ends[segment % this.chunks.length] <= durablePosition;
  }

  /** Gives the segment at `base` its chunk; whatever was in it is evicted. Returns the chunk's index. */
  enter(base: LogPosition, durablePosition: LogPosition): number {
    assert(base % LOG_SEGMENT_BYTES === 0, 'segments begin at multiples of their size');
    assert(this.canEnter(base, durablePosition), 'a chunk is reused only when all of it is durable');
    const chunk = this.chunkOf(base);
    assert(this.#bases[chunk] < base, 'segments are entered in order');
    this.#bases[chunk] = base;
    this.#ends[chunk] = base;
    return chunk;
  }

  /** Says that the first `end` bytes of `chunk` wait to become durable, or are. */
  extend(chunk: number, end: number): void {
    assert(end > 0, "the end lies behind the chunk's beginning");
    assert(end <= LOG_SEGMENT_BYTES, 'the end lies in the chunk');
    this.#ends[chunk] = this.#bases[chunk] + end;
  }
}
