/**
 * Arithmetic on powers of two, wrapping positions and split 53-bit numbers.
 * @hot
 */
import { assert } from './assert.ts';

export const TWO_POW_32 = 4294967296;

export function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

/** Rounds up to a multiple of `alignment`, a power of two; for values below 2^31. */
export function align(value: number, alignment: number): number {
  return (value + (alignment - 1)) & ~(alignment - 1);
}

/** Rounds up to a multiple of `alignment`; for log positions up to 2^53. */
export function alignPosition(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}

/** Distance from one wrapping 32-bit position to a later one; negative when `to` lies before `from`. */
export function wrappingDistance(from: number, to: number): number {
  return (to - from) | 0;
}

/** Low 32 bits of a number below 2^53, as a signed word. */
export function lowWord(value: number): number {
  return value | 0;
}

/** High 21 bits of a number below 2^53. */
export function highWord(value: number): number {
  return Math.floor(value / TWO_POW_32);
}

/** The number whose words are `low` (any sign) and `high`. */
export function fromWords(low: number, high: number): number {
  return high * TWO_POW_32 + (low >>> 0);
}

export function popcount(bits: number): number {
  let n = bits - ((bits >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export function assertPowerOfTwo(value: number): void {
  assert(isPowerOfTwo(value), 'capacity must be a power of two');
}
