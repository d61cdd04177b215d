import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AllocationMeter, freedBytes } from '../../../bench/allocation.ts';

const test = suite('bench allocation');

/** Big enough that collections run in between. */
const OBJECTS = 2_000_000;
/** Least size of an object with four fields: header, elements, properties, and the fields. */
const OBJECT_BYTES_MIN = 7 * 4;

const kept: { a: number; b: number; c: number; d: number }[] = [];

function allocate(count: number): void {
  for (let i = 0; i < count; i++) kept[i & 1023] = { a: i, b: i, c: i, d: i };
}

function measure(count: number): number {
  const meter = new AllocationMeter();
  meter.start();
  allocate(count);
  return meter.stop();
}

test('bytes that collections freed are counted', () => {
  measure(OBJECTS);
  const perObject = measure(OBJECTS) / OBJECTS;
  assert.ok(perObject >= OBJECT_BYTES_MIN && perObject < 4 * OBJECT_BYTES_MIN, `${perObject} bytes per object`);
});

test('where nothing is allocated, next to nothing is counted', () => {
  measure(0);
  const bytes = measure(0);
  assert.ok(Math.abs(bytes) < OBJECTS / 1000, `${bytes} bytes`);
});

test('freed bytes are the sum over the collections', () => {
  const collection = (before: number, after: number) => ({
    beforeGC: { heapStatistics: { usedHeapSize: before } },
    afterGC: { heapStatistics: { usedHeapSize: after } },
  });
  assert.is(freedBytes([]), 0);
  assert.is(freedBytes([collection(100, 40), collection(90, 80)]), 70);
});

test.run();
