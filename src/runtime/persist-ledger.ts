/**
 * Which persist sequences of a group are durable: maps each to the log position behind its record.
 *
 *   sequences   … durable │ q+1 q+2 … last │      ends[q & mask] = position that must be durable for q
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { LogPosition, Sequence } from '../base/types.ts';

const CAPACITY_FIRST = 256;

export class PersistLedger {
  readonly #limit: number;
  /** Doubles up to the limit, because most groups never have many records in flight. */
  #ends: Float64Array;
  #mask: number;
  #durable: Sequence;
  #last: Sequence;

  /** `first`: the last sequence that recovery found durable. `limit`: sequences not yet durable at most, a power of two. */
  constructor(limit: number, first: Sequence) {
    this.#limit = limit;
    this.#ends = new Float64Array(Math.min(limit, CAPACITY_FIRST));
    this.#mask = this.#ends.length - 1;
    this.#durable = first;
    this.#last = first;
  }

  get durable(): Sequence {
    return this.#durable;
  }

  /** True while `count` more sequences fit. */
  hasRoom(count: number): boolean {
    return this.#last - this.#durable + count <= this.#limit;
  }

  /** The record of `sequence` ends at `end`. Sequences come one by one. */
  record(sequence: Sequence, end: LogPosition): void {
    assert(sequence === this.#last + 1, 'persist sequences are recorded in order');
    assert(this.hasRoom(1), 'too many sequences are not durable yet');
    if (this.#last - this.#durable === this.#ends.length) this.#grow();
    this.#ends[sequence & this.#mask] = end;
    this.#last = sequence;
  }

  #grow(): void {
    const ends = new Float64Array(2 * this.#ends.length);
    for (let q = this.#durable + 1; q <= this.#last; q++)
      ends[q & (ends.length - 1)] = this.#ends[q & this.#mask] as number;
    this.#ends = ends;
    this.#mask = ends.length - 1;
  }

  /** Everything below `position` is durable. Returns true when a sequence became durable. */
  advance(position: LogPosition): boolean {
    const before = this.#durable;
    let durable = before;
    while (durable < this.#last && (this.#ends[(durable + 1) & this.#mask] as number) <= position) durable += 1;
    this.#durable = durable;
    return durable > before;
  }
}
