/** What a proposer says, to whom, and what it waits for. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sendAccept, sendFetchVote, sendPrepare } from '../../../src/paxos/proposer-messages.ts';
import { drain, makeState } from '../../support/core.ts';

const BALLOT = 7;
const test = suite('paxos/proposer-messages');

test('I5: PREPARE waits for the own promise, and names attempt, watermark and the ballot that let it campaign', () => {
  const state = makeState();
  state.promiseSequence = 3;
  state.lastSequence = 4;
  state.releasedBallot = 5;
  state.window.advance(9);
  sendPrepare(state, BALLOT, 2, 0b110);
  const [prepare] = drain(state.outbox);
  assert.equal(
    [prepare?.kind, prepare?.to, prepare?.ballot, prepare?.slot, prepare?.commit, prepare?.aux, prepare?.aux2],
    ['PREPARE', 0b110, BALLOT, 9, 9, 5, 2],
  );
  assert.is(prepare?.sequence, 3);
});

test('the value of a vote is asked from those who hold it, this member not among them', () => {
  const state = makeState();
  const { window } = state;
  state.tick = 12;
  assert.throws(() => sendFetchVote(state, BALLOT, 4), /only a reported value/);
  window.reportedBallot[window.index(4)] = 6;
  window.reportedHolders[window.index(4)] = 0b101;
  sendFetchVote(state, BALLOT, 4);
  const [fetch] = drain(state.outbox);
  assert.equal([fetch?.kind, fetch?.to, fetch?.slot, fetch?.aux], ['FETCH_VOTE', 0b100, 4, 6]);
  assert.is(window.sentTick[window.index(4)], 12);
});

test('ACCEPT waits for nothing (S1); where nobody is left to ask only the time is noted', () => {
  const state = makeState();
  const { window } = state;
  const i = window.index(2);
  window.valueLength[i] = 8;
  state.tick = 3;
  state.lastSequence = 5;
  sendAccept(state, BALLOT, 2, 0);
  assert.equal([drain(state.outbox).length, window.sentTick[i]], [0, 3]);
  sendAccept(state, BALLOT, 2, 0b10);
  const [accept] = drain(state.outbox);
  assert.equal([accept?.kind, accept?.to, accept?.slot, accept?.length, accept?.sequence], ['ACCEPT', 0b10, 2, 8, 0]);
});

test.run();
