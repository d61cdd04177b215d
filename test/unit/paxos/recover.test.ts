/** Rebuilding a replica's state from its log records. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  recoverCommit,
  recoverForgotten,
  recoverMark,
  recoverPromise,
  recoverSequence,
  recoverValue,
} from '../../../src/paxos/recover.ts';
import { makeState } from '../../support/core.ts';

const test = suite('paxos/recover');

test('I20: promise, votes, watermark and sequences are what the records say', () => {
  const state = makeState();
  recoverPromise(state, 7, 1);
  recoverValue(state, 0, 7, 2, 8, 1);
  recoverCommit(state, 1);
  recoverValue(state, 1, 7, 3, 9, 2);
  assert.equal(
    [state.promisedBallot, state.commitWatermark, state.lastSequence, state.persistedSequence],
    [7, 1, 3, 3],
  );
  assert.equal([state.window.voteBallot[1], state.window.valueLength[1], state.window.nextSlot], [7, 9, 2]);
});

test('W3: a vote implies the promise of its ballot', () => {
  const state = makeState();
  recoverPromise(state, 7, 1);
  recoverValue(state, 0, 9, 2, 8, 1);
  assert.is(state.promisedBallot, 9);
});

test('W1: a lower promise behind a higher one changes nothing', () => {
  const state = makeState();
  recoverPromise(state, 9, 1);
  recoverPromise(state, 7, 2);
  assert.equal([state.promisedBallot, state.promiseSequence, state.lastSequence], [9, 1, 2]);
});

test('the last record of a slot wins; a learned value is no vote', () => {
  const state = makeState();
  recoverValue(state, 0, 7, 1, 8, 1);
  recoverValue(state, 0, 0, 2, 9, 2);
  assert.equal([state.window.valueLength[0], state.window.learned[0], state.window.voteBallot[0]], [9, 1, 7]);
});

test('a mark is hard state, not a promise made: who forgot stays so', () => {
  const state = makeState();
  recoverForgotten(state);
  recoverMark(state, 7, 5, 1);
  assert.equal([state.promisedBallot, state.truncationPoint, state.lastSequence, state.isRejoining], [7, 5, 1, true]);
  recoverMark(state, 0, 3, 2);
  assert.equal([state.promisedBallot, state.truncationPoint, state.lastSequence], [7, 5, 2]);
});

test('W2: who forgot has no votes left, and keeps what it learned', () => {
  const state = makeState();
  recoverValue(state, 0, 7, 1, 8, 1);
  recoverValue(state, 1, 0, 2, 9, 2);
  recoverForgotten(state);
  const { voteBallot, recorded, learned } = state.window;
  assert.equal([voteBallot[0], recorded[0], recorded[1], learned[1]], [0, 0, 1, 1]);
  assert.ok(state.isRejoining);
});

test('values below the watermark are not held in the window', () => {
  const state = makeState();
  recoverCommit(state, 5);
  recoverValue(state, 3, 7, 1, 8, 1);
  assert.is(state.window.recorded[3], 0);
});

test('I6: everything recovered has been seen, so the next ballot lies above it', () => {
  const state = makeState();
  recoverPromise(state, 2 ** 30, 1);
  assert.is(state.seenBallot, 2 ** 30);
  recoverSequence(state, 12);
  assert.is(state.persistedSequence, 12);
});

test.run();
