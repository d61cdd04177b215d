/** Copies and checksums without the addon. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { equalBytes } from '../../../src/memory/bulk.ts';
import { makePortableBulk } from '../../../src/memory/portable-bulk.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';

const bulk = makePortableBulk(crc32c);

const test = suite('memory/portable-bulk');

test('copies exactly the range', () => {
  const target = new Uint8Array(6).fill(9);
  bulk.copy(Uint8Array.of(1, 2, 3, 4), 1, target, 2, 2);
  assert.equal(Array.from(target), [9, 9, 2, 3, 9, 9]);
});

test('the checksum is CRC32C of the range', () => {
  const bytes = new TextEncoder().encode('xx123456789xx');
  assert.is(bulk.crc32c(bytes, 2, 9) >>> 0, 0xe3069283);
});

test('equal compares the ranges only', () => {
  assert.ok(bulk.equal(Uint8Array.of(1, 2, 3), 1, Uint8Array.of(2, 3, 4), 0, 2));
  assert.not(equalBytes(Uint8Array.of(1, 2, 3), 1, Uint8Array.of(2, 4), 0, 2));
});

test('says that it is not native', () => assert.not(bulk.isNative));

test.run();
