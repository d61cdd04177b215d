import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freedBytes, HeapMeter } from '../../../src/cli/heap-meter.ts';

const test = suite('heap meter');

const collection = (before: number, after: number) => ({
  beforeGC: { heapStatistics: { usedHeapSize: before } },
  afterGC: { heapStatistics: { usedHeapSize: after } },
});

test('what every collection freed is added up', () => {
  assert.is(freedBytes([]), 0);
  assert.is(freedBytes([collection(100, 30), collection(50, 45)]), 75);
});

test('garbage that was collected meanwhile is seen', () => {
  const meter = new HeapMeter();
  meter.start();
  let last: number[] = [];
  for (let n = 0; n < 100_000; n++) last = [n, n + 1, n + 2, n + 3, last.length, n, n, n, n, n];
  const bytes = meter.stop();
  assert.is(last.length, 10);
  assert.ok(bytes > 100_000 * 8 * 4, `${bytes} bytes seen`);
});

test('a meter that does not run says 0', () => {
  const meter = new HeapMeter();
  assert.is(meter.isRunning, false);
  assert.is(meter.stop(), 0);
});

test.run();
