/** Readiness is a leader for every shard. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TargetStatus, unreadyShards } from '../../../src/engine/client-target.ts';

const test = suite('client-target');

const shards = (...leaders: number[]): TargetStatus['shards'] =>
  leaders.map((leader, shard) => ({ shard, leader, error: undefined }));

test('a cluster counts replicas from 0, a node counts nodes from 1', () => {
  assert.equal(unreadyShards({ shards: shards(0, 2, -1) }), [2]);
  assert.equal(unreadyShards({ id: 3, shards: shards(0, 2, 1) }), [0]);
});

test('a shard that stopped is not ready, whoever led it', () => {
  const [first] = shards(1);
  assert.equal(unreadyShards({ shards: [{ ...first, shard: 0, leader: 1, error: 'stopped' }] }), [0]);
});

test.run();
