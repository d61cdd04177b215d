import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../../src/base/clock.ts';

const test = suite('base/clock');

test('never goes backwards', () => {
  const clock = new SystemClock();
  let last = clock.nowMs();
  for (let i = 0; i < 100_000; i++) {
    const now = clock.nowMs();
    assert.ok(now >= last);
    last = now;
  }
});

test('readInto stores a reading between two calls of nowMs', () => {
  const clock = new SystemClock();
  const target = new Float64Array(3);
  const before = clock.nowMs();
  clock.readInto(target, 1);
  const after = clock.nowMs();
  assert.ok(target[1]! >= before && target[1]! <= after);
  assert.is(target[0], 0);
  assert.is(target[2], 0);
});

test('threads share the zero point', async () => {
  const url = JSON.stringify(new URL('../../../src/base/clock.js', import.meta.url).href);
  const reading = new Float64Array(new SharedArrayBuffer(8));
  const clock = new SystemClock();
  const before = clock.nowMs();
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     import(${url}).then(({ SystemClock }) => new SystemClock().readInto(workerData, 0));`,
    { eval: true, workerData: reading },
  );
  await new Promise((settle, reject) => worker.once('exit', settle).once('error', reject));
  const toleranceMs = 1; // what a preemption between the two readings of the constructor may cost is far less
  assert.ok(reading[0]! > before - toleranceMs && reading[0]! < clock.nowMs() + toleranceMs);
});

test.run();
