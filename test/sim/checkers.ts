/**
 * What must hold after every event. Each check has a test that shows it fire (checkers.test.ts).
 *
 *   agreement      every replica, in every life, has the same digest at the same watermark
 *   persistence    what a member answered for (promise, vote) it still knows after any crash (S1, S2)
 *   monotony       promises, votes and watermarks of one life never go back (I1, I13)
 *   leadership     at most one member ever led in a ballot
 *
 * What judges which rule of safety: S1, S2, S4 persistence · S3, S5–S9 agreement and the invariants that the core asserts while contracts are on ·
 * S7, S17, S18 the machine's own count per session and the history · S11, S12 the damage book (fault-damage: a damaged log must say so) and
 * `isForgetful` · S13 wiped and refused directories · S14, S16 snapshots and truncation under rot and crashes, judged by agreement · S19 log time, by agreement ·
 * S20 the history of reads · S22–S24 links and lives are made anew at each start. S10, S15, S21 and S26 are of code that is not there yet, or of names.
 */
import type { Ballot, MemberIndex, Slot } from '../../src/base/types.ts';
import { ACCEPTED, PROMISE } from '../../src/paxos/message.ts';
import type { ReplicaState } from '../../src/paxos/replica-state.ts';

export class AgreementChecker {
  readonly #digests = new Map<Slot, number>();
  violation = '';
  chosen = 0;

  onApplied(member: MemberIndex, watermark: Slot, digest: number): void {
    const known = this.#digests.get(watermark);
    if (known === undefined) this.#digests.set(watermark, digest);
    else if (known !== digest)
      this.violation ||= `member ${member} has another state than others at watermark ${watermark}`;
    if (watermark > this.chosen) this.chosen = watermark;
  }
}

/** What each member has told others about itself; it may never be forgotten. */
export class PersistenceChecker {
  readonly #promised: number[];
  readonly #votes: Map<Slot, Ballot>[];
  violation = '';

  constructor(members: number) {
    this.#promised = new Array<number>(members).fill(0);
    this.#votes = Array.from({ length: members }, () => new Map<Slot, Ballot>());
  }

  /** A member answered for a ballot (PROMISE) or for votes at a ballot (ACCEPTED for slots [first, end)). */
  onAnswer(member: MemberIndex, kind: number, ballot: Ballot, first: Slot, end: Slot): void {
    if (kind === PROMISE) this.#promised[member] = Math.max(this.#promised[member] as number, ballot);
    if (kind !== ACCEPTED) return;
    const votes = this.#votes[member] as Map<Slot, Ballot>;
    for (let slot = first; slot < end; slot++) votes.set(slot, Math.max(votes.get(slot) ?? 0, ballot));
  }

  /** After recovery: nothing that was answered for is gone. */
  onRecovered(member: MemberIndex, state: ReplicaState): void {
    if (state.isRejoining) {
      this.#promised[member] = 0;
      this.#votes[member] = new Map();
      return;
    }
    if (state.promisedBallot < (this.#promised[member] as number)) {
      this.violation ||= `member ${member} forgot its promise of ${this.#promised[member]}, knows ${state.promisedBallot}`;
    }
    for (const [slot, ballot] of this.#votes[member] as Map<Slot, Ballot>) {
      if (slot < state.commitWatermark) continue;
      const i = state.window.index(slot);
      const knows = state.window.learned[i] === 1 || (state.window.voteBallot[i] as number) >= ballot;
      if (!knows) this.violation ||= `member ${member} forgot its vote for slot ${slot} at ${ballot}`;
    }
  }
}

/** One life of one member. */
export class MonotonyChecker {
  #promised = 0;
  #commit = 0;
  #next = 0;
  violation = '';

  onEvent(member: MemberIndex, state: ReplicaState): void {
    if (state.promisedBallot < this.#promised) this.violation ||= `member ${member}: its promise went back`;
    if (state.commitWatermark < this.#commit) this.violation ||= `member ${member}: its commit watermark went back`;
    if (state.window.nextSlot < this.#next) this.violation ||= `member ${member}: its next slot went back`;
    if (state.window.nextSlot > state.window.end) this.violation ||= `member ${member}: a slot lies outside the window`;
    this.#promised = state.promisedBallot;
    this.#commit = state.commitWatermark;
    this.#next = state.window.nextSlot;
  }
}

export class LeadershipChecker {
  readonly #leaderOf = new Map<Ballot, MemberIndex>();
  violation = '';
  elections = 0;

  onLeader(member: MemberIndex, ballot: Ballot): void {
    const known = this.#leaderOf.get(ballot);
    if (known !== undefined && known !== member)
      this.violation ||= `members ${known} and ${member} both led in ballot ${ballot}`;
    if (known === undefined) this.elections += 1;
    this.#leaderOf.set(ballot, member);
  }
}
