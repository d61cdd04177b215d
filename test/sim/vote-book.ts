/**
 * What stands durable on which medium, and so what is chosen: known from the media alone, never from what members believe.
 *
 *   medium ─ record durable ─▶ promise of a member, votes by slot and ballot ─ an accept quorum ─▶ chosen value of the slot
 *
 *   persist before send   nothing is answered, and no PREPARE leaves, before its record is durable (S1, S2)
 *   one value             two votes of one ballot and slot are for one value (S3); one value is chosen per slot, for ever
 *   chosen                no commit watermark passes a slot that no accept quorum voted for (I10)
 */
import { popcount } from '../../src/base/bits.ts';
import type { Ballot, MemberIndex, Slot } from '../../src/base/types.ts';
import type { RecoveredRecord } from '../../src/log/log.ts';
import { KIND_MARK, KIND_PROMISE, KIND_VOTE, KIND_VOTE_AGAIN } from '../../src/log/record.ts';
import { ACCEPTED, PREPARE, PROMISE } from '../../src/paxos/message.ts';

/** The votes of one slot in one ballot. */
interface Candidate {
  ballot: Ballot;
  /** Members that voted. */
  voters: number;
  valueLength: number;
  valueCrc: number;
}

export class VoteBook {
  readonly #quorum: number;
  /** By member, of its present life. */
  readonly #promised: Ballot[];
  readonly #votes: Map<Slot, Ballot>[];
  /** Of all lives. */
  readonly #candidates = new Map<Slot, Candidate[]>();
  readonly #chosen = new Map<Slot, Candidate>();
  #committed: Slot = 0;
  violation = '';

  constructor(members: number) {
    this.#quorum = (members >> 1) + 1;
    this.#promised = new Array<Ballot>(members).fill(0);
    this.#votes = Array.from({ length: members }, () => new Map<Slot, Ballot>());
  }

  /** A life begins: it holds what its recovery shows, and no more. */
  onStart(member: MemberIndex): void {
    this.#promised[member] = 0;
    (this.#votes[member] as Map<Slot, Ballot>).clear();
  }

  /** A record is durable, and everything before it in its log, or recovery found it. */
  onRecord(member: MemberIndex, record: RecoveredRecord): void {
    const { kind, ballot, slot } = record;
    const isVote = kind === KIND_VOTE || kind === KIND_VOTE_AGAIN;
    if (!isVote && kind !== KIND_PROMISE && kind !== KIND_MARK) return;
    if (ballot > (this.#promised[member] as number)) this.#promised[member] = ballot;
    if (!isVote) return;
    const votes = this.#votes[member] as Map<Slot, Ballot>;
    votes.set(slot, Math.max(ballot, votes.get(slot) ?? 0));
    this.#count(member, record);
  }

  #count(member: MemberIndex, { ballot, slot, valueLength, valueCrc }: RecoveredRecord): void {
    let candidates = this.#candidates.get(slot);
    if (candidates === undefined) {
      candidates = [];
      this.#candidates.set(slot, candidates);
    }
    let candidate = candidates.find((one) => one.ballot === ballot);
    if (candidate === undefined) {
      candidate = { ballot, voters: 0, valueLength, valueCrc };
      candidates.push(candidate);
    }
    if (!isSameValue(candidate, { valueLength, valueCrc }))
      this.violation ||= `two values were voted for in slot ${slot} at ballot ${ballot}, one by member ${member}`;
    candidate.voters |= 1 << member;
    if (popcount(candidate.voters) >= this.#quorum) this.#choose(slot, candidate);
  }

  #choose(slot: Slot, candidate: Candidate): void {
    const known = this.#chosen.get(slot);
    if (known === undefined) this.#chosen.set(slot, candidate);
    else if (!isSameValue(known, candidate))
      this.violation ||= `slot ${slot} was chosen at ballot ${known.ballot} and with another value at ${candidate.ballot}`;
  }

  /** A frame leaves: what it says must be durable. ACCEPTED speaks of slots [first, end). */
  onFrame(member: MemberIndex, kind: number, ballot: Ballot, first: Slot, end: Slot): void {
    if (kind === PROMISE || kind === PREPARE) this.#checkPromise(member, kind, ballot);
    if (kind !== ACCEPTED) return;
    const votes = this.#votes[member] as Map<Slot, Ballot>;
    for (let slot = first; slot < end; slot++)
      if ((votes.get(slot) ?? 0) < ballot)
        this.violation ||= `member ${member} answered for a vote in slot ${slot} at ${ballot} that is not durable`;
  }

  #checkPromise(member: MemberIndex, kind: number, ballot: Ballot): void {
    if ((this.#promised[member] as number) >= ballot) return;
    const what = kind === PREPARE ? 'asked for promises of' : 'promised';
    this.violation ||= `member ${member} ${what} ballot ${ballot}, and its own promise is not durable`;
  }

  /** A member takes all slots below for chosen. */
  onCommit(member: MemberIndex, watermark: Slot): void {
    for (; this.#committed < watermark; this.#committed++)
      if (!this.#chosen.has(this.#committed))
        this.violation ||= `member ${member} takes slot ${this.#committed} for chosen, and no quorum voted for it`;
  }
}

function isSameValue(
  a: Pick<Candidate, 'valueLength' | 'valueCrc'>,
  b: Pick<Candidate, 'valueLength' | 'valueCrc'>,
): boolean {
  return a.valueLength === b.valueLength && a.valueCrc === b.valueCrc;
}
