/** The volatile device. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDevice } from '../../../src/log/memory-device.ts';

const test = suite('log/memory-device');

test('says that it is not durable', () => {
  const device = new MemoryDevice();
  assert.equal([device.name, device.durable, device.error()], ['memory', false, 0]);
});

test('counts every submission at once', () => {
  const device = new MemoryDevice();
  for (let n = 0; n < 3; n++) device.submit();
  assert.is(device.durableCount(), 3);
});

test('has no medium to read from', () => assert.throws(() => new MemoryDevice().read(), /no medium/));

test.run();
