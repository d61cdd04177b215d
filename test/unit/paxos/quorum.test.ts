/** Quorums, majority and flexible. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MEMBERS_MAX } from '../../../src/limits.ts';
import { majority, Quorums } from '../../../src/paxos/quorum.ts';

const test = suite('paxos/quorum');

test('two majorities always meet', () => {
  for (let members = 1; members <= MEMBERS_MAX; members++) assert.ok(2 * majority(members) > members);
});

test('a set is a quorum by the number of its members', () => {
  const quorums = new Quorums(3);
  assert.not(quorums.isAcceptQuorum(0b001));
  assert.ok(quorums.isAcceptQuorum(0b101));
  assert.ok(quorums.isPrepareQuorum(0b110));
});

test('flexible quorums: a small accept quorum needs a large prepare quorum', () => {
  const quorums = new Quorums(5, 4, 2);
  assert.ok(quorums.isAcceptQuorum(0b00011));
  assert.not(quorums.isPrepareQuorum(0b00111));
  assert.not(quorums.isLeaderQuorum(0b00111));
});

test('quorums that would not meet are refused', () => assert.throws(() => new Quorums(5, 2, 3), /must meet/));

test.run();
