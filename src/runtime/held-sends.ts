/**
 * Sends that wait for their persist sequence, first in, first out: the executable form of "persist before send" (S1).
 * A full queue drops the newest, visibly: the core takes it for a lost message.
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { Sequence, Slot } from '../base/types.ts';
import { ACCEPTED } from '../paxos/message.ts';
import { A_AUX, A_BALLOT, A_KIND, A_SEQUENCE, A_SLOT, A_TO, ACTION_FIELDS } from '../paxos/outbox.ts';
import type { FrameSender } from './group-driver-sender.ts';

const CAPACITY_FIRST = 64;

export class HeldSends {
  words: Float64Array;
  readonly #limit: number;
  /** Sends that the memory holds: it doubles up to the limit, because most groups never hold many. */
  #capacity: number;
  #head = 0;
  #count = 0;
  dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#capacity = Math.min(limit, CAPACITY_FIRST);
    this.words = new Float64Array(this.#capacity * ACTION_FIELDS);
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Copies the action at `at` of `source`; false when the queue is full. */
  push(source: Float64Array, at: number): boolean {
    if (this.#count === this.#limit) {
      this.dropped += 1;
      return false;
    }
    if (this.#count === this.#capacity) this.#grow();
    const to = ((this.#head + this.#count) % this.#capacity) * ACTION_FIELDS;
    for (let i = 0; i < ACTION_FIELDS; i++) this.words[to + i] = source[at + i] as number;
    this.#count += 1;
    return true;
  }

  /** Lays the queue out anew, oldest first. */
  #grow(): void {
    const old = this.words;
    const capacity = Math.min(this.#limit, 2 * this.#capacity);
    const words = new Float64Array(capacity * ACTION_FIELDS);
    const head = this.#head * ACTION_FIELDS;
    for (let i = 0; i < old.length; i++) words[i] = old[(head + i) % old.length] as number;
    this.words = words;
    this.#capacity = capacity;
    this.#head = 0;
  }

  /** Index in `words` of the oldest send if `durable` covers its sequence, else -1. */
  ready(durable: Sequence): number {
    if (this.#count === 0) return -1;
    const at = this.#head * ACTION_FIELDS;
    return (this.words[at + A_SEQUENCE] as number) <= durable ? at : -1;
  }

  /** Forgets the oldest send: it left. */
  pop(): void {
    assert(this.#count > 0, 'nothing is held');
    this.#head = (this.#head + 1) % this.#capacity;
    this.#count -= 1;
  }

  /** True where the send at `next` is an ACCEPTED that prolongs the range of the one at `first`, which ends at `end` so far. */
  continues(first: number, next: number, end: Slot): boolean {
    const words = this.words;
    return (
      words[first + A_KIND] === ACCEPTED &&
      words[next + A_KIND] === ACCEPTED &&
      words[next + A_TO] === words[first + A_TO] &&
      words[next + A_BALLOT] === words[first + A_BALLOT] &&
      words[next + A_SLOT] === end &&
      words[first + A_SLOT] !== words[first + A_AUX]
    );
  }

  /** Sends everything that `durable` covers; consecutive ACCEPTED answers to one member leave as one range. Returns sends made. */
  release(sender: FrameSender, durable: Sequence): number {
    const words = this.words;
    let sent = 0;
    let at = this.ready(durable);
    while (at >= 0) {
      const first = at;
      let end = words[at + A_AUX] as number;
      this.pop();
      at = this.ready(durable);
      while (at >= 0 && this.continues(first, at, end)) {
        end = words[at + A_AUX] as number;
        this.pop();
        at = this.ready(durable);
      }
      sender.transmit(words, first, end, durable);
      sent += 1;
    }
    return sent;
  }
}
