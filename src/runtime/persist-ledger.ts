/**
 * Which persist sequences of a group are durable: maps each to the log position behind its record.
 *
 *   sequences   … durable │ q+1 q+2 … last │      ends[q & mask] = position that must be durable for q
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { LogPosition, Sequence } from '../base/types.ts';

export class PersistLedger {
  readonly #ends: Float64Array;
  readonly #mask: number;
  #durable: Sequence;
  #last: Sequence;

  /** `first`: the last sequence that recovery found durable. `capacity`: sequences not yet durable at most. */
  constructor(capacity: number, first: Sequence) {
    this.#ends = new Float64Array(capacity);
    this.#mask = capacity - 1;
    this.#durable = first;
    this.#last = first;
  }

  get durable(): Sequence {
    return this.#durable;
  }

  /** True while `count` more sequences fit. */
  hasRoom(count: number): boolean {
    return this.#last - this.#durable + count <= this.#ends.length;
  }

  /** The record of `sequence` ends at `end`. Sequences come one by one. */
  record(sequence: Sequence, end: LogPosition): void {
    assert(sequence === this.#last + 1, 'persist sequences are recorded in order');
    assert(this.hasRoom(1), 'too many sequences are not durable yet');
    this.#ends[sequence & this.#mask] = end;
    this.#last = sequence;
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
