/** The device without a medium: it takes everything, keeps nothing, and says so. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDevice } from '../../../src/log/memory-device.ts';
import { hasCode } from '../../support/device-suite.ts';

const test = suite('log/memory-device');

test('counts each submission at once, and claims no durability', () => {
  const device = new MemoryDevice();
  assert.is(device.durableCount(), 0);
  for (let n = 1; n <= 40; n++) {
    assert.ok(device.submit());
    assert.is(device.durableCount(), n);
  }
  assert.is(device.name, 'memory');
  assert.not(device.durable);
  assert.is(device.error(), 0);
});

test('has nothing to read from', () => {
  const device = new MemoryDevice();
  device.openSegment();
  device.submit();
  assert.throws(() => device.read(), hasCode('ERR_SYNOD_LOG_FAILED'));
});

test.run();
