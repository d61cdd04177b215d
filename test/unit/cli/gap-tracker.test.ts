import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GapTracker } from '../../../src/cli/gap-tracker.ts';

const test = suite('gap tracker');

test('without a kill there is neither fail-over nor gap', () => {
  const tracker = new GapTracker(2, 0);
  tracker.acknowledged(0, 50);
  tracker.finish(99);
  assert.is(tracker.failoverMsMax, null);
  assert.is(tracker.otherShardsMaxGapMs, null);
});

test('fail-over lasts from the kill to the first acknowledgement after the worker is gone', () => {
  const tracker = new GapTracker(2, 0);
  tracker.killed([0], 100);
  tracker.acknowledged(0, 101); // what the dead leader had completed
  tracker.arm();
  assert.is(tracker.failoverMsMax, null);
  tracker.acknowledged(0, 400);
  tracker.acknowledged(0, 900);
  assert.is(tracker.failoverMs(0), 300);
  assert.is(tracker.failoverMs(1), undefined);
  assert.is(tracker.failoverMsMax, 300);
});

test('the slowest led shard counts, and one that never came back is no figure', () => {
  const tracker = new GapTracker(3, 0);
  tracker.killed([0, 2], 10);
  tracker.arm();
  tracker.acknowledged(0, 30);
  assert.is(tracker.failoverMsMax, null);
  tracker.acknowledged(2, 110);
  assert.is(tracker.failoverMsMax, 100);
});

test('gaps of other shards count from the last acknowledgement, also across the kill', () => {
  const tracker = new GapTracker(3, 0);
  tracker.acknowledged(1, 500); // a long silence before the kill is not the kill's
  tracker.acknowledged(2, 995);
  tracker.killed([0], 1000);
  tracker.acknowledged(1, 1010);
  assert.is(tracker.otherShardsMaxGapMs, 510);
  tracker.acknowledged(2, 1600);
  assert.is(tracker.otherShardsMaxGapMs, 605);
});

test('silence of the killed shards is not the other shards silence', () => {
  const tracker = new GapTracker(2, 0);
  tracker.acknowledged(1, 90);
  tracker.killed([0], 100);
  tracker.acknowledged(1, 120);
  tracker.arm();
  tracker.acknowledged(0, 2000);
  assert.is(tracker.otherShardsMaxGapMs, 30);
});

test('a shard that stays silent to the end shows', () => {
  const tracker = new GapTracker(2, 0);
  tracker.killed([0], 100);
  tracker.finish(700);
  assert.is(tracker.otherShardsMaxGapMs, 700);
});

test('where every shard was led by the killed worker there is no other', () => {
  const tracker = new GapTracker(1, 0);
  tracker.killed([0], 100);
  assert.is(tracker.otherShardsMaxGapMs, null);
});

test.run();
