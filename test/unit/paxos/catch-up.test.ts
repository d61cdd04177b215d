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

test('K1: nothing below the truncation point', () => {
  const { state, catchUp } = make();
  state.window.advance(100);
  state.truncationPoint = 50;
  catchUp.onFetch(message(FETCH, { slot: 49, aux: 60 }));
  assert.is(state.outbox.count, 0);
});

test('a replica without progress asks the member that is furthest ahead', () => {
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
