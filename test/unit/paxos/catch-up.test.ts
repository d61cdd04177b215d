/** Fetching and serving chosen values. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Acceptor } from '../../../src/paxos/acceptor.ts';
import { makeBallot } from '../../../src/paxos/ballot.ts';
import { CatchUp, FETCH_SLOTS_MAX } from '../../../src/paxos/catch-up.ts';
import { ACCEPT, FETCH, FETCH_VOTE } from '../../../src/paxos/message.ts';
import { drain, makeState, message } from '../../support/core.ts';

function make() {
  const state = makeState();
  return { state, acceptor: new Acceptor(state), catchUp: new CatchUp(state) };
}

const test = suite('paxos/catch-up');

test('K1, I14: serves chosen slots only, and a bounded number', () => {
  const { state, catchUp } = make();
  state.window.advance(100);
  catchUp.onFetch(message(FETCH, { slot: 90, aux: 200 }));
  const served = drain(state.outbox);
  assert.equal(
    served.map(({ slot }) => slot),
    Array.from({ length: 10 }, (_, i) => 90 + i),
  );
  catchUp.onFetch(message(FETCH, { slot: 0, aux: 100 }));
  assert.is(state.outbox.count, FETCH_SLOTS_MAX);
});

test('K1, K3: below the truncation point the newest snapshot is offered', () => {
  const { state, catchUp } = make();
  state.window.advance(100);
  catchUp.published(70, 1234, 50);
  catchUp.onFetch(message(FETCH, { slot: 49, aux: 60 }));
  assert.equal(
    drain(state.outbox).map(({ kind, slot, aux }) => [kind, slot, aux]),
    [['SNAPSHOT_OFFER', 70, 1234]],
  );
});

test('K4: what is not in a snapshot, or not chosen, is not truncated', () => {
  const { state, catchUp } = make();
  state.window.advance(100);
  assert.throws(() => catchUp.published(50, 1, 51), /K4/);
  assert.throws(() => catchUp.published(101, 1, 0), /follow one another/);
  catchUp.published(60, 1, 40);
  catchUp.published(80, 1, 30);
  assert.equal([state.truncationPoint, state.snapshotWatermark], [40, 80]);
});

test('K7: where the newest snapshot is damaged an older one is offered, and what was truncated stays so', () => {
  const { state, catchUp } = make();
  state.window.advance(100);
  catchUp.published(60, 10, 40);
  catchUp.published(80, 20, 40);
  assert.throws(() => catchUp.withdrawn(81, 1), /K7/);
  catchUp.withdrawn(60, 10);
  assert.equal([state.truncationPoint, state.snapshotWatermark, state.snapshotBytes], [40, 60, 10]);
  catchUp.onFetch(message(FETCH, { slot: 39, aux: 60 }));
  assert.equal(
    drain(state.outbox).map(({ kind, slot, aux }) => [kind, slot, aux]),
    [['SNAPSHOT_OFFER', 60, 10]],
  );
  catchUp.withdrawn(0, 0);
  catchUp.onFetch(message(FETCH, { slot: 39, aux: 60 }));
  assert.is(state.outbox.count, 0);
});

test('K5, K6: a snapshot brings the replica further, and leaves promise and later votes alone', () => {
  const { state, catchUp } = make();
  state.promisedBallot = 7;
  state.window.occupy(30);
  state.window.recorded[30] = 1;
  state.window.voteBallot[30] = 7;
  catchUp.install(20, 99);
  assert.equal([state.commitWatermark, state.truncationPoint, state.snapshotWatermark], [20, 20, 20]);
  assert.equal([state.promisedBallot, state.window.voteBallot[30]], [7, 7]);
  assert.throws(() => catchUp.install(20, 99), /K5/);
});

test('a mark carries the hard state under a sequence of its own', () => {
  const { state, catchUp } = make();
  state.promisedBallot = 7;
  state.window.advance(100);
  catchUp.published(70, 1, 50);
  const sequence = catchUp.mark();
  const [mark] = drain(state.outbox);
  assert.equal(
    [mark?.op, mark?.ballot, mark?.slot, mark?.commit, mark?.sequence],
    ['PERSIST_MARK', 7, 50, 100, sequence],
  );
});

test('K8: a replica without progress asks the member that is furthest ahead', () => {
  const { state, catchUp } = make();
  catchUp.note(1, 3);
  catchUp.note(2, 7);
  for (let n = 0; n < 20 && state.outbox.count === 0; n++) {
    state.tick += 1;
    catchUp.onTick();
  }
  const [fetch] = drain(state.outbox);
  assert.equal([fetch?.kind, fetch?.to, fetch?.slot, fetch?.aux], ['FETCH', 0b100, 0, 7]);
});

test('K9: who does not answer is not asked again before everybody else that is ahead', () => {
  const { state, catchUp } = make();
  catchUp.note(1, 5);
  catchUp.note(2, 3);
  const asked: number[] = [];
  for (let n = 0; n < 30; n++) {
    state.tick += 1;
    catchUp.onTick();
    asked.push(...drain(state.outbox).map(({ to }) => to));
  }
  assert.equal(asked.slice(0, 4), [0b10, 0b100, 0b10, 0b100]);
});

test('nobody is asked while nobody is ahead', () => {
  const { state, catchUp } = make();
  for (let n = 0; n < 50; n++) {
    state.tick += 1;
    catchUp.onTick();
  }
  assert.is(state.outbox.count, 0);
});

test('K2: serves the value of the named vote, to the leader that it promised', () => {
  const { state, acceptor, catchUp } = make();
  const vote = makeBallot(1, 2);
  acceptor.onAccept(message(ACCEPT, { ballot: vote, slot: 0, length: 8, crc: 1 }));
  acceptor.promise(makeBallot(2, 2));
  drain(state.outbox);
  catchUp.onFetchVote(message(FETCH_VOTE, { ballot: makeBallot(2, 2), slot: 0, aux: vote }));
  assert.equal(
    drain(state.outbox).map(({ kind, length }) => [kind, length]),
    [['VOTE_VALUE', 8]],
  );
  catchUp.onFetchVote(message(FETCH_VOTE, { ballot: makeBallot(2, 2), slot: 0, aux: vote + 1 }));
  catchUp.onFetchVote(message(FETCH_VOTE, { ballot: makeBallot(1, 3), slot: 0, aux: vote }));
  assert.is(state.outbox.count, 0);
});

test('a vote that has been chosen since is served as learned', () => {
  const { state, catchUp } = make();
  state.window.advance(5);
  catchUp.onFetchVote(message(FETCH_VOTE, { slot: 3 }));
  assert.is(drain(state.outbox)[0]?.kind, 'LEARNED');
});

test.run();
