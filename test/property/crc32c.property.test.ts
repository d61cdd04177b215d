/** CRC-32C: equal to the bit-by-bit definition, and continuing over any split. */
import fc from 'fast-check';
import { suite } from 'uvu';
import { crc32c } from '../../src/wire/crc32c.ts';

const test = suite('property/crc32c');

/** The definition, one bit at a time. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc;
}

test('equals the definition at any offset and length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (bytes, skip) => {
      const offset = Math.min(skip, bytes.length);
      return crc32c(bytes, offset, bytes.length - offset, 0) === slowCrc32c(bytes.subarray(offset));
    }),
  );
});

test('continues over any split', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), fc.integer(), (bytes, at, seed) => {
      const split = Math.min(at, bytes.length);
      const head = crc32c(bytes, 0, split, seed);
      return crc32c(bytes, split, bytes.length - split, head) === crc32c(bytes, 0, bytes.length, seed);
    }),
  );
});

test('sees any flipped bit', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), fc.nat(7), (bytes, at, bit) => {
      const before = crc32c(bytes, 0, bytes.length, 0);
      bytes[at % bytes.length] ^= 1 << bit;
      return crc32c(bytes, 0, bytes.length, 0) !== before;
    }),
  );
});

test.run();
