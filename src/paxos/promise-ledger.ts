/**
 * What a candidate was told in phase 1: which members answered completely (I9), and per slot the reported vote of the highest
 * ballot with everybody who holds its value (I7).
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { Ballot, MemberIndex, Slot } from '../base/types.ts';
import { MEMBERS_MAX } from '../limits.ts';
import { BALLOT_CHOSEN } from './ballot.ts';
import { M_AUX, M_COMMIT, M_FROM, M_SLOT, M_VALUE_CRC, M_VALUE_LENGTH } from './message.ts';
import type { ReplicaState } from './replica-state.ts';

export class PromiseLedger {
  readonly #state: ReplicaState;
  /** Attempt that each member answered last, and votes counted of that answer. */
  readonly #attempts = new Float64Array(MEMBERS_MAX);
  readonly #reports = new Int32Array(MEMBERS_MAX);
  /** One past the highest slot that anybody reported. */
  end: Slot = 0;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  /** A candidacy begins: nothing was told yet. */
  begin(): void {
    this.#attempts.fill(0);
    this.#reports.fill(0);
    this.#state.window.clearProposals();
    this.end = this.#state.commitWatermark;
  }

  /** Votes counted of a member's current answer. */
  reportsOf(member: MemberIndex): number {
    assert(member >= 0 && member < MEMBERS_MAX, 'a member index');
    return this.#reports[member] as number;
  }

  /** One reported vote; COMMIT carries the attempt that it answers, AUX the vote's ballot. Duplicates count once. */
  onPromiseVote(message: Float64Array): void {
    const window = this.#state.window;
    const slot = message[M_SLOT] as Slot;
    if (!window.contains(slot)) return;
    const from = message[M_FROM] as MemberIndex;
    if (!this.isCurrentAttempt(from, message[M_COMMIT] as number)) return;
    const i = window.index(slot);
    const bit = 1 << from;
    if (((window.reportedMembers[i] as number) & bit) !== 0) return;
    window.reportedMembers[i] = (window.reportedMembers[i] as number) | bit;
    this.#reports[from] = (this.#reports[from] as number) + 1;
    this.report(slot, bit, message[M_AUX] as Ballot, message[M_VALUE_LENGTH] as number, message[M_VALUE_CRC] as number);
  }

  /** Keeps the report of the highest ballot per slot, and who holds its value (I7). */
  report(slot: Slot, bit: number, ballot: Ballot, length: number, crc: number): void {
    const window = this.#state.window;
    const i = window.index(slot);
    assert(ballot > 0, 'a reported vote has a ballot');
    if (slot >= this.end) this.end = slot + 1;
    const best = window.reportedBallot[i] as Ballot;
    if (ballot < best) return;
    if (ballot > best) {
      window.reportedBallot[i] = ballot;
      window.reportedLength[i] = length;
      window.reportedCrc[i] = crc;
      window.reportedHolders[i] = bit;
      return;
    }
    assert(window.reportedLength[i] === length, 'P3: two values at one ballot and slot');
    assert(window.reportedCrc[i] === crc, 'P3: two values at one ballot and slot');
    window.reportedHolders[i] = (window.reportedHolders[i] as number) | bit;
  }

  /** This replica's own votes, when its own promise is durable. */
  reportOwn(): void {
    const state = this.#state;
    const window = state.window;
    for (let slot = window.base; slot < window.nextSlot; slot++) {
      const i = window.index(slot);
      if (window.recorded[i] === 0) continue;
      const ballot = window.learned[i] === 1 ? BALLOT_CHOSEN : (window.voteBallot[i] as Ballot);
      this.report(slot, state.selfBit, ballot, window.valueLength[i] as number, window.valueCrc[i] as number);
    }
  }

  /** A new attempt of a member forgets what was counted of its older answers (I9). */
  isCurrentAttempt(from: MemberIndex, attempt: number): boolean {
    const known = this.#attempts[from] as number;
    if (attempt < known) return false;
    if (attempt > known) {
      this.#attempts[from] = attempt;
      this.#reports[from] = 0;
      this.#state.window.clearReportsOf(1 << from);
    }
    return true;
  }
}
