import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../../src/base/prng.ts';

const test = suite('base/prng');

test('a seed gives the same numbers for ever: kept seeds of failures depend on it', () => {
  const golden = new Map([
    [0, [2641828143, 2545562757, 1803815623, 2769520885]],
    [8123, [784988287, 567796044, 997973468, 3778926560]],
    [2 ** 53 - 1, [3200460950, 4015283958, 2801035430, 4156566830]],
  ]);
  for (const [seed, numbers] of golden) {
    const prng = new Prng(seed);
    assert.equal([prng.next32(), prng.next32(), prng.next32(), prng.next32()], numbers);
  }
  assert.is(new Prng(8123).fork('network').seed, 3175360127169971);
});

test('both words of a seed count', () => {
  assert.is.not(new Prng(1).next32(), new Prng(1 + 2 ** 32).next32());
});

test('refuses seeds that a number cannot hold exactly', () => {
  for (const seed of [-1, 0.5, 2 ** 53, Number.NaN]) assert.throws(() => new Prng(seed), /a seed is an integer/);
});

test('range is half-open, reaches both ends and is uniform', () => {
  const prng = new Prng(1);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) counts[prng.range(-5, 5) + 5]!++;
  for (const count of counts) assert.ok(count > 9_500 && count < 10_500, `${counts}`);
  assert.throws(() => prng.range(3, 3), /must not be empty/);
});

test('range spans more than 32 bits', () => {
  const prng = new Prng(2);
  let above = 0;
  for (let i = 0; i < 1000; i++) {
    const value = prng.range(0, 2 ** 53 - 1);
    assert.ok(Number.isSafeInteger(value) && value >= 0);
    if (value >= 2 ** 52) above++;
  }
  assert.ok(above > 400 && above < 600, `${above}`);
});

test('float lies in [0, 1) with mean one half', () => {
  const prng = new Prng(3);
  let sum = 0;
  for (let i = 0; i < 100_000; i++) {
    const value = prng.float();
    assert.ok(value >= 0 && value < 1);
    sum += value;
  }
  assert.ok(Math.abs(sum / 100_000 - 0.5) < 0.005);
});

test('chance is never for 0, always for 1, and draws alike for every p', () => {
  const [left, right] = [new Prng(4), new Prng(4)];
  let hits = 0;
  for (let i = 0; i < 10_000; i++) {
    assert.not(left.chance(0));
    assert.ok(right.chance(1));
    if (left.chance(0.25)) hits++;
    right.chance(0.75);
  }
  assert.ok(hits > 2_300 && hits < 2_700, `${hits}`);
  assert.is(left.next32(), right.next32());
});

test('pick gives every item', () => {
  const prng = new Prng(5);
  const seen = new Set(Array.from({ length: 100 }, () => prng.pick(['a', 'b', 'c'])));
  assert.is(seen.size, 3);
  assert.throws(() => prng.pick([]), /nothing to pick/);
});

test('a fork depends on seed and label, not on what was drawn', () => {
  const prng = new Prng(6);
  const early = prng.fork('network').next32();
  prng.next32();
  assert.is(prng.fork('network').next32(), early);
  assert.is.not(prng.fork('disk').next32(), early);
  assert.is.not(new Prng(7).fork('network').next32(), early);
  assert.is.not(prng.fork('').next32(), new Prng(6).next32());
});

test.run();
