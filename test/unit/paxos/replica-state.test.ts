/** What the roles share. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HEARTBEAT } from '../../../src/paxos/message.ts';
import { makeState } from '../../support/core.ts';

const test = suite('paxos/replica-state');

test('persist sequences count up', () => {
  const state = makeState();
  assert.equal([state.nextSequence(), state.nextSequence(), state.lastSequence], [1, 2, 2]);
});

test('I4: a send cannot depend on what was never persisted, nor go to itself', () => {
  const state = makeState();
  assert.throws(() => state.send(HEARTBEAT, 0b010, 1), /never persisted/);
  assert.throws(() => state.send(HEARTBEAT, 0b001, 0), /itself/);
});

test('the highest ballot seen is kept', () => {
  const state = makeState();
  state.see(9);
  state.see(4);
  assert.is(state.seenBallot, 9);
});

test.run();
