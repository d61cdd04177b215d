/** Book-keeping of submissions: order, limits, wrapping. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SUBMISSIONS_IN_FLIGHT_MAX } from '../../../src/limits.ts';
import { SubmissionQueue } from '../../../src/log/submission-queue.ts';

const test = suite('log/submission-queue');

test('submissions pass in order, for longer than the queue is', () => {
  const queue = new SubmissionQueue();
  for (let serial = 0; serial < 1000; serial++) {
    queue.push(serial % 4, 4096, 100 + serial, serial + 1, 2 ** 30 + serial);
    const entry = queue.first();
    assert.is(queue.sizeAt(entry), 100 + serial);
    queue.accept();
    if (queue.inFlight < 5) continue;
    const retired = queue.retire();
    assert.is(queue.segmentAt(retired), 2 ** 30 + serial - 4);
    assert.is(queue.recordsAt(retired), serial - 3);
    assert.is(queue.chunkAt(retired), (serial - 4) % 4);
  }
  assert.is(queue.inFlight, 4);
  assert.is(queue.waiting, 0);
});

test('many small or two large ones are in flight', () => {
  const small = new SubmissionQueue();
  for (let count = 0; count < SUBMISSIONS_IN_FLIGHT_MAX; count++) {
    assert.ok(small.canAccept);
    small.push(0, 0, 4096, 1, 0);
    small.accept();
  }
  assert.not(small.canAccept);
  small.retire();
  assert.ok(small.canAccept);
  const large = new SubmissionQueue();
  for (let count = 0; count < 2; count++) {
    assert.ok(large.canAccept);
    large.push(0, 0, 1 << 20, 1, 0);
    large.accept();
  }
  assert.not(large.canAccept);
});

test('refuses to hand out what is not there and to take what is empty', () => {
  const queue = new SubmissionQueue();
  assert.throws(() => queue.first(), /waits/);
  assert.throws(() => queue.accept(), /waits/);
  assert.throws(() => queue.retire(), /in flight/);
  assert.throws(() => queue.push(0, 0, 64, 0, 0), /holds records/);
});

test.run();
