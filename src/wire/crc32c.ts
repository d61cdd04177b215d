/**
 * CRC-32C (Castagnoli) of byte ranges: the checksum of log records, segments and frames.
 *
 * Values continue as in zlib: the checksum of a range, given as `seed` with the next range, yields the checksum of both;
 * the first seed is 0. Results are signed words. `Checksum` is what the log and the transports hold: `softwareChecksum`
 * works everywhere, `NativeChecksum` hands longer ranges of attached shared memory to the addon.
 * @hot
 */
import { assert } from '../base/assert.ts';

/** Checksums byte ranges; the ranges of one object may lie in any memory. */
export interface Checksum {
  crc32c(bytes: Uint8Array, offset: number, length: number, seed: number): number;
  /** Tells of shared memory that will often be checksummed: a view over the whole buffer. Idempotent. */
  attach(bytes: Uint8Array): void;
  /** Lets go of attached memory. Idempotent. */
  detach(bytes: Uint8Array): void;
}

/** The addon's side: it sees shared memory by the id that `attach` gave. */
export interface ChecksumBinding {
  attach(view: Uint8Array): number;
  detach(id: number): void;
  crc32c(id: number, offset: number, length: number, seed: number): number;
}

/** Reflected Castagnoli polynomial. */
const POLYNOMIAL = 0x82f63b78;
const TABLE_ENTRIES = 256;
/** Bytes per step: one table each. */
const SLICES = 8;
/** Shorter ranges are checksummed here: the call into the addon costs more than it saves. */
const NATIVE_BYTES_MIN = 256;

/** Shorter ranges are read by bytes. */
const WORDS_BYTES_MIN = 32;

/** TABLE[s * 256 + b]: the effect of byte b that stands s bytes before the end of a step. */
const TABLE = buildTable();

assert(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, 'layouts are little-endian: this machine is not');

function buildTable(): Int32Array {
  const table = new Int32Array(SLICES * TABLE_ENTRIES);
  for (let byte = 0; byte < TABLE_ENTRIES; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[byte] = crc;
  }
  for (let at = TABLE_ENTRIES; at < table.length; at++) {
    const shorter = table[at - TABLE_ENTRIES];
    table[at] = (shorter >>> 8) ^ table[shorter & 255];
  }
  return table;
}

/** Checksum of `bytes[offset, offset + length)`. */
export function crc32c(bytes: Uint8Array, offset: number, length: number, seed: number): number {
  assert(offset >= 0 && length >= 0 && offset + length <= bytes.length, 'crc32c: the range must lie inside the bytes');
  const end = offset + length;
  let crc = ~seed;
  let at = offset;
  for (; end - at >= SLICES; at += SLICES) {
    const low = crc ^ (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
    crc =
      TABLE[1792 | (low & 255)] ^
      TABLE[1536 | ((low >>> 8) & 255)] ^
      TABLE[1280 | ((low >>> 16) & 255)] ^
      TABLE[1024 | (low >>> 24)] ^
      TABLE[768 | bytes[at + 4]] ^
      TABLE[512 | bytes[at + 5]] ^
      TABLE[256 | bytes[at + 6]] ^
      TABLE[bytes[at + 7]];
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]) & 255];
  return ~crc;
}

/** Checksum of `count` words from `index`: the same value as over their bytes, with fewer loads. */
export function crc32cWords(words: Int32Array, index: number, count: number, seed: number): number {
  assert(index >= 0 && count >= 0 && index + count <= words.length, 'crc32c: the range must lie inside the words');
  const end = index + count;
  let crc = seed;
  let at = index;
  for (; end - at >= 2; at += 2) crc = crc32cPair(words[at], words[at + 1], crc);
  if (at < end) {
    const word = ~crc ^ words[at];
    crc = ~(
      TABLE[768 | (word & 255)] ^
      TABLE[512 | ((word >>> 8) & 255)] ^
      TABLE[256 | ((word >>> 16) & 255)] ^
      TABLE[word >>> 24]
    );
  }
  return crc;
}

