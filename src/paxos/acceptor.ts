/**
 * The acceptor: promises and votes. Safety-critical; knows nothing of time.
 * Paxos Made Simple, section 2.2: phase 1 (b) and phase 2 (b).
 * @hot
 */
import { assert, CONTRACTS, ensures, requires } from '../base/assert.ts';
import type { Ballot, MemberIndex, Sequence, Slot } from '../base/types.ts';
import { BALLOT_CHOSEN } from './ballot.ts';
import {
  ACCEPT,
  ACCEPTED,
  M_AUX2,
  M_BALLOT,
  M_FROM,
  M_KIND,
  M_SLOT,
  M_VALUE_CRC,
  M_VALUE_LENGTH,
  PREPARE,
  PROMISE,
  PROMISE_VOTE,
  REJECT,
} from './message.ts';
import {
  A_AUX,
  A_AUX2,
  A_BALLOT,
  A_COMMIT,
  A_FLAGS,
  A_SEQUENCE,
  A_SLOT,
  A_VALUE_CRC,
  A_VALUE_LENGTH,
  PERSIST_PROMISE,
  PERSIST_VOTE,
  VALUE_NOOP,
  VALUE_RECORDED,
  VALUE_STAGED,
} from './outbox.ts';
import { ANSWERED_IN_EARLIER_LIFE, type ReplicaState } from './replica-state.ts';

export class Acceptor {
  readonly #state: ReplicaState;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  /**
   * Raises the promise to `ballot` and emits its record. Returns the persist sequence an answer must wait for.
   *
   * requires A1: ballot >= promisedBallot (I1)
   * ensures  A2: promisedBallot = ballot
   * ensures  A3: a new promise has a new persist sequence (I4)
   */
  promise(ballot: Ballot): Sequence {
    const state = this.#state;
    if (CONTRACTS) requires(ballot >= state.promisedBallot, 'A1: a promise never decreases');
    assert(ballot > 0 && ballot < BALLOT_CHOSEN, 'not a ballot');
    if (ballot > state.promisedBallot) {
      const before = state.promiseSequence;
      state.promisedBallot = ballot;
      state.see(ballot);
      state.promiseSequence = state.nextSequence();
      const at = state.outbox.begin(PERSIST_PROMISE, 0, 0);
      const words = state.outbox.words;
      words[at + A_BALLOT] = ballot;
      words[at + A_SEQUENCE] = state.promiseSequence;
      words[at + A_COMMIT] = state.commitWatermark;
      if (CONTRACTS) ensures(state.promiseSequence > before, 'A3: a new promise is persisted anew');
    }
    if (CONTRACTS) ensures(state.promisedBallot === ballot, 'A2: the ballot is promised');
    return state.promiseSequence;
  }

  /**
   * Phase 1b. Returns true when the ballot is promised (the caller steps down if it led).
   *
   * requires A4: kind is PREPARE
   * ensures  A5: a lower ballot than the promise changes nothing and is rejected
   * ensures  A6: otherwise the promise equals the ballot, and every vote at or above the asked slot is reported
   * ensures  A7: every answer waits for all that was persisted so far (I4)
   * ensures  A17: an attempt is answered once, so that two answers can never be taken for one (I9)
   */
  onPrepare(message: Float64Array): boolean {
    const state = this.#state;
    if (CONTRACTS) requires(message[M_KIND] === PREPARE, 'A4: not a PREPARE');
    const from = message[M_FROM] as MemberIndex;
    if ((message[M_BALLOT] as Ballot) < state.promisedBallot) {
      this.#reject(from, message[M_BALLOT] as Ballot);
      return false;
    }
    if (!this.#isNewAttempt(message)) return false;
    this.promise(message[M_BALLOT] as Ballot);
    const reported = this.#reportVotes(from, message[M_SLOT] as Slot, message[M_AUX2] as number);
    const at = state.send(PROMISE, 1 << from, state.lastSequence);
    const words = state.outbox.words;
    words[at + A_BALLOT] = state.promisedBallot;
    words[at + A_SLOT] = message[M_AUX2] as number;
    words[at + A_COMMIT] = state.commitWatermark;
    words[at + A_AUX] = reported;
    words[at + A_AUX2] = state.truncationPoint;
    if (CONTRACTS) ensures(state.promisedBallot === message[M_BALLOT], 'A6: the ballot is promised');
    return true;
  }

  /** False for a duplicate. After a restart nobody knows which attempts of the promised ballot were answered: a fresh ballot is asked for. */
  #isNewAttempt(message: Float64Array): boolean {
    const state = this.#state;
    const ballot = message[M_BALLOT] as Ballot;
    const attempt = message[M_AUX2] as number;
    assert(ballot >= state.answeredBallot, 'an answered ballot was promised');
    if (ballot === state.answeredBallot && attempt <= state.answeredAttempt) {
      if (state.answeredAttempt === ANSWERED_IN_EARLIER_LIFE) this.#reject(message[M_FROM] as MemberIndex, ballot);
      return false;
    }
    state.answeredBallot = ballot;
    state.answeredAttempt = attempt;
    return true;
  }

