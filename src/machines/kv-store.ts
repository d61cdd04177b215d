/**
 * Keys and values in flat memory: an open-addressing table over blocks of one growing arena of words. Nothing is allocated
 * per operation; table and arena double when they are full. A small key and value fit one cache line.
 *
 *   table  | hash, block | hash, block | …          block 0 = free, -1 = was removed
 *   block  | SIZES | VALUE_LENGTH | REVISION ×2 | key words | value words | … | EXPIRY ×2 where it EXPIRES |
 *   SIZES  | EXPIRES, 1 bit | key length | size class, 8 bits |           the expiry stands in the block's last two words
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import { fromWords, highWord } from '../base/bits.ts';
import { PREFETCH_COMMANDS_MAX } from '../limits.ts';

const SIZES_WORD = 0;
const VALUE_LENGTH_WORD = 1;
const REVISION_WORD = 2;
const BLOCK_HEADER_WORDS = 4;
const CLASS_MASK = 0xff;
const KEY_SHIFT = 8;
const KEY_MASK = 0x7fff;
const EXPIRES = 1 << 30;
const EXPIRY_WORDS = 2;

const TABLE_MIN = 1 << 12;
const ARENA_MIN = 1 << 16;
/** Smallest block: 2^4 words. */
const CLASS_MIN = 4;
const CLASSES = 32;
/** Words of a processor's cache line. */
const LINE_WORDS = 16;
const FREE = 0;
const REMOVED = -1;

export class KvStore {
  #table: Int32Array = new Int32Array(2 * TABLE_MIN);
  #mask = TABLE_MIN - 1;
  #used = 0;
  words: Int32Array = new Int32Array(ARENA_MIN);
  /** Blocks begin at multiples of a cache line; the first line stays unused, so that block 0 can mean none. */
  #end = 16;
  readonly #touched = new Int32Array(PREFETCH_COMMANDS_MAX);
  readonly #freeOfClass = new Int32Array(CLASSES);
  count = 0;

  /** Hash of `length` key bytes from word `at` on; bytes behind the key in its last word do not count. */
  hash(words: Int32Array, at: number, length: number): number {
    let hash = length;
    const whole = length >> 2;
    for (let i = 0; i < whole; i++) hash = Math.imul(hash ^ (words[at + i] as number), 0x9e3779b1) ^ (hash >>> 15);
    const rest = length & 3;
    if (rest > 0) hash = Math.imul(hash ^ lastWord(words[at + whole] as number, rest), 0x9e3779b1) ^ (hash >>> 15);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return hash ^ (hash >>> 13);
  }

  /** Block of a key, or 0. */
  find(words: Int32Array, at: number, length: number, hash: number): number {
    const table = this.#table;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const block = table[2 * slot + 1] as number;
      if (block === FREE) return 0;
      if (block !== REMOVED && table[2 * slot] === hash && this.#hasKey(block, words, at, length)) return block;
    }
  }

