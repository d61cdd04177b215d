/** Each checker fires on what it exists for. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Configuration } from '../../src/paxos/configuration.ts';
import { ACCEPTED, PROMISE } from '../../src/paxos/message.ts';
import { ReplicaState } from '../../src/paxos/replica-state.ts';
import { AgreementChecker, LeadershipChecker, MonotonyChecker, PersistenceChecker } from './checkers.ts';
import { History } from './history.ts';

const timing = {
  heartbeatTicks: 5,
  electionTimeoutTicks: 40,
  electionJitterTicks: 30,
  retryTicks: 10,
  windowSlotsMax: 32,
};
const makeState = (): ReplicaState => new ReplicaState(new Configuration(1, [1, 2, 3], 0), timing, () => true);
const write = (place: number, at: number, value = place): Parameters<History['add']>[0] => ({
  isRead: false,
  key: 1,
  value,
  invokedAt: at,
  respondedAt: at + 1,
  place,
});
const read = (place: number, at: number, value: number): Parameters<History['add']>[0] => ({
  isRead: true,
  key: 1,
  value,
  invokedAt: at,
  respondedAt: at + 1,
  place,
});

const test = suite('sim checkers');

test('agreement: two states at one watermark', () => {
  const checker = new AgreementChecker();
  checker.onApplied(0, 5, 111);
  checker.onApplied(1, 5, 111);
  assert.is(checker.violation, '');
  checker.onApplied(2, 5, 112);
  assert.match(checker.violation, /another state/);
});

test('persistence: a forgotten promise', () => {
  const checker = new PersistenceChecker(3);
  const state = makeState();
  checker.onAnswer(0, PROMISE, 7, 0, 0);
  state.promisedBallot = 7;
  checker.onRecovered(0, state);
  assert.is(checker.violation, '');
  state.promisedBallot = 6;
  checker.onRecovered(0, state);
  assert.match(checker.violation, /forgot its promise/);
});

test('persistence: a forgotten vote', () => {
  const checker = new PersistenceChecker(3);
  const state = makeState();
  state.promisedBallot = 7;
  checker.onAnswer(0, ACCEPTED, 7, 3, 4);
  state.window.voteBallot[3] = 7;
  checker.onRecovered(0, state);
  assert.is(checker.violation, '');
  state.window.voteBallot[3] = 6;
  checker.onRecovered(0, state);
  assert.match(checker.violation, /forgot its vote for slot 3/);
});

test('monotony: a promise that goes back', () => {
  const checker = new MonotonyChecker();
  const state = makeState();
  state.promisedBallot = 9;
  checker.onEvent(0, state);
  assert.is(checker.violation, '');
  state.promisedBallot = 8;
  checker.onEvent(0, state);
  assert.match(checker.violation, /promise went back/);
});

test('leadership: two leaders in one ballot', () => {
  const checker = new LeadershipChecker();
  checker.onLeader(0, 7);
  checker.onLeader(0, 7);
  assert.is(checker.violation, '');
  checker.onLeader(1, 7);
  assert.match(checker.violation, /both led/);
});

test('history: a read that misses an answered write', () => {
  const history = new History();
  history.add(write(1, 0));
  history.add(read(0, 5, 0));
  assert.match(history.judge(), /stale read/);
});

test('history: a read with the wrong value at its place', () => {
  const history = new History();
  history.add(write(1, 0, 42));
  history.add(read(1, 5, 41));
  assert.match(history.judge(), /the order says 42/);
});

test('history: a stale read, also where the witness lies', () => {
  const history = new History();
  history.add({ ...write(1, 10), value: 7 });
  history.add({ ...write(2, 20), value: 8 });
  history.add(read(3, 30, 9));
  history.add(read(4, 40, 8));
  history.pending.push({ ...write(0, 1, 9), respondedAt: Number.POSITIVE_INFINITY });
  assert.match(history.judge(), /order says|key 1 is not linearizable/);
});

test('history: two commands at one place', () => {
  const history = new History();
  history.add(write(1, 0));
  history.add(write(1, 0));
  assert.match(history.judge(), /two commands/);
});

test('history: a right one passes, unknown writes allowed for', () => {
  const history = new History();
  history.add(write(1, 0, 10));
  history.add(read(2, 5, 99));
  history.add(write(3, 6, 30));
  history.add(read(3, 9, 30));
  history.add(read(4, 11, 98));
  history.pending.push({ ...write(0, 10, 98), respondedAt: Number.POSITIVE_INFINITY });
  history.pending.push({ ...write(0, 1, 99), respondedAt: Number.POSITIVE_INFINITY });
  assert.is(history.judge(), '');
  assert.is(history.judgements, 1);
});

test.run();
