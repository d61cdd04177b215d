/**
 * Latency histogram over a typed array: one writer, readable by any thread while it grows.
 *
 * A value's bucket is the exponent and the top five bits of the mantissa of its double: every power of two is cut into
 * 32 equal buckets, and a bucket answers with its middle, so the relative error is at most 1/64 (1.6 %).
 *
 *   Float64 index   0       1     2     3 …
 *                   COUNT   SUM   MAX   bucket counts, from VALUE_MIN to VALUE_MAX
 * @hot
 */
import { assert } from './assert.ts';

/** Values below share the first bucket. */
export const VALUE_MIN = 2 ** -5;
/** Values from here on (over an hour in microseconds) share the last bucket, which answers with the maximum. */
export const VALUE_MAX = 2 ** 32;

const MANTISSA_BITS = 5;
const COUNT = 0;
const SUM = 1;
const MAX = 2;
const BUCKETS = 3;
/** Shift of a double's high word that leaves exponent and MANTISSA_BITS. */
const KEY_SHIFT = 20 - MANTISSA_BITS;
const EXPONENT_BIAS = 1023;
const KEY_MIN = (Math.log2(VALUE_MIN) + EXPONENT_BIAS) << MANTISSA_BITS;
const BUCKET_COUNT = (Math.log2(VALUE_MAX / VALUE_MIN) << MANTISSA_BITS) + 1;

/** Bytes of memory that one histogram takes. */
export const HISTOGRAM_BYTES = (BUCKETS + BUCKET_COUNT) * 8;

const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);

export class Histogram {
  readonly #words: Float64Array;

  /** Continues what `memory` holds (zeros are an empty histogram). */
  constructor(memory: ArrayBufferLike = new ArrayBuffer(HISTOGRAM_BYTES), byteOffset = 0) {
    this.#words = new Float64Array(memory, byteOffset, HISTOGRAM_BYTES / 8);
  }

  get count(): number {
    return this.#words[COUNT] as number;
  }

  /** Exact. */
  get max(): number {
    return this.#words[MAX] as number;
  }

  /** Exact; 0 when empty. */
  get mean(): number {
    return this.count === 0 ? 0 : (this.#words[SUM] as number) / this.count;
  }

  record(value: number): void {
    assert(value >= 0, 'a recorded value must not be negative');
    const words = this.#words;
    const bucket = BUCKETS + bucketOf(value);
    words[bucket] = (words[bucket] as number) + 1;
    words[SUM] = (words[SUM] as number) + value;
    if (value > (words[MAX] as number)) words[MAX] = value;
    words[COUNT] = (words[COUNT] as number) + 1;
  }

  /** The value below or at which a share `q` of all values lies; 0 when empty. */
  quantile(q: number): number {
    assert(q >= 0 && q <= 1, 'a quantile lies in [0, 1]');
    const words = this.#words;
    const rank = Math.max(1, Math.ceil(q * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKET_COUNT - 1; bucket++) {
      seen += words[BUCKETS + bucket] as number;
      if (seen >= rank) return Math.min(middleOf(bucket), this.max);
    }
    return this.max;
  }

  merge(other: Histogram): void {
    const words = this.#words;
    const others = other.#words;
    const max = Math.max(this.max, other.max);
    for (let i = 0; i < words.length; i++) words[i] = (words[i] as number) + (others[i] as number);
    words[MAX] = max;
  }

  reset(): void {
    this.#words.fill(0);
  }
}

function bucketOf(value: number): number {
  scratch[0] = value;
  const key = ((scratchWords[1] as number) >>> KEY_SHIFT) - KEY_MIN;
  return Math.max(0, Math.min(key, BUCKET_COUNT - 1));
}

function middleOf(bucket: number): number {
  const perOctave = 1 << MANTISSA_BITS;
  const low = VALUE_MIN * 2 ** Math.floor(bucket / perOctave);
  return low * (1 + ((bucket % perOctave) + 0.5) / perOctave);
}
