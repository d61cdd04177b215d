/** Page-aligned shared memory: size, zeros, sharing. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { alignedMemory } from '../../../src/memory/aligned-memory.ts';

const test = suite('memory/aligned-memory');

test('is shared, zero-filled and at least as large as asked', () => {
  for (const bytes of [1, 65536, 65537, 1 << 24]) {
    const memory = alignedMemory(bytes);
    assert.instance(memory, SharedArrayBuffer);
    assert.ok(memory.byteLength >= bytes && memory.byteLength < bytes + 65536);
    assert.is(new Uint8Array(memory)[bytes - 1], 0);
  }
  assert.throws(() => alignedMemory(0), /size/);
});

test.run();
