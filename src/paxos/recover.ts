/**
 * Rebuilds a replica's state from its log records, in log order, before its first step.
 * What is found is a prefix of what was appended, with all that was durable (I20). The last record of a slot wins: below the recovered commit watermark it is the chosen value, because a replica votes for
 * nothing else once it knows a slot chosen (A13) and its watermark passes only what it holds (L2).
 */
import { assert, CONTRACTS, ensures } from '../base/assert.ts';
import type { Ballot, Sequence, Slot } from '../base/types.ts';
import { ACCEPTOR_WINDOW_SLOTS } from '../limits.ts';
import { BALLOT_CHOSEN } from './ballot.ts';
import { ANSWERED_IN_EARLIER_LIFE, type ReplicaState } from './replica-state.ts';

/** The watermark of a record: everything below it was learned when it was written. */
export function recoverCommit(state: ReplicaState, commit: Slot): void {
  if (commit > state.window.base) state.window.advance(commit);
}

/** ensures W1: what is promised covers every promise and vote found so far, and no attempt of it is answered again (I1, I9) */
export function recoverPromise(state: ReplicaState, ballot: Ballot, sequence: Sequence): void {
  assert(ballot > 0 && ballot < BALLOT_CHOSEN, 'a promise names a ballot');
  if (ballot > state.promisedBallot) {
    state.promisedBallot = ballot;
    state.promiseSequence = sequence;
    state.answeredBallot = ballot;
    state.answeredAttempt = ANSWERED_IN_EARLIER_LIFE;
  }
  state.isRejoining = false;
  state.see(ballot);
  recoverSequence(state, sequence);
  if (CONTRACTS) {
    const isClosed = state.answeredBallot === state.promisedBallot && state.answeredAttempt > 0;
    ensures(state.promisedBallot >= ballot && isClosed, 'W1: a recovered promise is the highest, and answered');
  }
}

/** The hard state again; `truncationPoint`: everything below is in a published snapshot. Not a promise made: who forgot stays so. */
export function recoverMark(state: ReplicaState, ballot: Ballot, truncationPoint: Slot, sequence: Sequence): void {
  const wasRejoining = state.isRejoining;
  if (ballot > 0) recoverPromise(state, ballot, sequence);
  state.isRejoining = wasRejoining;
  if (truncationPoint > state.truncationPoint) state.truncationPoint = truncationPoint;
  recoverSequence(state, sequence);
}

/**
 * From here on records are missing: what was recovered so far is knowledge, not memory. A promise found behind it ends
 * this: while a replica rejoins it makes none.
 *
 * ensures W2: no vote is left, and nothing is recorded that was not learned (I21)
 */
export function recoverForgotten(state: ReplicaState): void {
  const window = state.window;
  for (let slot = window.base; slot < window.nextSlot; slot++) {
    const i = window.index(slot);
    window.voteBallot[i] = 0;
    window.recorded[i] = window.learned[i] as number;
    if (CONTRACTS) ensures(window.voteBallot[i] === 0, 'W2: who forgot has no votes');
  }
  state.isRejoining = true;
}

/**
 * A vote or, with ballot 0, a learned value.
 *
 * ensures W3: what stands in the window is this record, and a vote lies at or below the promise (I2, I20)
 */
export function recoverValue(
  state: ReplicaState,
  slot: Slot,
  ballot: Ballot,
  sequence: Sequence,
  length: number,
  crc: number,
): void {
  recoverSequence(state, sequence);
  if (ballot > 0) recoverPromise(state, ballot, sequence);
  const window = state.window;
  if (slot < window.base) return;
  assert(slot < window.base + ACCEPTOR_WINDOW_SLOTS, 'a recorded slot lies in the window of its time');
  const i = window.index(slot);
  window.valueLength[i] = length;
  window.valueCrc[i] = crc;
  window.recorded[i] = 1;
  window.occupy(slot);
  if (ballot > 0) {
    window.voteBallot[i] = ballot;
    window.voteSequence[i] = sequence;
  } else {
    window.learned[i] = 1;
  }
  if (CONTRACTS) {
    const isHeld = window.recorded[i] === 1 && window.nextSlot > slot;
    ensures(isHeld && (window.voteBallot[i] as Ballot) <= state.promisedBallot, 'W3: a vote implies its promise');
  }
}

/** Everything recovered is durable. */
export function recoverSequence(state: ReplicaState, sequence: Sequence): void {
  if (sequence > state.lastSequence) state.lastSequence = sequence;
  state.persistedSequence = state.lastSequence;
}
