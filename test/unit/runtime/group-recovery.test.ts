/** What the records of a log mean to the group that finds them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RecoveredRecord } from '../../../src/log/log.ts';
import { KIND_FLOOR, KIND_LEARNED, KIND_PROMISE, KIND_VOTE, KIND_VOTE_AGAIN } from '../../../src/log/record.ts';
import { makeBallot } from '../../../src/paxos/ballot.ts';
import type { GroupDriver } from '../../../src/runtime/group-driver.ts';
import { recoverRecord } from '../../../src/runtime/group-recovery.ts';
import { makeState } from '../../support/core.ts';

const BALLOT = makeBallot(3, 2);

function record(kind: number, fields: Partial<RecoveredRecord> = {}): RecoveredRecord {
  return {
    kind,
    group: 4,
    epoch: 1,
    ballot: BALLOT,
    slot: 0,
    sequence: 1,
    commitWatermark: 0,
    valueLength: 32,
    valueCrc: 77,
    position: 4160,
    ...fields,
  };
}

/** A driver's state and index, without its effects. */
function make() {
  const state = makeState();
  const index: [number, number][] = [];
  const driver = { groupId: 4, replica: { state }, recoverIndex: (slot: number, at: number) => index.push([slot, at]) };
  return { state, index, recover: (found: RecoveredRecord) => recoverRecord(driver as unknown as GroupDriver, found) };
}

const test = suite('runtime/group-recovery');

test('a promise is kept, with the watermark that it was written under', () => {
  const { state, index, recover } = make();
  recover(record(KIND_PROMISE, { sequence: 9, commitWatermark: 5 }));
  assert.equal([state.promisedBallot, state.promiseSequence, state.seenBallot], [BALLOT, 9, BALLOT]);
  assert.equal([state.commitWatermark, state.lastSequence], [5, 9]);
  assert.equal(index, []);
});

test('a vote is a promise too, and its value stands at its record', () => {
  const { state, index, recover } = make();
  recover(record(KIND_VOTE, { slot: 2, sequence: 6 }));
  const i = state.window.index(2);
  assert.equal([state.promisedBallot, state.window.voteBallot[i]], [BALLOT, BALLOT]);
  assert.equal([state.window.valueLength[i], state.window.valueCrc[i], state.window.learned[i]], [32, 77, 0]);
  assert.equal(index, [[2, 4160]]);
});

test('a vote for a recorded value leaves the value where it is', () => {
  const { state, index, recover } = make();
  recover(record(KIND_VOTE, { slot: 2, sequence: 6 }));
  const higher = makeBallot(4, 1);
  recover(record(KIND_VOTE_AGAIN, { slot: 2, sequence: 7, ballot: higher, position: 8192 }));
  assert.is(state.window.voteBallot[state.window.index(2)], higher);
  assert.equal(index, [[2, 4160]]);
});

test('a learned value is chosen, and no vote (S5)', () => {
  const { state, index, recover } = make();
  recover(record(KIND_LEARNED, { slot: 1, sequence: 3 }));
  const i = state.window.index(1);
  assert.equal([state.window.learned[i], state.window.voteBallot[i], state.promisedBallot], [1, 0, 0]);
  assert.equal(index, [[1, 4160]]);
});

test('values below the watermark are found again, although the window is past them', () => {
  const { state, index, recover } = make();
  recover(record(KIND_VOTE, { slot: 0, sequence: 1, position: 4160 }));
  recover(record(KIND_VOTE, { slot: 1, sequence: 2, position: 4288, commitWatermark: 1 }));
  recover(record(KIND_LEARNED, { slot: 0, sequence: 3, position: 4416, commitWatermark: 1 }));
  assert.is(state.commitWatermark, 1);
  assert.equal(index.at(-1), [0, 4416]);
});

test('a record without meaning for a group only counts', () => {
  const { state, index, recover } = make();
  recover(record(KIND_FLOOR, { sequence: 8 }));
  assert.equal([state.lastSequence, state.promisedBallot, index.length], [8, 0, 0]);
});

test('unknown kinds, and the records of other groups, stop the recovery', () => {
  const { recover } = make();
  assert.throws(() => recover(record(99)), /every kind/);
  assert.throws(() => recover(record(KIND_VOTE, { group: 5 })), /its own group/);
});

test.run();
