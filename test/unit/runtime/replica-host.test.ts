/** The duty cycle of whole replicas in one thread: election, commands, completions, fail-over, reads. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TYPE_QUERY } from '../../../src/memory/descriptor.ts';
import { InThreadCluster } from '../../support/in-thread-cluster.ts';
import { completions, ListMachine, open, put } from '../../support/list-lane.ts';

const lists = (cluster: InThreadCluster): number[][] => cluster.members.map((m) => (m.machine as ListMachine).list);

const test = suite('replica-host');

test('the preferred member leads, and commands are applied once and in order on every replica', () => {
  const cluster = new InThreadCluster(3, () => new ListMachine());
  cluster.ticks(20);
  assert.is(cluster.leader(), 0);
  const lane = cluster.lane('writes');
  open(cluster, lane, 0);
  for (let i = 0; i < 100; i++) put(lane, i);
  cluster.settle();
  const done = completions(lane, 0);
  assert.is(
    done.reduce((sum, run) => sum + run.count, 0),
    100,
  );
  cluster.ticks(10);
  const expected = Array.from({ length: 100 }, (_, i) => i);
  for (const list of lists(cluster)) assert.equal(list, expected);
  for (const member of cluster.members) assert.equal(member.errors, []);
});

test('after the leader is gone its shards get another, and what was sent again is applied once', () => {
  const cluster = new InThreadCluster(3, () => new ListMachine());
  cluster.ticks(20);
  const lane = cluster.lane('writes');
  open(cluster, lane, 0);
  for (let i = 0; i < 50; i++) put(lane, i);
  cluster.settle();
  const down = new Set([0]);
  cluster.ticks(200, down);
  const leader = cluster.leader(down);
  assert.ok(leader > 0, 'another member leads');
  for (let i = 50; i < 60; i++) put(lane, i);
  lane.writer.route(leader, cluster.members[leader]!.driver.replica.state.leadershipSerial);
  cluster.settle(down);
  cluster.ticks(10, down);
  const done = completions(lane, leader);
  assert.is(
    done.reduce((sum, run) => sum + run.count, 0),
    60,
  );
  const expected = Array.from({ length: 60 }, (_, i) => i);
  assert.equal(lists(cluster)[leader], expected);
  cluster.ticks(100);
  for (const list of lists(cluster)) assert.equal(list, expected);
});

test('a linearizable read sees everything acknowledged before it', () => {
  const cluster = new InThreadCluster(3, () => new ListMachine());
  cluster.ticks(20);
  const lane = cluster.lane('writes');
  open(cluster, lane, 0);
  for (let i = 0; i < 7; i++) put(lane, i);
  cluster.settle();
  const reads = cluster.lane('reads', 8);
  reads.writer.route(0, cluster.members[0]!.driver.replica.state.leadershipSerial);
  put(reads, 0, TYPE_QUERY);
  cluster.settle();
  assert.equal(completions(reads, 0), [{ first: 1, count: 1, status: 0, word: 7 }]);
});

test.run();