  /** One PROMISE_VOTE per held value at or above `first`; COMMIT carries the candidate's attempt number. Returns how many. */
  #reportVotes(to: MemberIndex, first: Slot, attempt: number): number {
    const state = this.#state;
    const window = state.window;
    const words = state.outbox.words;
    let reported = 0;
    for (let slot = first > window.base ? first : window.base; slot < window.nextSlot; slot++) {
      const i = window.index(slot);
      if (window.recorded[i] === 0) continue;
      const at = state.send(PROMISE_VOTE, 1 << to, state.lastSequence);
      words[at + A_BALLOT] = state.promisedBallot;
      words[at + A_SLOT] = slot;
      words[at + A_COMMIT] = attempt;
      words[at + A_AUX] = window.learned[i] === 1 ? BALLOT_CHOSEN : (window.voteBallot[i] as number);
      words[at + A_VALUE_LENGTH] = window.valueLength[i] as number;
      words[at + A_VALUE_CRC] = window.valueCrc[i] as number;
      reported += 1;
    }
    return reported;
  }

  /**
   * Phase 2b. Returns true when the message is of the leader of the promised ballot (so it counts as a sign of life).
   *
   * requires A8: kind is ACCEPT
   * ensures  A9: a lower ballot than the promise gets REJECT and no vote
   * ensures  A10: no vote below the commit watermark or above the window; the sender learns our watermark instead
   * ensures  A11: after a vote: voteBallot = ballot, the value is the message's, promisedBallot = ballot (I2)
   * ensures  A12: same ballot, same slot, other value throws; never an overwrite (I3)
   * ensures  A13: a slot known chosen is voted for only with the chosen value (I12)
   * ensures  A14: ACCEPTED waits for the vote's own record, also for a duplicate (I4)
   */
  onAccept(message: Float64Array): boolean {
    const state = this.#state;
    const window = state.window;
    if (CONTRACTS) requires(message[M_KIND] === ACCEPT, 'A8: not an ACCEPT');
    const from = message[M_FROM] as MemberIndex;
    const slot = message[M_SLOT] as Slot;
    if ((message[M_BALLOT] as Ballot) < state.promisedBallot) {
      this.#reject(from, message[M_BALLOT] as Ballot);
      return false;
    }
    if (slot < window.base) {
      this.#accepted(from, message[M_BALLOT] as Ballot, slot, slot, 0);
      return true;
    }
    if (!window.contains(slot)) return true;
    const i = window.index(slot);
    const same = state.holdsValueOf(slot, message);
    if (window.learned[i] === 1 && !same) return true;
    if (window.voteBallot[i] === message[M_BALLOT]) {
      assert(same, 'A12: another value at the same ballot and slot');
    } else {
      this.#vote(slot, same, message);
    }
    this.#accepted(from, message[M_BALLOT] as Ballot, slot, slot + 1, window.voteSequence[i] as number);
    if (CONTRACTS) ensures(window.voteBallot[i] === message[M_BALLOT], 'A11: the vote is at the ballot');
    if (CONTRACTS)
      ensures(state.promisedBallot >= (window.voteBallot[i] as number), 'A11: a vote never exceeds the promise');
    return true;
  }

  /** A vote implies the promise of its ballot: no record of its own, which would stand in the way of the staged value. */
  #vote(slot: Slot, same: boolean, message: Float64Array): void {
    const state = this.#state;
    const length = message[M_VALUE_LENGTH] as number;
    const raises = (message[M_BALLOT] as Ballot) > state.promisedBallot;
    if (raises) state.promisedBallot = message[M_BALLOT] as Ballot;
    const source = same ? VALUE_RECORDED : length === 0 ? VALUE_NOOP : VALUE_STAGED;
    this.recordVote(slot, length, message[M_VALUE_CRC] as number, source);
    if (raises) state.promiseSequence = state.lastSequence;
  }

  /**
   * Records this replica's vote at the promised ballot and emits its record.
   *
   * requires A15: no vote of this slot at this ballot exists (I3)
   * ensures  A16: the vote's persist sequence is new
   */
  recordVote(slot: Slot, length: number, crc: number, source: number): void {
    const state = this.#state;
    const window = state.window;
    const i = window.index(slot);
    if (CONTRACTS)
      requires((window.voteBallot[i] as number) < state.promisedBallot, 'A15: one vote per ballot and slot');
    assert(length > 0 || source !== VALUE_STAGED, 'a no-op has no staged value');
    window.voteBallot[i] = state.promisedBallot;
    window.valueLength[i] = length;
    window.valueCrc[i] = crc;
    window.recorded[i] = 1;
    window.voteSequence[i] = state.nextSequence();
    window.occupy(slot);
    const at = state.outbox.begin(PERSIST_VOTE, 0, 0);
    const words = state.outbox.words;
    words[at + A_BALLOT] = state.promisedBallot;
    words[at + A_SLOT] = slot;
    words[at + A_COMMIT] = state.commitWatermark;
    words[at + A_VALUE_LENGTH] = length;
    words[at + A_VALUE_CRC] = crc;
    words[at + A_SEQUENCE] = state.lastSequence;
    words[at + A_FLAGS] = source;
    if (CONTRACTS) ensures(window.voteSequence[i] === state.lastSequence, 'A16: the vote has its own sequence');
  }

  #accepted(to: MemberIndex, ballot: Ballot, slot: Slot, end: Slot, sequence: Sequence): void {
    const state = this.#state;
    const at = state.send(ACCEPTED, 1 << to, sequence);
    const words = state.outbox.words;
    words[at + A_BALLOT] = ballot;
    words[at + A_SLOT] = slot;
    words[at + A_AUX] = end;
    words[at + A_COMMIT] = state.commitWatermark;
  }

  #reject(to: MemberIndex, ballot: Ballot): void {
    const state = this.#state;
    const at = state.send(REJECT, 1 << to, state.promiseSequence);
    const words = state.outbox.words;
    words[at + A_BALLOT] = ballot;
    words[at + A_AUX] = state.promisedBallot;
    words[at + A_COMMIT] = state.commitWatermark;
  }
}
