/**
 * Seeded random numbers, owned by whoever draws them: xoshiro128** (Blackman, Vigna). Nothing else in the engine is random,
 * so one seed repeats a whole run.
 * @hot
 */
import { assert } from './assert.ts';
import { fromWords, highWord, lowWord, TWO_POW_32 } from './bits.ts';

const TWO_POW_53 = 2 ** 53;

export class Prng {
  /** What it was made from, an integer below 2^53: print it, and the run can be repeated. */
  readonly seed: number;
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    assert(Number.isSafeInteger(seed) && seed >= 0, 'a seed is an integer from 0 to 2^53 - 1');
    this.seed = seed;
    let hash = mix(lowWord(seed), highWord(seed));
    for (let i = 0; i < 4; i++) {
      hash = mix(hash, i);
      this.#state[i] = hash;
    }
    // All zero would be the one fixed point, but after a zero comes mix(0, i), which is none.
  }

  /** Uniform in [0, 2^32). */
  next32(): number {
    return this.#step() >>> 0;
  }

  /** Uniform in [0, 1), 53 bits. */
  float(): number {
    const high = this.#step() >>> 11;
    return (high * TWO_POW_32 + (this.#step() >>> 0)) / TWO_POW_53;
  }

  /** True with probability `p`; never for p <= 0, always for p >= 1. Draws one number whatever `p` is. */
  chance(p: number): boolean {
    return this.float() < p;
  }

  /** A uniform integer in [low, high). */
  range(low: number, high: number): number {
    assert(low < high, 'a range must not be empty');
    const span = high - low;
    if (span <= TWO_POW_32) return low + Math.floor(((this.#step() >>> 0) / TWO_POW_32) * span);
    return Math.min(low + Math.floor(this.float() * span), high - 1);
  }

  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, 'nothing to pick from');
    return items[this.range(0, items.length)] as T;
  }

  /**
   * An independent generator that depends on this one's seed and the label alone, not on how many numbers were drawn here:
   * a new draw in one part of a simulation leaves the others as they were.
   */
  fork(label: string): Prng {
    let low = mix(lowWord(this.seed), 0x5eed);
    let high = mix(highWord(this.seed), low);
    for (let i = 0; i < label.length; i++) {
      low = mix(low, label.charCodeAt(i));
      high = mix(high, low);
    }
    return new Prng(fromWords(low, high >>> 11));
  }

  #step(): number {
    const state = this.#state;
    const s1 = state[1] as number;
    const product = Math.imul(s1, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    state[2] = (state[2] as number) ^ (state[0] as number);
    state[3] = (state[3] as number) ^ s1;
    state[1] = s1 ^ (state[2] as number);
    state[0] = (state[0] as number) ^ (state[3] as number);
    state[2] = (state[2] as number) ^ (s1 << 9);
    const s3 = state[3] as number;
    state[3] = (s3 << 11) | (s3 >>> 21);
    return result;
  }
}

/** Hashes a word into a hash (murmur3's block and final steps). */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  let h = hash ^ k;
  h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
