/** Heartbeat rounds. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LeaderContact } from '../../../src/paxos/leader-contact.ts';
import { drain, makeState } from '../../support/core.ts';

function make(members = 3) {
  const state = makeState(0, members);
  state.promisedBallot = 5;
  const contact = new LeaderContact(state);
  contact.reset();
  return { state, contact };
}

const test = suite('paxos/leader-contact');

test('I19: a round is confirmed by an accept quorum that answered it, not an earlier one (S20)', () => {
  const { contact } = make();
  const first = contact.beginRound(5);
  const second = contact.beginRound(5);
  contact.onReply(1, first);
  assert.is(contact.confirmedRound, first);
  contact.onReply(1, second);
  assert.is(contact.confirmedRound, second);
});

test('rounds of an earlier leadership confirm nothing', () => {
  const { contact } = make();
  const old = contact.beginRound(5);
  contact.reset();
  const confirmed = contact.confirmedRound;
  contact.onReply(1, old);
  assert.is(contact.confirmedRound, confirmed);
});

test('five members: two answers and the leader', () => {
  const { contact } = make(5);
  const round = contact.beginRound(5);
  contact.onReply(1, round);
  assert.ok(contact.confirmedRound < round);
  contact.onReply(2, round);
  assert.is(contact.confirmedRound, round);
});

test('I18: without answers for an election timeout there is no quorum', () => {
  const { state, contact } = make();
  contact.beginRound(5);
  drain(state.outbox);
  state.tick += 41;
  assert.not(contact.hasQuorum());
  contact.onContact(2);
  assert.ok(contact.hasQuorum());
});

test('a single member confirms its own rounds', () => {
  const { contact } = make(1);
  assert.is(contact.beginRound(5), contact.confirmedRound);
});

test('a round cannot be answered before it began', () => {
  const { contact } = make();
  assert.throws(() => contact.onReply(1, 99), /after it began/);
});

test.run();
