/** Where each slot's value stands. */
import fc from 'fast-check';
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

test('a slot of a year later costs no more than the first one, and what is forgotten is gone', () => {
  const index = new SlotIndex();
  const late = 3e11;
  const started = process.memoryUsage().arrayBuffers;
  index.set(late, 7);
  index.set(late - 9000, 6);
  index.set(late + 9000, 8);
  assert.ok(process.memoryUsage().arrayBuffers - started < 1 << 20);
  assert.equal(
    [late - 9000, late, late + 9000, late + 1, 0].map((slot) => index.get(slot)),
    [6, 7, 8, 0, 0],
  );
  index.forget(late);
  assert.equal(
    [late - 9000, late, late + 9000].map((slot) => index.get(slot)),
    [0, 7, 8],
  );
  index.forget(0);
  index.forget(late + 2 ** 20);
  assert.equal(
    [late, late + 9000].map((slot) => index.get(slot)),
    [0, 0],
  );
  index.set(late + 2 ** 21, 9);
  assert.equal([index.get(late + 2 ** 21), index.oldest(late, late + 9000)], [9, Number.POSITIVE_INFINITY]);
});

test('any slots, set and forgotten, stand where a plain map has them', () => {
  const step = fc.tuple(
    fc.constantFrom('set', 'set', 'set', 'forget'),
    fc.nat(60_000),
    fc.integer({ min: 1, max: 1e9 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 5e9), (steps, base) => {
      const index = new SlotIndex();
      const model = new Map<number, number>();
      let below: number = base;
      for (const [verb, at, position] of steps) {
        const slot = base + at;
        if (verb === 'forget') {
          index.forget(slot);
          below = Math.max(below, slot);
        } else if (slot >= below) {
          index.set(slot, position);
          model.set(slot, position);
        }
      }
      for (const [slot, position] of model) if (slot >= below) assert.is(index.get(slot), position);
      for (const [, at] of steps) if (!model.has(base + at)) assert.is(index.get(base + at), 0);
    }),
    { numRuns: 200 },
  );
});

test('a record never stands at position 0', () => assert.throws(() => new SlotIndex().set(3, 0), /position 0/));

test.run();
