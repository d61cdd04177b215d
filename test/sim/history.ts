/**
 * The clients' history and its judgement. Replies carry the place in the group's order, which is a witness: the history is
 * linearizable exactly when the witness order respects real time and every answer is right at its place. (Per group; keys of one
 * group share one order, which is stronger than a check key by key.) Besides, and without the witness, each key's history is judged by itself.
 */

import { judgeUniqueWrites, type RegisterOperation } from './linearizability.ts';

export interface Operation {
  isRead: boolean;
  key: number;
  /** What was written; for reads what was read. */
  value: number;
  invokedAt: number;
  respondedAt: number;
  /** Writes: place in the order, from 1. Reads: commands applied before it. */
  place: number;
}

export class History {
  readonly operations: Operation[] = [];
  /** Highest place among operations that had been answered by a time: ascending in both. */
  readonly #frontierTime: number[] = [];
  readonly #frontierPlace: number[] = [];
  readonly #writes = new Map<number, Operation>();
  readonly #weak: Operation[] = [];
  violation = '';
  /** Writes that were never answered. */
  pending: (RegisterOperation & { key: number })[] = [];
  reads = 0;
  /** Keys judged without the witness. */
  judgements = 0;

  /** An operation was answered; operations arrive in order of their answers. */
  add(operation: Operation): void {
    this.operations.push(operation);
    const floor = this.#frontierBefore(operation.invokedAt);
    if (operation.place < floor) {
      this.violation ||= `stale ${operation.isRead ? 'read' : 'write'} of key ${operation.key}: place ${operation.place}, but ${floor} was answered before it was asked`;
    }
    if (operation.isRead) this.reads += 1;
    else this.#addWrite(operation);
    const last = this.#frontierPlace.at(-1) ?? 0;
    this.#frontierTime.push(operation.respondedAt);
    this.#frontierPlace.push(Math.max(last, operation.place));
  }

  /** A read that may show the past: only what it saw at its place is judged. */
  addWeak(operation: Operation): void {
    this.#weak.push(operation);
    this.reads += 1;
  }

  #addWrite(operation: Operation): void {
    const other = this.#writes.get(operation.place);
    if (other !== undefined) this.violation ||= `two commands were answered with place ${operation.place}`;
    this.#writes.set(operation.place, operation);
  }

  /** Highest place answered strictly before `time`. */
  #frontierBefore(time: number): number {
    let low = 0;
    let high = this.#frontierTime.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#frontierTime[middle] as number) < time) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : (this.#frontierPlace[low - 1] as number);
  }

  /** At the end: reads must show the newest write at or below their place, if that write was answered. */
  judge(): string {
    if (this.violation !== '') return this.violation;
    const places = [...this.#writes.keys()].sort((a, b) => a - b);
    const strict = this.operations.filter((operation) => operation.isRead);
    const reads = [...strict, ...this.#weak].sort((a, b) => a.place - b.place);
    const registers = new Map<number, { value: number; place: number }>();
    const unknownBelow = this.#unknownPlaces(places, reads.at(-1)?.place ?? 0);
    let next = 0;
    for (const read of reads) {
      while (next < places.length && (places[next] as number) <= read.place) {
        const write = this.#writes.get(places[next] as number) as Operation;
        registers.set(write.key, { value: write.value, place: write.place });
        next += 1;
      }
      const known = registers.get(read.key) ?? { value: 0, place: 0 };
      const isCertain = !unknownBelow.some((place) => place > known.place && place <= read.place);
      if (isCertain && known.value !== read.value) {
        return `read of key ${read.key} at place ${read.place} gave ${read.value}, the order says ${known.value}`;
      }
    }
    return this.#judgeKeys();
  }

  /** Without the witness: what the clients saw of each key, and when, must fit some order. Clients' unanswered writes count as unknown. */
  #judgeKeys(): string {
    const keys = new Map<number, RegisterOperation[]>();
    for (const operation of [...this.operations, ...this.pending]) {
      const known = keys.get(operation.key);
      if (known === undefined) keys.set(operation.key, [operation]);
      else known.push(operation);
    }
    for (const [key, operations] of keys) {
      this.judgements += 1;
      if (judgeUniqueWrites(operations) === 'violation') return `the history of key ${key} is not linearizable`;
    }
    return '';
  }

  /** Places up to `end` that no answered write holds: commands whose answers never arrived. */
  #unknownPlaces(places: number[], end: number): number[] {
    const unknown: number[] = [];
    let expected = 1;
    for (const place of places) {
      for (; expected < place; expected++) unknown.push(expected);
      expected = place + 1;
    }
    for (; expected <= end; expected++) unknown.push(expected);
    return unknown;
  }
}
