import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  align,
  alignPosition,
  assertPowerOfTwo,
  fromWords,
  highWord,
  isPowerOfTwo,
  lowWord,
  popcount,
  wrappingDistance,
} from '../../../src/base/bits.ts';

const test = suite('base/bits');

test('powers of two', () => {
  for (const value of [1, 2, 4, 4096, 2 ** 30]) assert.ok(isPowerOfTwo(value), `${value}`);
  for (const value of [0, -1, -2, 3, 6, 4097]) assert.not(isPowerOfTwo(value), `${value}`);
  assert.throws(() => assertPowerOfTwo(12), /must be a power of two/);
  assertPowerOfTwo(16);
});

test('align rounds up and keeps what is aligned', () => {
  assert.equal(
    [0, 1, 7, 8, 9].map((value) => align(value, 8)),
    [0, 8, 8, 8, 16],
  );
  assert.is(alignPosition(2 ** 40 + 1, 4096), 2 ** 40 + 4096);
  assert.is(alignPosition(2 ** 40, 4096), 2 ** 40);
});

test('distance wraps with the positions', () => {
  assert.is(wrappingDistance(0x7ffffff8 | 0, 0x80000008 | 0), 16);
  assert.is(wrappingDistance(-8, 8), 16);
  assert.is(wrappingDistance(8, -8), -16);
});

test('words of numbers beyond 2^31 and 2^32', () => {
  assert.is(lowWord(2 ** 31), -(2 ** 31));
  assert.is(highWord(2 ** 32 - 1), 0);
  assert.is(highWord(2 ** 32), 1);
  assert.is(highWord(2 ** 53 - 1), 2 ** 21 - 1);
  assert.is(fromWords(-1, 0), 2 ** 32 - 1);
  assert.is(fromWords(-1, 2 ** 21 - 1), 2 ** 53 - 1);
});

test('popcount', () => {
  assert.is(popcount(0), 0);
  assert.is(popcount(0b1011), 3);
  assert.is(popcount(-1), 32);
});

test.run();
