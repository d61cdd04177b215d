/** Configurations. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Configuration } from '../../../src/paxos/configuration.ts';
import { Quorums } from '../../../src/paxos/quorum.ts';

const test = suite('paxos/configuration');

test('knows its own node, its peers and who is who', () => {
  const configuration = new Configuration(1, [7, 8, 9], 1);
  assert.is(configuration.nodeId, 8);
  assert.is(configuration.peers, 0b101);
  assert.is(configuration.indexOf(9), 2);
  assert.is(configuration.indexOf(10), -1);
});

test('a node is a member once, this one is a member, epochs start at 1', () => {
  assert.throws(() => new Configuration(1, [7, 7], 0), /once/);
  assert.throws(() => new Configuration(1, [7], 1), /must be a member/);
  assert.throws(() => new Configuration(0, [7], 0), /epoch/);
});

test('quorums are of the same members', () => {
  assert.throws(() => new Configuration(1, [1, 2, 3], 0, new Quorums(5)), /another member count/);
});

test.run();
