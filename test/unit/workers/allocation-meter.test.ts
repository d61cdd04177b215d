/** Bytes allocated in between, whatever the collector did. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { collectGarbage } from '../../../src/cli/collect-garbage.ts';
import { AllocationMeter } from '../../../workers/allocation-meter.ts';

/** Bytes that one array of doubles takes on the heap; small enough not to be a large object. */
const ARRAY_BYTES = 8 * 1000;
let sink: number[] = [];

function allocate(arrays: number): void {
  for (let n = 0; n < arrays; n++) sink = new Array<number>(1000).fill(n + 0.5);
}

function measure(action: () => void): number {
  const meter = new AllocationMeter();
  collectGarbage();
  meter.start(0);
  action();
  const { bytes } = meter.stop(0);
  return bytes;
}

const test = suite('workers/allocation-meter');

test.before(() => allocate(3000));

test('counts what was allocated and is still there, and what collections freed since', () => {
  const wanted = 4000 * ARRAY_BYTES;
  const bytes = measure(() => {
    allocate(2000);
    collectGarbage();
    allocate(2000);
    collectGarbage();
  });
  assert.ok(sink.length > 0);
  assert.ok(bytes > 0.9 * wanted, `${bytes} of ${wanted} bytes`);
  assert.ok(bytes < 1.5 * wanted, `${bytes} of ${wanted} bytes`);
});

test('a collection alone is no allocation', () => {
  const bytes = measure(() => {
    collectGarbage();
    collectGarbage();
  });
  assert.ok(Math.abs(bytes) < 500_000, `${bytes} bytes`);
});

test('commands are those since the start', () => {
  const meter = new AllocationMeter();
  meter.start(100);
  assert.is(meter.stop(175).commands, 75);
});

test('each measurement begins anew', () => {
  const meter = new AllocationMeter();
  meter.start(0);
  allocate(2000);
  meter.stop(0);
  collectGarbage();
  meter.start(40);
  const { bytes, commands } = meter.stop(40);
  assert.is(commands, 0);
  assert.ok(Math.abs(bytes) < 1_000_000, `${bytes} bytes`);
});

test.run();
