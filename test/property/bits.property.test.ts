import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  align,
  alignPosition,
  fromWords,
  highWord,
  isPowerOfTwo,
  lowWord,
  popcount,
  wrappingDistance,
} from '../../src/base/bits.ts';

const test = suite('property: bits');
const safeInteger = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const exponent = fc.nat({ max: 16 });

/** Numbers near the places where words overflow, mixed with any others. */
const nearWordEdge = fc.oneof(
  safeInteger,
  fc.tuple(fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 52), fc.integer({ min: -4, max: 4 })).map(([a, b]) => a + b),
);

test('a number below 2^53 survives being split into words', () => {
  fc.assert(
    fc.property(nearWordEdge, (value) => {
      const words = Int32Array.of(lowWord(value), highWord(value));
      assert.is(fromWords(words[0]!, words[1]!), value);
    }),
  );
});

test('wrapping distance undoes wrapping addition, across every edge', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (from, distance) => {
      assert.is(wrappingDistance(from | 0, (from + distance) | 0), distance);
    }),
  );
});

test('align gives the smallest multiple that is not below', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 30 }), exponent, (value, bits) => {
      const aligned = align(value, 2 ** bits);
      assert.ok(aligned >= value && aligned - value < 2 ** bits);
      assert.is(aligned % 2 ** bits, 0);
      assert.is(alignPosition(value, 2 ** bits), aligned);
    }),
  );
});

test('alignPosition is right up to 2^52', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 52 }), exponent, (value, bits) => {
      const aligned = alignPosition(value, 2 ** bits);
      assert.ok(aligned >= value && aligned - value < 2 ** bits);
      assert.is(aligned % 2 ** bits, 0);
    }),
  );
});

test('popcount counts the ones; one of them makes a power of two', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.integer(),
        exponent.map((bits) => 1 << bits),
      ),
      (bits) => {
        assert.is(popcount(bits), [...(bits >>> 0).toString(2)].filter((digit) => digit === '1').length);
        assert.is(isPowerOfTwo(bits), bits > 0 && popcount(bits) === 1);
      },
    ),
  );
});

test.run();
