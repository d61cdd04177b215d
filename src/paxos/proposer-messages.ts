/**
 * What a proposer says: PREPARE (1a), FETCH_VOTE for a value that phase 1 demands, ACCEPT (2a). Each in the proposer's ballot, to the members in `to`.
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { Ballot, Slot } from '../base/types.ts';
import { ACCEPT, FETCH_VOTE, PREPARE } from './message.ts';
import { A_AUX, A_AUX2, A_BALLOT, A_COMMIT, A_SLOT, A_VALUE_CRC, A_VALUE_LENGTH } from './outbox.ts';
import type { ReplicaState } from './replica-state.ts';

/** Waits for the own promise (I5). */
export function sendPrepare(state: ReplicaState, ballot: Ballot, attempt: number, to: number): void {
  const at = state.send(PREPARE, to, state.promiseSequence);
  const words = state.outbox.words;
  words[at + A_BALLOT] = ballot;
  words[at + A_SLOT] = state.commitWatermark;
  words[at + A_COMMIT] = state.commitWatermark;
  words[at + A_AUX] = state.releasedBallot;
  words[at + A_AUX2] = attempt;
}

/** Asks everybody else who reported the value. */
export function sendFetchVote(state: ReplicaState, ballot: Ballot, slot: Slot): void {
  const window = state.window;
  const i = window.index(slot);
  assert(window.reportedBallot[i] !== 0, 'only a reported value is asked for');
  window.sentTick[i] = state.tick;
  const at = state.send(FETCH_VOTE, (window.reportedHolders[i] as number) & ~state.selfBit, 0);
  const words = state.outbox.words;
  words[at + A_BALLOT] = ballot;
  words[at + A_SLOT] = slot;
  words[at + A_COMMIT] = state.commitWatermark;
  words[at + A_AUX] = window.reportedBallot[i] as Ballot;
}

/** Depends on nothing that must be durable first (S1). */
export function sendAccept(state: ReplicaState, ballot: Ballot, slot: Slot, to: number): void {
  const window = state.window;
  const i = window.index(slot);
  window.sentTick[i] = state.tick;
  if (to === 0) return;
  const at = state.send(ACCEPT, to, 0);
  const words = state.outbox.words;
  words[at + A_BALLOT] = ballot;
  words[at + A_SLOT] = slot;
  words[at + A_COMMIT] = state.commitWatermark;
  words[at + A_VALUE_LENGTH] = window.valueLength[i] as number;
  words[at + A_VALUE_CRC] = window.valueCrc[i] as number;
}
