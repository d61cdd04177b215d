/**
 * The order-sensitive digest that client and replica compute alike over a client's commands.
 * @hot
 */

/** Digest after one more command: `length` bytes (a multiple of 4 counts; the rest is ignored) from word `word` on. */
export function mixDigest(digest: number, words: Int32Array, word: number, length: number): number {
  let hash = digest ^ length;
  const count = length >> 2;
  for (let i = 0; i < count; i++) {
    hash = Math.imul(hash ^ (words[word + i] as number), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