  #hasKey(block: number, words: Int32Array, at: number, length: number): boolean {
    const own = this.words;
    if ((((own[block + SIZES_WORD] as number) >>> KEY_SHIFT) & KEY_MASK) !== length) return false;
    const key = block + BLOCK_HEADER_WORDS;
    const whole = length >> 2;
    for (let i = 0; i < whole; i++) if (own[key + i] !== words[at + i]) return false;
    const rest = length & 3;
    return rest === 0 || own[key + whole] === lastWord(words[at + whole] as number, rest);
  }

  /**
   * Touches what `find` of these hashes will read first. Each loop is short and its loads independent, so that the processor has
   * many cache misses in flight where `find` alone waits for one after the other.
   */
  touch(hashes: Int32Array, count: number): void {
    const table = this.#table;
    const mask = this.#mask;
    const own = this.words;
    const blocks = this.#touched;
    for (let i = 0; i < count; i++) blocks[i] = table[2 * ((hashes[i] as number) & mask) + 1] as number;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const block = (blocks[i] as number) > 0 ? (blocks[i] as number) : 0;
      sum ^= (own[block] as number) ^ (own[block + LINE_WORDS] as number);
    }
    // Without this store a compiler may drop the loads.
    blocks[0] = sum;
  }

  /** Makes a block for a new key, with room for a value of `valueLength` bytes; returns it. */
  insert(words: Int32Array, at: number, length: number, hash: number, valueLength: number): number {
    if (2 * (this.#used + 1) > this.#mask) this.#rehash();
    const block = this.#allocate(length, valueLength, 0);
    const own = this.words;
    const key = block + BLOCK_HEADER_WORDS;
    const whole = length >> 2;
    for (let i = 0; i < whole; i++) own[key + i] = words[at + i] as number;
    if ((length & 3) > 0) own[key + whole] = lastWord(words[at + whole] as number, length & 3);
    this.#link(hash, block);
    this.count += 1;
    return block;
  }

  /** Word at which the block's value begins. */
  valueAt(block: number): number {
    return block + BLOCK_HEADER_WORDS + ((this.keyLength(block) + 3) >> 2);
  }

  keyLength(block: number): number {
    return ((this.words[block + SIZES_WORD] as number) >>> KEY_SHIFT) & KEY_MASK;
  }

  valueLength(block: number): number {
    return this.words[block + VALUE_LENGTH_WORD] as number;
  }

  revision(block: number): number {
    return fromWords(this.words[block + REVISION_WORD] as number, this.words[block + REVISION_WORD + 1] as number);
  }

  setRevision(block: number, revision: number): void {
    this.words[block + REVISION_WORD] = revision;
    this.words[block + REVISION_WORD + 1] = highWord(revision);
  }

  /** Log time at which the key goes, 0 = never. */
  expiry(block: number): number {
    if (((this.words[block + SIZES_WORD] as number) & EXPIRES) === 0) return 0;
    const at = this.#expiryAt(block);
    return fromWords(this.words[at] as number, this.words[at + 1] as number);
  }

  /** Sets or, with 0, takes away the expiry; returns the block, which may have moved. */
  setExpiry(block: number, hash: number, timeMs: number): number {
    if (timeMs === 0) {
      this.words[block + SIZES_WORD] = (this.words[block + SIZES_WORD] as number) & ~EXPIRES;
      return block;
    }
    const room = this.#withRoom(block, hash, this.valueLength(block), EXPIRY_WORDS);
    this.words[room + SIZES_WORD] = (this.words[room + SIZES_WORD] as number) | EXPIRES;
    const at = this.#expiryAt(room);
    this.words[at] = timeMs;
    this.words[at + 1] = highWord(timeMs);
    return room;
  }

  #expiryAt(block: number): number {
    return block + (1 << ((this.words[block + SIZES_WORD] as number) & CLASS_MASK)) - EXPIRY_WORDS;
  }

  /** Gives the block room for `valueLength` bytes and sets the length; returns the block, which may have moved. */
  resize(block: number, hash: number, valueLength: number): number {
    const expires = ((this.words[block + SIZES_WORD] as number) & EXPIRES) !== 0;
    const room = this.#withRoom(block, hash, valueLength, expires ? EXPIRY_WORDS : 0);
    this.words[room + VALUE_LENGTH_WORD] = valueLength;
    return room;
  }

  /** The block, or a larger one with the same contents. */
  #withRoom(block: number, hash: number, valueLength: number, extraWords: number): number {
    const own = this.words;
    const sizes = own[block + SIZES_WORD] as number;
    const keyLength = (sizes >>> KEY_SHIFT) & KEY_MASK;
    if (blockWords(keyLength, valueLength) + extraWords <= 1 << (sizes & CLASS_MASK)) return block;
    const expiry = this.expiry(block);
    const moved = this.#allocate(keyLength, valueLength, extraWords);
    const kept = blockWords(keyLength, Math.min(valueLength, own[block + VALUE_LENGTH_WORD] as number));
    for (let i = VALUE_LENGTH_WORD; i < kept; i++) this.words[moved + i] = this.words[block + i] as number;
    this.#table[2 * this.#slotOf(hash, block) + 1] = moved;
    this.#release(block);
    return expiry === 0 ? moved : this.setExpiry(moved, hash, expiry);
  }

  remove(block: number, hash: number): void {
    this.#table[2 * this.#slotOf(hash, block) + 1] = REMOVED;
    this.#release(block);
    this.count -= 1;
  }

  #slotOf(hash: number, block: number): number {
    let slot = hash & this.#mask;
    while (this.#table[2 * slot + 1] !== block) slot = (slot + 1) & this.#mask;
    return slot;
  }

  #link(hash: number, block: number): void {
    let slot = hash & this.#mask;
    while ((this.#table[2 * slot + 1] as number) > 0) slot = (slot + 1) & this.#mask;
    if (this.#table[2 * slot + 1] === FREE) this.#used += 1;
    this.#table[2 * slot] = hash;
    this.#table[2 * slot + 1] = block;
  }

  /** Doubles the table, or only clears removed slots out of it. */
  #rehash(): void {
    const old = this.#table;
    const slots = 4 * this.count > this.#mask ? 2 * (this.#mask + 1) : this.#mask + 1;
    this.#table = new Int32Array(2 * slots);
    this.#mask = slots - 1;
    this.#used = 0;
    for (let slot = 0; slot < old.length; slot += 2) {
      if ((old[slot + 1] as number) > 0) this.#link(old[slot] as number, old[slot + 1] as number);
    }
  }

  #allocate(keyLength: number, valueLength: number, extraWords: number): number {
    const need = blockWords(keyLength, valueLength) + extraWords;
    const sizeClass = Math.max(CLASS_MIN, 32 - Math.clz32(need - 1));
    let block = this.#freeOfClass[sizeClass] as number;
    if (block !== 0) {
      this.#freeOfClass[sizeClass] = this.words[block + 1] as number;
    } else {
      block = this.#end;
      this.#end += 1 << sizeClass;
      if (this.#end > this.words.length) this.#grow();
    }
    this.words[block + SIZES_WORD] = sizeClass | (keyLength << KEY_SHIFT);
    this.words[block + VALUE_LENGTH_WORD] = valueLength;
    return block;
  }

  #release(block: number): void {
    const sizeClass = (this.words[block + SIZES_WORD] as number) & CLASS_MASK;
    assert(sizeClass >= CLASS_MIN && sizeClass < CLASSES, 'a block has a size class');
    this.words[block + 1] = this.#freeOfClass[sizeClass] as number;
    this.#freeOfClass[sizeClass] = block;
  }

  #grow(): void {
    let length = this.words.length * 2;
    while (length < this.#end) length *= 2;
    const grown = new Int32Array(length);
    grown.set(this.words);
    this.words = grown;
  }

  /** Copies of table and arena: an image as of now. Costs their size in memory until it is written. */
  image(): Int32Array[] {
    const header = Int32Array.of(this.#mask, this.#used, this.#end, this.count);
    return [header, this.#freeOfClass.slice(), this.#table.slice(), this.words.slice(0, this.#end)];
  }

  /** Takes over an image. */
  load(header: Int32Array, free: Int32Array, table: Int32Array, words: Int32Array): void {
    this.#mask = header[0] as number;
    this.#used = header[1] as number;
    this.#end = header[2] as number;
    this.count = header[3] as number;
    this.#freeOfClass.set(free);
    this.#table = table;
    this.words = new Int32Array(Math.max(ARENA_MIN, 2 ** Math.ceil(Math.log2(words.length + 1))));
    this.words.set(words);
    assert(this.#table.length === 2 * (this.#mask + 1), 'the image is whole');
  }
}

function blockWords(keyLength: number, valueLength: number): number {
  return BLOCK_HEADER_WORDS + ((keyLength + 3) >> 2) + ((valueLength + 3) >> 2);
}

/** The first `count` bytes of a word, the rest zero. */
function lastWord(word: number, count: number): number {
  return word & ((1 << (8 * count)) - 1);
}
