/**
 * The memory of the kv store's blocks: pages of words that are added one by one and never move, so that growing copies nothing. Blocks
 * have sizes of powers of two and lie within one page; released ones are used again.
 *
 *   address = page << ARENA_PAGE_BITS | word in the page; the first line stays unused, so that address 0 can mean none
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import { FrozenWords } from './frozen-words.ts';

/** 2 MiB: the block of a largest key and value. */
export const ARENA_PAGE_BITS = 19;
export const ARENA_PAGE_WORDS = 1 << ARENA_PAGE_BITS;
export const ARENA_PAGE_MASK = ARENA_PAGE_WORDS - 1;
/** The only page of a small arena is smaller, and doubles. */
const FIRST_WORDS_MIN = 1 << 14;
/** Smallest block: 2^4 words. */
export const CLASS_MIN = 4;
export const CLASSES = 32;
/** A block's address is a positive word: 8 GiB. */
const PAGES_MAX = 1 << (31 - ARENA_PAGE_BITS);
const FIRST_BLOCK = 1 << CLASS_MIN;

export class KvArena {
  readonly pages: Int32Array[] = [new Int32Array(FIRST_WORDS_MIN)];
  end = FIRST_BLOCK;
  /** First free block of each size; word 1 of a free block names the next. */
  readonly #free = new Int32Array(CLASSES);
  /** The view that is being read. */
  #frozen: FrozenWords | undefined;

  /** A block of 2^sizeClass words. */
  allocate(sizeClass: number): number {
    assert(sizeClass >= CLASS_MIN && sizeClass <= ARENA_PAGE_BITS, 'a block has a size class');
    const released = this.#free[sizeClass] as number;
    if (released !== 0) {
      this.keep(released, 1 << sizeClass);
      const page = this.pages[released >>> ARENA_PAGE_BITS] as Int32Array;
      this.#free[sizeClass] = page[(released & ARENA_PAGE_MASK) + 1] as number;
      return released;
    }
    if ((this.end & ARENA_PAGE_MASK) + (1 << sizeClass) > ARENA_PAGE_WORDS) this.#closePage();
    const block = this.end;
    this.end += 1 << sizeClass;
    this.#reach(this.end);
    return block;
  }

  /** The rest of the last page becomes free blocks: the next block does not fit it. */
  #closePage(): void {
    const pageEnd = (this.end | ARENA_PAGE_MASK) + 1;
    this.#reach(pageEnd);
    while (this.end < pageEnd) {
      // The largest block that may begin here: addresses of blocks are multiples of the smallest size.
      const sizeClass = 31 - Math.clz32(this.end & -this.end);
      this.release(this.end, sizeClass);
      this.end += 1 << sizeClass;
    }
  }

  /** Makes the words below `end` exist. */
  #reach(end: number): void {
    const last = this.pages.length - 1;
    const first = this.pages[0] as Int32Array;
    if (end <= last * ARENA_PAGE_WORDS + (last === 0 ? first.length : ARENA_PAGE_WORDS)) return;
    if (last === 0 && first.length < ARENA_PAGE_WORDS) {
      let length = 2 * first.length;
      while (length < end && length < ARENA_PAGE_WORDS) length *= 2;
      const grown = new Int32Array(length);
      grown.set(first);
      this.pages[0] = grown;
      if (end <= length) return;
    }
    assert(this.pages.length < PAGES_MAX, 'the kv machine holds 8 GiB');
    this.pages.push(new Int32Array(ARENA_PAGE_WORDS)); // reason: a page for thousands of blocks
  }

  release(block: number, sizeClass: number): void {
    assert(sizeClass >= CLASS_MIN && sizeClass <= ARENA_PAGE_BITS, 'a block has a size class');
    this.keep(block, FIRST_BLOCK);
    (this.pages[block >>> ARENA_PAGE_BITS] as Int32Array)[(block & ARENA_PAGE_MASK) + 1] = this.#free[
      sizeClass
    ] as number;
    this.#free[sizeClass] = block;
  }

  /** `count` words from `block` on are about to change. */
  keep(block: number, count: number): void {
    if (this.#frozen !== undefined)
      this.#frozen.keep(this.pages[block >>> ARENA_PAGE_BITS] as Int32Array, block, count);
  }

  /** A view of all words as of now; it replaces an earlier one. */
  freeze(unit: Int32Array): FrozenWords {
    this.#frozen = new FrozenWords(this.pages.slice(), ARENA_PAGE_BITS, this.end, unit);
    return this.#frozen;
  }

  thaw(): void {
    this.#frozen = undefined;
  }

  get linesKept(): number {
    return this.#frozen === undefined ? 0 : this.#frozen.kept;
  }

  /** Free blocks by size, for an image. */
  freeBlocks(): Int32Array {
    return this.#free.slice();
  }

  /** Becomes an arena with these free blocks, whose words `fill` brings from address 0 on. */
  clear(free: Int32Array): void {
    this.pages.length = 1;
    this.pages[0] = new Int32Array(FIRST_WORDS_MIN);
    this.#frozen = undefined;
    this.#free.set(free);
    this.end = 0;
  }

  /** The next words of an image, within one page: pages come as they are needed, since hundreds at once take a tenth of a second. */
  fill(at: number, words: Int32Array): void {
    assert(at === this.end, 'an image fills an arena in order');
    this.end = at + words.length;
    this.#reach(this.end);
    (this.pages[at >>> ARENA_PAGE_BITS] as Int32Array).set(words, at & ARENA_PAGE_MASK);
  }
}
