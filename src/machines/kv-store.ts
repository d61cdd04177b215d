/**
 * Keys and values in flat memory: an open-addressing table over blocks of an arena of words. Nothing is allocated per operation; the
 * table doubles when it is full, the arena grows by pages. A small key and value fit one cache line.
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
import { FrozenWords, UNIT_WORDS } from './frozen-words.ts';
import { ARENA_PAGE_BITS, ARENA_PAGE_MASK, CLASS_MIN, KvArena } from './kv-arena.ts';

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
/** Bits of an address in the table when it is looked at as one page. */
const TABLE_PAGE_BITS = 31;
/** Words of a processor's cache line. */
const LINE_WORDS = 16;
const FREE = 0;
const REMOVED = -1;

export class KvStore {
  #table: Int32Array = new Int32Array(2 * TABLE_MIN);
  #mask = TABLE_MIN - 1;
  #used = 0;
  readonly #arena = new KvArena();
  readonly #pages = this.#arena.pages;
  readonly #touched = new Int32Array(PREFETCH_COMMANDS_MAX);
  /** The view of the table that is being read. */
  #frozen: FrozenWords | undefined;
  count = 0;

  /** The words among which a block stands; it begins at word `block & ARENA_PAGE_MASK`. */
  page(block: number): Int32Array {
    return this.#pages[block >>> ARENA_PAGE_BITS] as Int32Array;
  }

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
    const own = this.page(block);
    const start = block & ARENA_PAGE_MASK;
    if ((((own[start + SIZES_WORD] as number) >>> KEY_SHIFT) & KEY_MASK) !== length) return false;
    const key = start + BLOCK_HEADER_WORDS;
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
    const pages = this.#pages;
    const blocks = this.#touched;
    for (let i = 0; i < count; i++) blocks[i] = table[2 * ((hashes[i] as number) & mask) + 1] as number;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const block = (blocks[i] as number) > 0 ? (blocks[i] as number) : 0;
      const own = pages[block >>> ARENA_PAGE_BITS] as Int32Array;
      const start = block & ARENA_PAGE_MASK;
      const second = start + LINE_WORDS < own.length ? start + LINE_WORDS : start;
      sum ^= (own[start] as number) ^ (own[second] as number);
    }
    // Without this store a compiler may drop the loads.
    blocks[0] = sum;
  }

  /** Makes a block for a new key, with room for a value of `valueLength` bytes; returns it. */
  insert(words: Int32Array, at: number, length: number, hash: number, valueLength: number): number {
    if (2 * (this.#used + 1) > this.#mask) this.#rehash();
    const block = this.#allocate(length, valueLength, 0);
    const own = this.page(block);
    const key = (block & ARENA_PAGE_MASK) + BLOCK_HEADER_WORDS;
    const whole = length >> 2;
    for (let i = 0; i < whole; i++) own[key + i] = words[at + i] as number;
    if ((length & 3) > 0) own[key + whole] = lastWord(words[at + whole] as number, length & 3);
    this.#link(hash, block);
    this.count += 1;
    return block;
  }

  /** Word of its page at which the block's value begins. */
  valueAt(block: number): number {
    return (block & ARENA_PAGE_MASK) + BLOCK_HEADER_WORDS + ((this.keyLength(block) + 3) >> 2);
  }

  #word(block: number, word: number): number {
    return this.page(block)[(block & ARENA_PAGE_MASK) + word] as number;
  }

  keyLength(block: number): number {
    return (this.#word(block, SIZES_WORD) >>> KEY_SHIFT) & KEY_MASK;
  }

  valueLength(block: number): number {
    return this.#word(block, VALUE_LENGTH_WORD);
  }

  revision(block: number): number {
    return fromWords(this.#word(block, REVISION_WORD), this.#word(block, REVISION_WORD + 1));
  }

  /** Of a block that was inserted or resized for this change. */
  setRevision(block: number, revision: number): void {
    const own = this.page(block);
    const at = (block & ARENA_PAGE_MASK) + REVISION_WORD;
    own[at] = revision;
    own[at + 1] = highWord(revision);
  }

  /** Log time at which the key goes, 0 = never. */
  expiry(block: number): number {
    const sizes = this.#word(block, SIZES_WORD);
    if ((sizes & EXPIRES) === 0) return 0;
    const at = expiryWord(sizes);
    return fromWords(this.#word(block, at), this.#word(block, at + 1));
  }

  /** Sets or, with 0, takes away the expiry; returns the block, which may have moved. */
  setExpiry(block: number, hash: number, timeMs: number): number {
    if (timeMs === 0) {
      const sizes = this.#word(block, SIZES_WORD);
      if ((sizes & EXPIRES) === 0) return block;
      this.#keep(block);
      this.page(block)[(block & ARENA_PAGE_MASK) + SIZES_WORD] = sizes & ~EXPIRES;
      return block;
    }
    const room = this.#withRoom(block, hash, this.valueLength(block), EXPIRY_WORDS);
    this.#keep(room);
    const own = this.page(room);
    const start = room & ARENA_PAGE_MASK;
    own[start + SIZES_WORD] = (own[start + SIZES_WORD] as number) | EXPIRES;
    const at = start + expiryWord(own[start + SIZES_WORD] as number);
    own[at] = timeMs;
    own[at + 1] = highWord(timeMs);
    return room;
  }

  /** Gives the block room for `valueLength` bytes and sets the length; returns the block, which may have moved and may now be changed. */
  resize(block: number, hash: number, valueLength: number): number {
    const expires = (this.#word(block, SIZES_WORD) & EXPIRES) !== 0;
    const room = this.#withRoom(block, hash, valueLength, expires ? EXPIRY_WORDS : 0);
    this.#keep(room);
    this.page(room)[(room & ARENA_PAGE_MASK) + VALUE_LENGTH_WORD] = valueLength;
    return room;
  }

  /** The block is about to change. */
  #keep(block: number): void {
    this.#arena.keep(block, 1 << (this.#word(block, SIZES_WORD) & CLASS_MASK));
  }

  /** The block, or a larger one with the same contents. */
  #withRoom(block: number, hash: number, valueLength: number, extraWords: number): number {
    const sizes = this.#word(block, SIZES_WORD);
    const keyLength = (sizes >>> KEY_SHIFT) & KEY_MASK;
    if (blockWords(keyLength, valueLength) + extraWords <= 1 << (sizes & CLASS_MASK)) return block;
    const expiry = this.expiry(block);
    const moved = this.#allocate(keyLength, valueLength, extraWords);
    const kept = blockWords(keyLength, Math.min(valueLength, this.valueLength(block)));
    const from = this.page(block);
    const to = this.page(moved);
    const start = block & ARENA_PAGE_MASK;
    const target = moved & ARENA_PAGE_MASK;
    for (let i = VALUE_LENGTH_WORD; i < kept; i++) to[target + i] = from[start + i] as number;
    this.#setSlot(this.#slotOf(hash, block), hash, moved);
    this.#arena.release(block, sizes & CLASS_MASK);
    return expiry === 0 ? moved : this.setExpiry(moved, hash, expiry);
  }

  remove(block: number, hash: number): void {
    this.#setSlot(this.#slotOf(hash, block), hash, REMOVED);
    this.#arena.release(block, this.#word(block, SIZES_WORD) & CLASS_MASK);
    this.count -= 1;
  }

  #slotOf(hash: number, block: number): number {
    let slot = hash & this.#mask;
    while (this.#table[2 * slot + 1] !== block) slot = (slot + 1) & this.#mask;
    return slot;
  }

  #setSlot(slot: number, hash: number, block: number): void {
    if (this.#frozen !== undefined) this.#frozen.keep(this.#table, 2 * slot, 2);
    this.#table[2 * slot] = hash;
    this.#table[2 * slot + 1] = block;
  }

  #link(hash: number, block: number): void {
    let slot = hash & this.#mask;
    while ((this.#table[2 * slot + 1] as number) > 0) slot = (slot + 1) & this.#mask;
    if (this.#table[2 * slot + 1] === FREE) this.#used += 1;
    this.#setSlot(slot, hash, block);
  }

  /** Doubles the table, or only clears removed slots out of it. A view of the old one goes on undisturbed. */
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
    const block = this.#arena.allocate(sizeClass);
    const own = this.page(block);
    const start = block & ARENA_PAGE_MASK;
    own[start + SIZES_WORD] = sizeClass | (keyLength << KEY_SHIFT);
    own[start + VALUE_LENGTH_WORD] = valueLength;
    return block;
  }

  // --- snapshots ----------------------------------------------------------------------------------------------------

  /** Freezes a view of everything as of now, to be read while it changes; an earlier view is given up. */
  freeze(): KvView {
    const unit = new Int32Array(UNIT_WORDS); // reason: snapshots are not on the hot path
    const arena = this.#arena.freeze(unit);
    const table = new FrozenWords([this.#table], TABLE_PAGE_BITS, this.#table.length, unit);
    this.#frozen = table;
    const header = Int32Array.of(this.#mask, this.#used, this.#arena.end, this.count);
    return { header, free: this.#arena.freeBlocks(), table, arena, unit }; // reason: as above
  }

  /** Lines of 64 bytes that the view being read keeps aside. */
  get linesKept(): number {
    return this.#frozen === undefined ? 0 : this.#frozen.kept + this.#arena.linesKept;
  }

  /** The view was read or is of no use any more; one that another took the place of is let be. */
  thaw(view: KvView): void {
    if (this.#frozen !== view.table) return;
    this.#frozen = undefined;
    this.#arena.thaw();
  }

  /** Becomes empty, with room for a view's words: `fillTable` and `fillArena` bring them. Returns how many there are of either. */
  clear(header: Int32Array, free: Int32Array): { tableWords: number; arenaWords: number } {
    const [mask, used, end, count] = header as unknown as [number, number, number, number];
    assert(mask >= TABLE_MIN - 1 && (mask & (mask + 1)) === 0 && end >= 0, 'the image has a header');
    this.#mask = mask;
    this.#used = used;
    this.count = count;
    this.#table = new Int32Array(2 * (mask + 1));
    this.#frozen = undefined;
    this.#arena.clear(free);
    return { tableWords: this.#table.length, arenaWords: end }; // reason: as above
  }

  fillTable(at: number, words: Int32Array): void {
    this.#table.set(words, at);
  }

  fillArena(at: number, words: Int32Array): void {
    this.#arena.fill(at, words);
  }
}

/** A store as it was: `table` and `arena` are read unit by unit into `unit`. */
export interface KvView {
  readonly header: Int32Array;
  readonly free: Int32Array;
  readonly table: FrozenWords;
  readonly arena: FrozenWords;
  readonly unit: Int32Array;
}

/** Word of a block at which its expiry stands. */
function expiryWord(sizes: number): number {
  return (1 << (sizes & CLASS_MASK)) - EXPIRY_WORDS;
}

function blockWords(keyLength: number, valueLength: number): number {
  return BLOCK_HEADER_WORDS + ((keyLength + 3) >> 2) + ((valueLength + 3) >> 2);
}

/** The first `count` bytes of a word, the rest zero. */
function lastWord(word: number, count: number): number {
  return word & ((1 << (8 * count)) - 1);
}
