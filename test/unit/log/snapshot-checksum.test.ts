/** The checksum of blocks is the same with and without the addon. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { snapshotChecksum } from '../../../src/log/snapshot-checksum.ts';
import { loadNative } from '../../../src/native-binding.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';

const test = suite('log/snapshot-checksum');

test('shared and other memory, short and long ranges, from any seed', () => {
  const native = snapshotChecksum(loadNative('auto').binding);
  const portable = snapshotChecksum(undefined);
  for (const memory of [new SharedArrayBuffer(5000), new ArrayBuffer(5000)]) {
    const bytes = new Uint8Array(memory).map((_, i) => i % 253);
    for (const [offset, length, seed] of [
      [0, 5000, 0],
      [12, 20, 5],
      [1000, 3000, -7],
    ] as const) {
      const expected = crc32c(bytes, offset, length, seed);
      assert.is(native(bytes, offset, length, seed), expected);
      assert.is(portable(bytes, offset, length, seed), expected);
    }
  }
});

test.run();
