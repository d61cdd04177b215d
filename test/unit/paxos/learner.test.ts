/** The learner's contracts. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Acceptor } from '../../../src/paxos/acceptor.ts';
import { makeBallot } from '../../../src/paxos/ballot.ts';
import { Learner } from '../../../src/paxos/learner.ts';
import { ACCEPT, LEARNED } from '../../../src/paxos/message.ts';
import { drain, makeState, message } from '../../support/core.ts';

const LOW = makeBallot(1, 2);
const HIGH = makeBallot(2, 3);

function make(isSame?: () => boolean) {
  const state = makeState(0, 3, isSame);
  const acceptor = new Acceptor(state);
  const vote = (ballot: number, slot: number): boolean =>
    acceptor.onAccept(message(ACCEPT, { ballot, slot, length: 8, crc: 1 }));
  return { state, vote, learner: new Learner(state) };
}

const learned = (slot: number, length = 8, crc = 1) => message(LEARNED, { slot, length, crc });

const test = suite('paxos/learner');

test('I11: a watermark learns only where the vote is of the same ballot (S5)', () => {
  const { state, vote, learner } = make();
  vote(LOW, 0);
  vote(HIGH, 1);
  learner.hear(HIGH, 2);
  assert.is(state.commitWatermark, 0);
  learner.onLearned(learned(0));
  assert.is(state.commitWatermark, 2);
});

test('L2, I13: the watermark passes learned slots without a gap, and says so once', () => {
  const { state, vote, learner } = make();
  for (const slot of [0, 1, 3]) vote(LOW, slot);
  drain(state.outbox);
  learner.hear(LOW, 4);
  assert.is(state.commitWatermark, 2);
  assert.equal(
    drain(state.outbox).map(({ op, commit }) => [op, commit]),
    [['COMMIT', 2]],
  );
});

test('L1: an older ballot is not heard again, and a watermark of one ballot only grows', () => {
  const { state, learner } = make();
  learner.hear(HIGH, 7);
  learner.hear(HIGH, 5);
  assert.is(state.heardCommit, 7);
  learner.hear(HIGH + 2 ** 20, 3);
  assert.is(state.heardCommit, 3);
});

test('L3: a leader chooses only what it holds', () => {
  const { learner } = make();
  assert.throws(() => learner.choose(0), /L3/);
});

test('L5: a served value is recorded as learned, not as a vote', () => {
  const { state, learner } = make();
  learner.onLearned(learned(1));
  assert.equal(
    drain(state.outbox).map(({ op, slot }) => [op, slot]),
    [['PERSIST_LEARNED', 1]],
  );
  assert.is(state.window.voteBallot[1], 0);
  assert.is(state.window.learned[1], 1);
});

test('L5: a value that is here already is not recorded twice', () => {
  const { state, vote, learner } = make();
  vote(LOW, 0);
  drain(state.outbox);
  learner.onLearned(learned(0));
  assert.not(drain(state.outbox).some(({ op }) => op === 'PERSIST_LEARNED'));
  assert.is(state.commitWatermark, 1);
});

test('a learned value replaces a stale vote of another value', () => {
  const { state, vote, learner } = make();
  vote(LOW, 1);
  drain(state.outbox);
  learner.onLearned(learned(1, 9, 2));
  assert.equal([state.window.valueLength[1], state.window.valueCrc[1]], [9, 2]);
});

test('L6, I12: a chosen slot served with another value throws', () => {
  const { learner } = make();
  learner.onLearned(learned(1));
  assert.throws(() => learner.onLearned(learned(1, 9, 2)), /L6/);
});

test('L4: only a LEARNED teaches a chosen value', () => {
  const { learner } = make();
  assert.throws(() => learner.onLearned(message(ACCEPT, { slot: 0, length: 8, crc: 1 })), /L4/);
});

test.run();
