import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreCluster } from '../../../bench/core-cluster.ts';

const test = suite('bench core cluster');

const SLOTS = 500;

function driven(seed: number): CoreCluster {
  const cluster = new CoreCluster(3, seed, 256);
  cluster.elect();
  for (let slots = 0; slots < SLOTS; ) {
    const proposed = cluster.propose(Math.min(64, SLOTS - slots), 100);
    assert.ok(proposed > 0, 'a settled leader has room');
    slots += proposed;
    cluster.settle();
  }
  cluster.tick();
  cluster.settle();
  return cluster;
}

test('every replica learns every slot', () => {
  const { replicas } = driven(1);
  const [leader] = replicas;
  assert.ok(leader.isLeader);
  assert.ok(leader.commitWatermark >= SLOTS);
  assert.ok(replicas[2].commitWatermark >= SLOTS - 64);
});

test('one seed, one run', () => {
  assert.is(driven(3).messages, driven(3).messages);
});

test('the window bounds what is proposed', () => {
  const cluster = new CoreCluster(3, 1, 8);
  cluster.elect();
  assert.is(cluster.propose(100, 100), 8);
  cluster.settle();
  assert.is(cluster.propose(100, 100), 8);
});

test('sends wait until their persist sequence is durable', () => {
  const cluster = new CoreCluster(3, 1, 8);
  cluster.elect();
  const before = cluster.replicas[0].commitWatermark;
  cluster.propose(1, 100);
  assert.is(cluster.replicas[0].commitWatermark, before, 'nothing is chosen by the proposal alone');
  cluster.settle();
  assert.is(cluster.replicas[0].commitWatermark, before + 1);
});

test.run();
