/**
 * A view of words as they were at one moment, read unit by unit while they change. Before a line that is not read yet changes for the
 * first time, its old words are kept aside; reading a unit puts them back in place and gives their room to the next lines.
 *
 *   words   | read: changes freely │ not read yet: keep(line) before its first change                |
 *           0                   cursor                                                              end
 *   kept    line ─▶ line ─▶ …   per unit, in slabs that are used again
 *
 * Costs nothing at the start but a bit per line (1/512 of the words), and later 72 bytes per kept line of 64: at most the words
 * that are overwritten while the view is read, once each.
 *
 * @hot
 */
import { assert } from '../base/assert.ts';

/** Words of one line: a processor's cache line, and the smallest block of the kv store. */
const LINE_BITS = 4;
const LINE_WORDS = 1 << LINE_BITS;
/** Words of one unit: copied at once, in some 30 us. */
export const UNIT_WORDS = 1 << 16;
/** Lines of one slab. */
const SLAB_BITS = 12;
const SLAB_LINES = 1 << SLAB_BITS;
const NONE = -1;

export class FrozenWords {
  readonly #pages: readonly Int32Array[];
  readonly #pageBits: number;
  readonly #end: number;
  /** A bit per line that is kept. */
  readonly #isKept: Int32Array;
  /** First kept line of each unit. */
  readonly #heads: Int32Array;
  readonly #unit: Int32Array;
  #cursor = 0;
  #slabs: Int32Array[] = [];
  /** Per kept line: the next one of its unit, and where it stood. */
  #links: Int32Array[] = [];
  #places: Int32Array[] = [];
  #free = NONE;
  /** Lines kept now, and at most at once so far. */
  kept = 0;
  keptMost = 0;

  /** The words [0, end) of pages of 2^pageBits words each; `unit` is where units are read into. */
  constructor(pages: readonly Int32Array[], pageBits: number, end: number, unit: Int32Array) {
    assert(unit.length === UNIT_WORDS && end % LINE_WORDS === 0, 'a view has whole lines and room for a unit');
    this.#pages = pages;
    this.#pageBits = pageBits;
    this.#end = end;
    this.#unit = unit;
    this.#isKept = new Int32Array(Math.ceil(end / LINE_WORDS / 32));
    this.#heads = new Int32Array(Math.ceil(end / UNIT_WORDS)).fill(NONE);
  }

  get isRead(): boolean {
    return this.#cursor >= this.#end;
  }

  /** The `count` words from `from` on, which stand in `page`, are about to change. A page that took another's place is none of the view's. */
  keep(page: Int32Array, from: number, count: number): void {
    const end = from + count < this.#end ? from + count : this.#end;
    if (end <= this.#cursor || this.#pages[from >>> this.#pageBits] !== page) return;
    const mask = this.#pageBits < 31 ? (1 << this.#pageBits) - 1 : -1;
    const first = from < this.#cursor ? this.#cursor : from & -LINE_WORDS;
    for (let at = first; at < end; at += LINE_WORDS) {
      const line = at >>> LINE_BITS;
      const bit = 1 << (line & 31);
      if (((this.#isKept[line >>> 5] as number) & bit) !== 0) continue;
      this.#isKept[line >>> 5] = (this.#isKept[line >>> 5] as number) | bit;
      this.#copy(page, at & mask, at);
    }
  }

  #copy(page: Int32Array, from: number, place: number): void {
    if (this.#free === NONE) this.#grow();
    const id = this.#free;
    const links = this.#links[id >> SLAB_BITS] as Int32Array;
    const places = this.#places[id >> SLAB_BITS] as Int32Array;
    const slab = this.#slabs[id >> SLAB_BITS] as Int32Array;
    const index = id & (SLAB_LINES - 1);
    const unit = Math.floor(place / UNIT_WORDS);
    this.#free = links[index] as number;
    links[index] = this.#heads[unit] as number;
    this.#heads[unit] = id;
    places[index] = place;
    const to = index << LINE_BITS;
    for (let i = 0; i < LINE_WORDS; i++) slab[to + i] = page[from + i] as number;
    this.kept += 1;
    if (this.kept > this.keptMost) this.keptMost = this.kept;
  }

  /** One slab more, its lines free. */
  #grow(): void {
    const base = this.#slabs.length << SLAB_BITS;
    const links = new Int32Array(SLAB_LINES);
    for (let i = 0; i < SLAB_LINES; i++) links[i] = i + 1 < SLAB_LINES ? base + i + 1 : NONE;
    this.#links.push(links); // reason: a slab for thousands of lines, only while a snapshot is read
    this.#places.push(new Int32Array(SLAB_LINES)); // reason: as above
    this.#slabs.push(new Int32Array(SLAB_LINES << LINE_BITS)); // reason: as above
    this.#free = base;
  }

  /** Reads the next unit as it was into the unit memory; returns how many words. */
  read(): number {
    const from = this.#cursor;
    assert(from < this.#end, 'there is a unit to read');
    const count = this.#end - from < UNIT_WORDS ? this.#end - from : UNIT_WORDS;
    const page = this.#pages[from >>> this.#pageBits] as Int32Array;
    const start = this.#pageBits < 31 ? from & ((1 << this.#pageBits) - 1) : from;
    this.#unit.set(page.subarray(start, start + count)); // reason: one view per unit, only while a snapshot is read
    this.#restore(from);
    this.#cursor = from + count;
    return count;
  }

  /** Puts the kept lines of the unit at `from` back, and frees their room. */
  #restore(from: number): void {
    const unit = from / UNIT_WORDS;
    let id = this.#heads[unit] as number;
    while (id !== NONE) {
      const links = this.#links[id >> SLAB_BITS] as Int32Array;
      const slab = this.#slabs[id >> SLAB_BITS] as Int32Array;
      const index = id & (SLAB_LINES - 1);
      const to = ((this.#places[id >> SLAB_BITS] as Int32Array)[index] as number) - from;
      for (let i = 0; i < LINE_WORDS; i++) this.#unit[to + i] = slab[(index << LINE_BITS) + i] as number;
      const next = links[index] as number;
      links[index] = this.#free;
      this.#free = id;
      id = next;
      this.kept -= 1;
    }
    this.#heads[unit] = NONE;
  }
}
