/** Byte comparison. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { equalBytes } from '../../../src/memory/bulk.ts';

const test = suite('memory/bulk');

test('two copies are equal, and no longer so after any one byte changed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), (bytes, at) => {
      const copy = bytes.slice();
      assert.ok(equalBytes(bytes, 0, copy, 0, bytes.length));
      const place = at % bytes.length;
      copy[place] = (copy[place] as number) ^ 1;
      assert.not(equalBytes(bytes, 0, copy, 0, bytes.length));
    }),
  );
});

test('nothing equals nothing', () => assert.ok(equalBytes(Uint8Array.of(1), 0, Uint8Array.of(2), 0, 0)));

test.run();
