/** When the next snapshot is due. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../../src/base/prng.ts';
import { SnapshotSchedule } from '../../../src/runtime/snapshot-schedule.ts';

const BYTES = 1000;
const MS = 60_000;

const make = (self = 0, seed = 1, options = {}): SnapshotSchedule =>
  new SnapshotSchedule({ everyBytes: BYTES, everyMs: MS, self, prng: new Prng(seed), ...options });

/** Log bytes at which it is due. */
function dueBytes(schedule: SnapshotSchedule, isLeader = false): number {
  for (let position = 0; ; position++) if (schedule.isDue(0, position, 0, isLeader)) return position;
}

const test = suite('runtime/snapshot-schedule');

test('due after so many bytes or so much time, whichever comes first', () => {
  const schedule = make();
  assert.not(schedule.isDue(0, BYTES - 1, 0, false));
  assert.ok(schedule.isDue(0, BYTES * 1.1, 0, false));
  assert.not(schedule.isDue(0, 0, MS - 1, false));
  assert.ok(schedule.isDue(0, 0, MS * 1.1, false));
  schedule.begun(BYTES, MS);
  assert.not(schedule.isDue(0, BYTES + 1, MS + 1, false));
});

test('followers first, each member at a moment of its own, and never twice the same', () => {
  for (let seed = 0; seed < 50; seed++) {
    const follower = dueBytes(make(0, seed));
    assert.ok(follower >= BYTES && follower <= BYTES * 1.1);
    assert.ok(dueBytes(make(0, seed), true) > BYTES * 1.2, 'a leader comes later');
    assert.ok(dueBytes(make(2, seed)) > dueBytes(make(1, seed)));
  }
  const moments = new Set(Array.from({ length: 20 }, (_, seed) => dueBytes(make(0, seed))));
  assert.ok(moments.size > 10);
});

test('one that waited for its turn makes the next one due as much earlier, by an interval at most', () => {
  for (const [waited, due] of [
    [300, 1100],
    [5000, 5100],
  ] as const) {
    const schedule = make(0, 1, { everyMs: 0 });
    assert.ok(schedule.isDue(0, 1100, 0, false));
    assert.ok(schedule.isDue(0, 1100 + waited, 0, false));
    schedule.begun(1100 + waited, 0);
    assert.not(schedule.isDue(0, due + BYTES - 1, 0, false));
    assert.ok(schedule.isDue(0, due + BYTES * 1.1, 0, false));
  }
});

test('at a start all the log that is kept counts', () => {
  assert.not(make().isDue(900, 1800, 0, false));
  assert.ok(make().isDue(900, 900 + BYTES * 1.1, 0, false));
});

test('either reason can be switched off', () => {
  assert.not(make(0, 1, { everyBytes: 0 }).isDue(0, 2 ** 50, 0, false));
  const schedule = make(0, 1, { everyMs: 0 });
  schedule.isDue(0, 0, 0, false);
  assert.not(schedule.isDue(0, 0, 2 ** 50, false));
});

test('after a failure again, later and later, whatever the log does', () => {
  const schedule = make();
  schedule.begun(0, 0);
  schedule.failed(1, 0);
  assert.not(schedule.isDue(0, BYTES * 10, 1999, false));
  assert.ok(schedule.isDue(0, 0, 2000, false));
  schedule.failed(4, 0);
  assert.not(schedule.isDue(0, 0, 15_999, false));
  assert.ok(schedule.isDue(0, 0, 16_000, false));
  schedule.failed(60, 0);
  assert.ok(schedule.isDue(0, 0, 300_000, false));
});

test.run();
