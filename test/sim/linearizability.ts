/**
 * Is a history of one register linearizable? Knows nothing of the log: only when each operation was asked and answered, and what it wrote or read.
 * Wing and Gong's search with Lowe's memory of (operations taken, value) pairs, over a linked list of calls and returns.
 *
 *   events in time   c1 c2 r1 c3 r3 r2         an operation may be taken while its call stands before every return in the list;
 *                    └── try, lift, go on ──┘   at a return that was not taken: go back
 *
 * An operation without answer may take effect at any later time or never. Times are ticks: what was answered in the tick in which
 * another was asked may have overlapped it.
 */

export interface RegisterOperation {
  isRead: boolean;
  /** What was written, or what the read gave. */
  value: number;
  invokedAt: number;
  /** Infinity where no answer came. */
  respondedAt: number;
}

/** 'unknown': the search was given up after `stepsMax` steps. */
export type Verdict = 'linearizable' | 'violation' | 'unknown';

interface Event {
  operation: number;
  isCall: boolean;
  next: Event;
  previous: Event;
  /** A call's return. */
  match: Event | undefined;
}

/** Registers begin with 0. */
export function judgeRegister(operations: readonly RegisterOperation[], stepsMax = 1_000_000): Verdict {
  return new Search(operations).run(stepsMax);
}

/**
 * The same question where every value is written once: exact and never given up (Gibbons and Korach, "Testing shared memories", 1997). All
 * operations of one value form a zone, from its first answer to its last question.
 *
 *   forward zone    answered before it was asked for again: the register held the value all that time, so forward zones are disjoint
 *   backward zone   all of it overlaps: it fits anywhere in it, but not inside a forward zone of another value
 */
export function judgeUniqueWrites(operations: readonly RegisterOperation[]): Verdict {
  const zones = new Map<number, Zone>([
    [0, { first: Number.NEGATIVE_INFINITY, last: Number.NEGATIVE_INFINITY, writtenAt: Number.NEGATIVE_INFINITY }],
  ]);
  const reads = operations.filter(({ isRead }) => isRead);
  const seen = new Set(reads.map(({ value }) => value));
  for (const write of operations) {
    if (write.isRead || (write.respondedAt === Number.POSITIVE_INFINITY && !seen.has(write.value))) continue;
    zones.set(write.value, { first: write.respondedAt, last: write.invokedAt, writtenAt: write.invokedAt });
  }
  for (const { value, invokedAt, respondedAt } of reads) {
    const zone = zones.get(value);
    if (zone === undefined || respondedAt < zone.writtenAt) return 'violation';
    zone.first = Math.min(zone.first, respondedAt);
    zone.last = Math.max(zone.last, invokedAt);
  }
  return areZonesApart([...zones.values()]) ? 'linearizable' : 'violation';
}

interface Zone {
  /** First answer and last question of the value's operations. */
  first: number;
  last: number;
  writtenAt: number;
}

function areZonesApart(zones: readonly Zone[]): boolean {
  const forward = zones.filter(({ first, last }) => first < last).sort((a, b) => a.first - b.first);
  for (let i = 1; i < forward.length; i++) if ((forward[i] as Zone).first < (forward[i - 1] as Zone).last) return false;
  return zones
    .filter(({ first, last }) => first >= last)
    .every(({ first, last }) => !forward.some((zone) => zone.first < last && first < zone.last));
}

class Search {
  readonly #operations: readonly RegisterOperation[];
  readonly #head: Event;
  readonly #taken: Uint32Array;
  readonly #seen = new Set<string>();
  readonly #stack: { call: Event; value: number }[] = [];
  #value = 0;

  constructor(operations: readonly RegisterOperation[]) {
    this.#operations = operations;
    this.#taken = new Uint32Array((operations.length + 31) >> 5);
    this.#head = makeList(operations);
  }

  run(stepsMax: number): Verdict {
    let event = this.#head.next;
    for (let step = 0; step < stepsMax; step++) {
      if (event === this.#head) return 'linearizable';
      const operation = this.#operations[event.operation] as RegisterOperation;
      if (event.isCall) {
        if (this.#take(event, operation)) event = this.#head.next;
        else event = event.next;
        continue;
      }
      // Everything that was answered is taken; what is left may have happened or not.
      if (operation.respondedAt === Number.POSITIVE_INFINITY) return 'linearizable';
      const last = this.#stack.pop();
      if (last === undefined) return 'violation';
      this.#giveBack(last.call, last.value);
      event = last.call.next;
    }
    return 'unknown';
  }

  /** Takes the operation next, unless its value contradicts or the same was tried. */
  #take(call: Event, { isRead, value }: RegisterOperation): boolean {
    if (isRead && value !== this.#value) return false;
    const word = call.operation >> 5;
    const bit = 1 << (call.operation & 31);
    this.#taken[word] = (this.#taken[word] as number) | bit;
    const next = isRead ? this.#value : value;
    const key = `${this.#taken.join()}:${next}`;
    if (this.#seen.has(key)) {
      this.#taken[word] = (this.#taken[word] as number) & ~bit;
      return false;
    }
    this.#seen.add(key);
    this.#stack.push({ call, value: this.#value });
    this.#value = next;
    unlink(call);
    unlink(call.match as Event);
    return true;
  }

  #giveBack(call: Event, value: number): void {
    const word = call.operation >> 5;
    this.#taken[word] = (this.#taken[word] as number) & ~(1 << (call.operation & 31));
    this.#value = value;
    link(call.match as Event);
    link(call);
  }
}

/** Calls and returns in order of time, in a ring with a head; at one time calls stand before returns. */
function makeList(operations: readonly RegisterOperation[]): Event {
  const head = { operation: -1, isCall: false, match: undefined } as unknown as Event;
  const events = operations.flatMap((_, operation): Event[] => {
    const end = { operation, isCall: false, match: undefined, next: head, previous: head };
    return [{ operation, isCall: true, match: end, next: head, previous: head }, end];
  });
  const timeOf = ({ operation, isCall }: Event): number => {
    const { invokedAt, respondedAt } = operations[operation] as RegisterOperation;
    return isCall ? invokedAt : respondedAt;
  };
  events.sort((a, b) => compare(timeOf(a), timeOf(b)) || Number(b.isCall) - Number(a.isCall));
  let previous = head;
  for (const event of events) {
    previous.next = event;
    event.previous = previous;
    previous = event;
  }
  previous.next = head;
  head.previous = previous;
  return head;
}

/** As subtraction would, but two infinities are equal. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

function unlink(event: Event): void {
  event.previous.next = event.next;
  event.next.previous = event.previous;
}

function link(event: Event): void {
  event.previous.next = event;
  event.next.previous = event;
}