/** Checksum of the eight bytes of two words. */
export function crc32cPair(first: number, second: number, seed: number): number {
  const low = ~seed ^ first;
  return ~(
    TABLE[1792 | (low & 255)] ^
    TABLE[1536 | ((low >>> 8) & 255)] ^
    TABLE[1280 | ((low >>> 16) & 255)] ^
    TABLE[1024 | (low >>> 24)] ^
    TABLE[768 | (second & 255)] ^
    TABLE[512 | ((second >>> 8) & 255)] ^
    TABLE[256 | ((second >>> 16) & 255)] ^
    TABLE[second >>> 24]
  );
}

/** The portable implementation: ranges of attached memory are read by words, at twice the speed. */
export class SoftwareChecksum implements Checksum {
  /** Weak: who forgets to detach leaks nothing. */
  readonly #views = new WeakMap<ArrayBufferLike, Int32Array>();
  /** The buffer asked for last: most calls are for one of very few buffers. */
  #lastBuffer: ArrayBufferLike | undefined;
  #lastWords: Int32Array | undefined;

  attach(bytes: Uint8Array): void {
    assert(bytes.byteOffset === 0, 'attach takes a view from the start of its buffer');
    assert(bytes.length % 4 === 0, 'attached memory consists of words');
    this.#views.set(bytes.buffer, new Int32Array(bytes.buffer, 0, bytes.length >> 2));
    this.#lastBuffer = undefined;
  }

  detach(bytes: Uint8Array): void {
    this.#views.delete(bytes.buffer);
    this.#lastBuffer = undefined;
    this.#lastWords = undefined;
  }

  crc32c(bytes: Uint8Array, offset: number, length: number, seed: number): number {
    assert(
      offset >= 0 && length >= 0 && offset + length <= bytes.length,
      'crc32c: the range must lie inside the bytes',
    );
    const at = bytes.byteOffset + offset;
    if (length < WORDS_BYTES_MIN || (at & 3) !== 0) return crc32c(bytes, offset, length, seed);
    if (bytes.buffer !== this.#lastBuffer) {
      this.#lastBuffer = bytes.buffer;
      this.#lastWords = this.#views.get(bytes.buffer);
    }
    const words = this.#lastWords;
    if (words === undefined || at + length > words.length << 2) return crc32c(bytes, offset, length, seed);
    const rest = length & 3;
    const crc = crc32cWords(words, at >> 2, length >> 2, seed);
    return crc32c(bytes, offset + length - rest, rest, crc);
  }
}

export const softwareChecksum: Checksum = new SoftwareChecksum();

/** Sends ranges of attached buffers to the addon and does the rest in TypeScript. */
export class NativeChecksum implements Checksum {
  readonly #binding: ChecksumBinding;
  readonly #ids = new Map<ArrayBufferLike, number>();
  /** The buffer asked for last: most calls are for one of very few buffers. */
  #lastBuffer: ArrayBufferLike | undefined;
  #lastId = -1;

  constructor(binding: ChecksumBinding) {
    this.#binding = binding;
  }

  attach(bytes: Uint8Array): void {
    assert(bytes.byteOffset === 0, 'attach takes a view from the start of its buffer');
    assert(bytes.buffer instanceof SharedArrayBuffer, 'only shared memory stays where it is');
    if (this.#ids.has(bytes.buffer)) return;
    this.#ids.set(bytes.buffer, this.#binding.attach(bytes));
    this.#lastBuffer = undefined;
  }

  detach(bytes: Uint8Array): void {
    const id = this.#ids.get(bytes.buffer);
    if (id === undefined) return;
    this.#ids.delete(bytes.buffer);
    this.#lastBuffer = undefined;
    this.#binding.detach(id);
  }

  crc32c(bytes: Uint8Array, offset: number, length: number, seed: number): number {
    assert(
      offset >= 0 && length >= 0 && offset + length <= bytes.length,
      'crc32c: the range must lie inside the bytes',
    );
    if (length < NATIVE_BYTES_MIN) return crc32c(bytes, offset, length, seed);
    const buffer = bytes.buffer;
    if (buffer !== this.#lastBuffer) {
      const id = this.#ids.get(buffer);
      this.#lastId = id === undefined ? -1 : id;
      this.#lastBuffer = buffer;
    }
    if (this.#lastId < 0) return crc32c(bytes, offset, length, seed);
    return this.#binding.crc32c(this.#lastId, bytes.byteOffset + offset, length, seed);
  }
}
