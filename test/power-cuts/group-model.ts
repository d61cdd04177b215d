/**
 * One acceptor as its log sees it, and what it said to others: nothing before it was durable. After a power cut the model says what
 * must have been recovered, what may have been, and what must not.
 */
import {
  HEADER_BALLOT,
  HEADER_COMMIT,
  HEADER_EPOCH,
  HEADER_FIELDS,
  HEADER_GROUP,
  HEADER_KIND,
  HEADER_SEQUENCE,
  HEADER_SLOT,
  HEADER_VALUE_CRC,
  HEADER_VALUE_LENGTH,
  type Log,
} from '../../src/log/log.ts';
import { KIND_MARK, KIND_PROMISE, KIND_VOTE } from '../../src/log/record.ts';
import { crc32c } from '../../src/wire/crc32c.ts';

export interface Recovered {
  kind: number;
  group: number;
  ballot: number;
  slot: number;
  position: number;
  value: string;
}

interface Vote {
  ballot: number;
  value: string;
}

/** A record whose answer waits for it (S1). */
interface Pending {
  end: number;
  kind: number;
  ballot: number;
  slot: number;
  value: string;
  /** The promise of a candidacy of its own: PREPARE waits for it (S2). */
  isOwn: boolean;
}

export class GroupModel {
  readonly id: number;
  /** Every record ever appended, with its position: nothing else may be recovered. */
  readonly #appended = new Set<string>();
  readonly #answered = new Map<number, Vote>();
  #answeredPromise = 0;
  /** Ballot of the last PREPARE that left. */
  #prepared = 0;
  #promised = 0;
  #pending: Pending[] = [];
  #sequence = 0;
  #nextSlot = 0;
  /** Everything below is in a published snapshot. */
  #truncation = 0;
  /** Votes and promises may be forgotten: none is made until it is through (S12). */
  isForgetful = false;
  #mayBeThrough = false;
  readonly #header = new Float64Array(HEADER_FIELDS);

  constructor(id: number) {
    this.id = id;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  get hasOwnPending(): boolean {
    return this.#pending.some(({ isOwn }) => isOwn);
  }

  /** Votes for a new slot; for one voted before, in a higher ballot. */
  vote(log: Log, value: string, again: boolean): void {
    if (this.isForgetful) return;
    const known = this.#answered.get(this.#nextSlot - 1);
    if (again && known !== undefined && known.ballot < this.#promised)
      this.#append(log, KIND_VOTE, this.#nextSlot - 1, known.value, false);
    else this.#append(log, KIND_VOTE, this.#nextSlot++, value, false);
  }

  /** Promises a higher ballot: to somebody else, or to itself. Of who forgot it is the promise that ends the way back. */
  promise(log: Log, isOwn: boolean): void {
    this.#promised += 1;
    if (this.isForgetful) this.#mayBeThrough = true;
    this.#append(log, KIND_PROMISE, 0, '', isOwn);
  }

  /** The hard state anew; what lies below its slots is in a snapshot (S14). */
  mark(log: Log): void {
    this.#truncation = this.#nextSlot;
    this.#append(log, KIND_MARK, this.#truncation, '', false);
  }

  #append(log: Log, kind: number, slot: number, value: string, isOwn: boolean): void {
    const bytes = Buffer.from(value, 'latin1');
    const at = kind === KIND_VOTE ? log.stage(bytes.length) : 0;
    if (at < 0) return;
    if (kind === KIND_VOTE) log.stagedBytes.set(bytes, at);
    const header = this.#header;
    if (this.#promised === 0) this.#promised = 1;
    header[HEADER_KIND] = kind;
    header[HEADER_GROUP] = this.id;
    header[HEADER_EPOCH] = 1;
    header[HEADER_BALLOT] = this.#promised;
    header[HEADER_SLOT] = slot;
    header[HEADER_SEQUENCE] = ++this.#sequence;
    header[HEADER_COMMIT] = this.#truncation;
    header[HEADER_VALUE_LENGTH] = bytes.length;
    header[HEADER_VALUE_CRC] = kind === KIND_VOTE ? crc32c(bytes, 0, bytes.length, 0) : 0;
    const position = log.append(header);
    this.#appended.add(describe({ kind, group: this.id, ballot: this.#promised, slot, position, value }));
    this.#pending.push({ end: log.appendedPosition, kind, ballot: this.#promised, slot, value, isOwn });
  }

  /** The log is durable up to `position`: answers leave. */
  onDurable(position: number): void {
    while (this.#pending.length > 0 && (this.#pending[0] as Pending).end <= position) {
      const { kind, ballot, slot, value, isOwn } = this.#pending.shift() as Pending;
      if (kind === KIND_VOTE) this.#answered.set(slot, { ballot, value });
      this.#answeredPromise = Math.max(this.#answeredPromise, ballot);
      if (isOwn) this.#prepared = ballot;
      if (kind === KIND_PROMISE && this.#mayBeThrough) this.#beThrough();
    }
  }

  #beThrough(): void {
    this.isForgetful = false;
    this.#mayBeThrough = false;
  }

  /** Segments below are gone: a vote that a snapshot covers may be, a promise may not. */
  onRetired(): void {
    for (const slot of this.#answered.keys()) if (slot < this.#truncation) this.#answered.delete(slot);
  }

  /** The log lost something, or all of it. */
  forget(): void {
    this.isForgetful = true;
    this.#mayBeThrough = false;
    this.#answered.clear();
    this.#answeredPromise = 0;
    this.#prepared = 0;
  }

  /** After a power cut: what was recovered against what was said; '' where all is well. `tellsForgotten`: the log says that records are missing. */
  judge(records: readonly Recovered[], tellsForgotten: boolean): string {
    const votes = new Map<number, Vote>();
    let promised = 0;
    for (const record of records) {
      if (!this.#appended.has(describe(record))) return `invented ${describe(record)}`;
      promised = Math.max(promised, record.ballot);
      if (record.kind === KIND_VOTE) votes.set(record.slot, { ballot: record.ballot, value: record.value });
    }
    if (this.isForgetful && !tellsForgotten && !this.#mayBeThrough) return 'it does not know that it has forgotten';
    if (!this.isForgetful && tellsForgotten) return 'it takes itself for one that forgot';
    if (this.#mayBeThrough && !tellsForgotten) this.#beThrough();
    this.#mayBeThrough = false;
    if (promised < this.#answeredPromise) return `promise ${this.#answeredPromise} was answered, ${promised} is known`;
    if (promised < this.#prepared) return `PREPARE ${this.#prepared} left, and ${promised} is known`;
    for (const [slot, answered] of this.#answered) {
      const vote = votes.get(slot);
      if (vote === undefined || vote.ballot < answered.ballot)
        return `the vote for slot ${slot} was answered and is gone`;
      if (vote.ballot === answered.ballot && vote.value !== answered.value)
        return `slot ${slot} has two values in one ballot`;
    }
    this.#goOn(promised, votes);
    return '';
  }

  /** The next life begins with what was recovered: unanswered votes that survived are votes. */
  #goOn(promised: number, votes: ReadonlyMap<number, Vote>): void {
    this.#pending = [];
    this.#promised = Math.max(promised, this.#promised);
    if (this.isForgetful) return;
    this.#answeredPromise = promised;
    for (const [slot, vote] of votes) if (slot >= this.#truncation) this.#answered.set(slot, vote);
  }
}

function describe({ kind, group, ballot, slot, position, value }: Recovered): string {
  return `kind ${kind} of group ${group} at ${position}: ballot ${ballot}, slot ${slot}, ${value}`;
}
