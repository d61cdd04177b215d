import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GapTracker } from '../../../src/cli/gap-tracker.ts';

/** Takes the time with each call. */
class TimedTracker extends GapTracker {
  readonly #clock: Float64Array;

  constructor(shards: number) {
    const clock = new Float64Array(1);
    super(shards, clock);
    this.#clock = clock;
  }

  at(ms: number): this {
    this.#clock[0] = ms;
    return this;
  }
}

const test = suite('gap tracker');

test('without a kill there is neither fail-over nor gap', () => {
  const tracker = new TimedTracker(2);
  tracker.at(50).acknowledged(0);
  tracker.at(99).finish();
  assert.is(tracker.failoverMsMax, null);
  assert.is(tracker.otherShardsMaxGapMs, null);
});

test('fail-over lasts from the kill to the first acknowledgement after the worker is gone', () => {
  const tracker = new TimedTracker(2);
  tracker.at(100).killed([0]);
  tracker.at(101).acknowledged(0); // what the dead leader had completed
  tracker.arm();
  assert.is(tracker.failoverMsMax, null);
  tracker.at(400).acknowledged(0);
  tracker.at(900).acknowledged(0);
  assert.is(tracker.failoverMs(0), 300);
  assert.is(tracker.failoverMs(1), undefined);
  assert.is(tracker.failoverMsMax, 300);
});

test('the slowest led shard counts, and one that never came back is no figure', () => {
  const tracker = new TimedTracker(3);
  tracker.at(10).killed([0, 2]);
  tracker.arm();
  tracker.at(30).acknowledged(0);
  assert.is(tracker.failoverMsMax, null);
  tracker.at(110).acknowledged(2);
  assert.is(tracker.failoverMsMax, 100);
});

test('gaps of other shards count from the last acknowledgement, also across the kill', () => {
  const tracker = new TimedTracker(3);
  tracker.at(500).acknowledged(1); // a long silence before the kill is not the kill's
  tracker.at(995).acknowledged(2);
  tracker.at(1000).killed([0]);
  tracker.at(1010).acknowledged(1);
  assert.is(tracker.otherShardsMaxGapMs, 510);
  tracker.at(1600).acknowledged(2);
  assert.is(tracker.otherShardsMaxGapMs, 605);
});

test('silence of the killed shards is not the other shards silence', () => {
  const tracker = new TimedTracker(2);
  tracker.at(90).acknowledged(1);
  tracker.at(100).killed([0]);
  tracker.at(120).acknowledged(1);
  tracker.arm();
  tracker.at(2000).acknowledged(0);
  assert.is(tracker.otherShardsMaxGapMs, 30);
});

test('a shard that stays silent to the end shows', () => {
  const tracker = new TimedTracker(2);
  tracker.at(100).killed([0]);
  tracker.at(700).finish();
  assert.is(tracker.otherShardsMaxGapMs, 700);
});

test('where every shard was led by the killed worker there is no other', () => {
  const tracker = new TimedTracker(1);
  tracker.at(100).killed([0]);
  assert.is(tracker.otherShardsMaxGapMs, null);
});

test.run();
