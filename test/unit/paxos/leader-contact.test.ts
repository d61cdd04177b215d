/** Heartbeat rounds. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CatchUp } from '../../../src/paxos/catch-up.ts';
import { LeaderContact } from '../../../src/paxos/leader-contact.ts';
import { Lease } from '../../../src/paxos/lease.ts';
import { HEARTBEAT_REPLY, REPLY_BURDENED, REPLY_STAMP } from '../../../src/paxos/message.ts';
import { A_AUX2 } from '../../../src/paxos/outbox.ts';
import { LEADER } from '../../../src/paxos/replica-state.ts';
import { drain, LEASE, makeState, message } from '../../support/core.ts';

function make(members = 3) {
  const state = makeState(0, members);
  state.promisedBallot = 5;
  state.role = LEADER;
  const contact = new LeaderContact(state, new Lease(state, LEASE));
  contact.reset();
  return { state, contact };
}

const test = suite('paxos/leader-contact');

test('Q2, I19: a round is confirmed by an accept quorum that answered it, not an earlier one (S20)', () => {
  const { contact } = make();
  const first = contact.beginRound(5);
  const second = contact.beginRound(5);
  contact.onReply(1, first, false);
  assert.is(contact.confirmedRound, first);
  contact.onReply(1, second, false);
  assert.is(contact.confirmedRound, second);
});

test('rounds of an earlier leadership confirm nothing', () => {
  const { contact } = make();
  const old = contact.beginRound(5);
  contact.reset();
  const confirmed = contact.confirmedRound;
  contact.onReply(1, old, false);
  assert.is(contact.confirmedRound, confirmed);
});

test('five members: two answers and the leader', () => {
  const { contact } = make(5);
  const round = contact.beginRound(5);
  contact.onReply(1, round, false);
  assert.ok(contact.confirmedRound < round);
  contact.onReply(2, round, false);
  assert.is(contact.confirmedRound, round);
});

test('Q2: answers to different rounds confirm the oldest of them', () => {
  const { contact } = make(5);
  const first = contact.beginRound(5);
  const second = contact.beginRound(5);
  contact.onReply(1, first, false);
  contact.onReply(2, second, false);
  assert.is(contact.confirmedRound, first);
});

test('Q3, I18: without answers for an election timeout there is no quorum', () => {
  const { state, contact } = make();
  contact.beginRound(5);
  drain(state.outbox);
  state.tick += 41;
  assert.not(contact.hasQuorum());
  contact.onContact(2);
  assert.ok(contact.hasQuorum());
});

test('the successor is fit: it answered lately, carries no burden, and knows most chosen', () => {
  const { state, contact } = make(4);
  const catchUp = new CatchUp(state);
  assert.is(contact.successor(catchUp), 1, 'a leadership begins with trust');
  catchUp.note(1, 10);
  catchUp.note(2, 30);
  catchUp.note(3, 20);
  state.tick += 100;
  assert.is(contact.successor(catchUp), -1, 'nobody answered lately');
  const round = contact.beginRound(5);
  for (const member of [1, 2, 3]) contact.onReply(member, round, member === 2);
  assert.is(contact.successor(catchUp), 3);
  contact.onReply(2, round, false);
  assert.is(contact.successor(catchUp), 2, 'its burden is gone');
});

test('a single member confirms its own rounds', () => {
  const { contact } = make(1);
  assert.is(contact.beginRound(5), contact.confirmedRound);
});

test('a round asks for the lease, and whoever grants it adds to it (S21)', () => {
  const { state, contact } = make();
  const round = contact.beginRound(5);
  assert.not(contact.lease.holds());
  contact.onReply(1, round, false);
  assert.not(contact.lease.holds(), 'an answer without a grant');
  contact.onReply(1, round, false, 1);
  assert.ok(contact.lease.holds());
  contact.reset();
  assert.not(contact.lease.holds(), 'an earlier leadership');
  assert.is(state.outbox.words[A_AUX2], LEASE.leaseMs);
});

test('before leadership is handed over the lease is given up (S21)', () => {
  const { state, contact } = make();
  contact.onReply(1, contact.beginRound(5), false, 1);
  drain(state.outbox);
  contact.transfer(5, 2);
  const [transfer] = drain(state.outbox);
  assert.equal([transfer?.kind, transfer?.to, transfer?.ballot], ['TRANSFER', 0b100, 5]);
  assert.not(contact.lease.holds());
  contact.onReply(1, contact.beginRound(5), false, 1);
  assert.not(contact.lease.holds(), 'nor does a later round bring it back');
});

test('an answer says in one number whether others should lead, and the clock of who grants the lease', () => {
  const { state, contact } = make();
  const round = contact.beginRound(5);
  const stamp = 2 ** 40;
  contact.onAnswer(message(HEARTBEAT_REPLY, { from: 1, aux: round, aux2: REPLY_STAMP * stamp + REPLY_BURDENED }));
  assert.is(contact.confirmedRound, round);
  assert.ok(contact.lease.holds());
  assert.is(contact.successor(new CatchUp(state)), 2);
});

test('Q1: a round cannot be answered before it began', () => {
  const { contact } = make();
  assert.throws(() => contact.onReply(1, 99, false), /after it began/);
});

test.run();
