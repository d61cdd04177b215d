/** Where each slot's value stands. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SlotIndex } from '../../../src/runtime/slot-index.ts';

const test = suite('runtime/slot-index');

test('remembers the last position of a slot, far apart ones too', () => {
  const index = new SlotIndex();
  index.set(0, 64);
  index.set(1_000_000, 2 ** 40);
  index.set(0, 128);
  assert.equal([index.get(0), index.get(1), index.get(1_000_000), index.get(5_000_000)], [128, 0, 2 ** 40, 0]);
});

test('a record never stands at position 0', () => assert.throws(() => new SlotIndex().set(3, 0), /position 0/));

test.run();
