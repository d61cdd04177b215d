/** Answers to heartbeats. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Acceptor } from '../../../src/paxos/acceptor.ts';
import { FollowerContact } from '../../../src/paxos/follower-contact.ts';
import { Learner } from '../../../src/paxos/learner.ts';
import { LeasePromise } from '../../../src/paxos/lease-promise.ts';
import { ACCEPT, HEARTBEAT, REPLY_BURDENED, REPLY_STAMP } from '../../../src/paxos/message.ts';
import { A_AUX2, ACTION_FIELDS } from '../../../src/paxos/outbox.ts';
import { drain, LEASE, makeState, message } from '../../support/core.ts';

function make() {
  const state = makeState();
  const promise = new LeasePromise(state, LEASE);
  const contact = new FollowerContact(state, new Acceptor(state), new Learner(state), promise);
  return { state, promise, contact };
}

const test = suite('paxos/follower-contact');

test('H2: an answer waits for the promise of its ballot and names the round', () => {
  const { state, contact } = make();
  contact.answer(message(HEARTBEAT, { from: 1, ballot: 8, aux: 5 }));
  const [promised, reply] = drain(state.outbox);
  assert.is(promised?.op, 'PERSIST_PROMISE');
  assert.equal([reply?.kind, reply?.ballot, reply?.aux], ['HEARTBEAT_REPLY', 8, 5]);
  assert.is(reply?.sequence, promised?.sequence);
});

test('it says whether the lease is granted, by the clock', () => {
  const { state, promise, contact } = make();
  state.clock[0] = 41.9;
  contact.answer(message(HEARTBEAT, { from: 1, ballot: 8, aux: 5, aux2: LEASE.leaseMs }));
  assert.is(state.outbox.words[ACTION_FIELDS + A_AUX2], REPLY_STAMP * 42);
  assert.not(promise.allows(2, 0));
  drain(state.outbox);
  contact.answer(message(HEARTBEAT, { from: 1, ballot: 8, aux: 6, aux2: LEASE.leaseMs + 1 }));
  assert.is(state.outbox.words[A_AUX2], 0);
  drain(state.outbox);
  state.isBurdened = true;
  contact.answer(message(HEARTBEAT, { from: 1, ballot: 8, aux: 7 }));
  assert.is(state.outbox.words[A_AUX2], REPLY_BURDENED);
});

test('H1: nothing but a heartbeat is answered like one', () => {
  const { contact } = make();
  assert.throws(() => contact.answer(message(ACCEPT, { from: 1, ballot: 8 })), /H1/);
});

test('a leader of an earlier ballot is told of the promise', () => {
  const { state, contact } = make();
  state.promisedBallot = 9;
  contact.reject(1, 8);
  const [reject] = drain(state.outbox);
  assert.equal([reject?.kind, reject?.to, reject?.ballot, reject?.aux], ['REJECT', 0b010, 8, 9]);
});

test.run();
