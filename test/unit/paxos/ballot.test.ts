/** Packed ballots. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BALLOT_ROUND_MAX, NODE_ID_MAX } from '../../../src/limits.ts';
import { BALLOT_CHOSEN, ballotNode, ballotRound, makeBallot, nextBallot } from '../../../src/paxos/ballot.ts';

const test = suite('paxos/ballot');

test('round and node come back, at the bounds too', () => {
  for (const [round, node] of [
    [1, 1],
    [BALLOT_ROUND_MAX, NODE_ID_MAX],
    [5000, 7],
  ] as const) {
    assert.is(ballotRound(makeBallot(round, node)), round);
    assert.is(ballotNode(makeBallot(round, node)), node);
  }
});

test('ballots are ordered by round, then node, and every one lies below CHOSEN', () => {
  assert.ok(makeBallot(1, NODE_ID_MAX) < makeBallot(2, 1));
  assert.ok(makeBallot(2, 1) < makeBallot(2, 2));
  assert.ok(makeBallot(BALLOT_ROUND_MAX, NODE_ID_MAX) <= BALLOT_CHOSEN);
});

test('I6: the next ballot of a node is above any of the same round', () => {
  assert.ok(nextBallot(makeBallot(4, NODE_ID_MAX), 1) > makeBallot(4, NODE_ID_MAX));
});

test('node 0 and rounds beyond the bound are refused', () => {
  assert.throws(() => makeBallot(1, 0), /node id/);
  assert.throws(() => makeBallot(BALLOT_ROUND_MAX + 1, 1), /round/);
});

test.run();
