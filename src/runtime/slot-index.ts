/**
 * Where each slot's value stands in the log: 8 bytes per kept slot, in chunks that are made as the log grows and go from its begin (S23). Slots that
 * were never here, or were forgotten, take nothing: neither a year behind them nor the start after it.
 *
 *   slot ─▶ chunk number ── minus #first ─▶ #chunks ─▶ position
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { LogPosition, Slot } from '../base/types.ts';

const CHUNK_BITS = 12;
const CHUNK_SLOTS = 1 << CHUNK_BITS;

export class SlotIndex {
  readonly #chunks: (Float64Array | undefined)[] = [];
  /** Number of the first chunk there is room for. */
  #first = 0;

  /** The slot's current value is the record at `position`. */
  set(slot: Slot, position: LogPosition): void {
    assert(position > 0, 'a record never stands at position 0: a segment header does');
    this.#chunk(Math.floor(slot / CHUNK_SLOTS))[slot & (CHUNK_SLOTS - 1)] = position;
  }

  /** Position of the slot's value record, or 0 when none is known. */
  get(slot: Slot): LogPosition {
    const chunk = this.#chunks[Math.floor(slot / CHUNK_SLOTS) - this.#first];
    return chunk === undefined ? 0 : (chunk[slot & (CHUNK_SLOTS - 1)] as LogPosition);
  }

  /** Slots below are truncated: whole chunks of them are given back. */
  forget(below: Slot): void {
    const gone = Math.floor(below / CHUNK_SLOTS) - this.#first;
    if (gone <= 0) return;
    this.#chunks.splice(0, gone);
    this.#first += gone;
  }

  /** True where every slot in [first, end) has a position. */
  holds(first: Slot, end: Slot): boolean {
    for (let slot = first; slot < end; slot++) if (this.get(slot) === 0) return false;
    return true;
  }

  /** First slot of the run without a gap that ends before `end`, not below `first`. */
  startOf(first: Slot, end: Slot): Slot {
    let start = end;
    while (start > first && this.get(start - 1) > 0) start -= 1;
    return start;
  }

  /** Lowest position of the slots in [first, end), and the end of all slots below; Infinity where none is known. */
  oldest(first: Slot, end: Slot): LogPosition {
    this.forget(first);
    let oldest = Number.POSITIVE_INFINITY;
    for (let slot = first; slot < end; slot++) {
      const position = this.get(slot);
      if (position > 0 && position < oldest) oldest = position;
    }
    return oldest;
  }

  #chunk(number: number): Float64Array {
    const known = this.#chunks[number - this.#first];
    return known === undefined ? this.#grow(number) : known;
  }

  #grow(number: number): Float64Array {
    if (this.#chunks.length === 0) this.#first = number;
    for (; number < this.#first; this.#first--) this.#chunks.unshift(undefined);
    while (this.#chunks.length <= number - this.#first) this.#chunks.push(undefined);
    const chunk = new Float64Array(CHUNK_SLOTS);
    this.#chunks[number - this.#first] = chunk;
    return chunk;
  }
}
