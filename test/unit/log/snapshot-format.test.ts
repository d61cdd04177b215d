/** Snapshots as blocks: what was written is read back, and nothing else is taken for it. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SNAPSHOT_BLOCK_BYTES } from '../../../src/limits.ts';
import {
  readSnapshot,
  SnapshotEncoder,
  type SnapshotSource,
  SnapshotVerifier,
} from '../../../src/log/snapshot-format.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';

const NAME = { clusterId: 2 ** 40 + 1, group: 3, watermark: 2 ** 35 };

function write(chunks: readonly Uint8Array[], ends = true): Uint8Array {
  const blocks: Uint8Array[] = [];
  const encoder = new SnapshotEncoder(NAME, crc32c, (block) => blocks.push(block.slice()));
  for (const chunk of chunks) {
    let at = 0;
    do at = encoder.put(chunk, at);
    while (at < chunk.length);
  }
  if (ends) encoder.end();
  return new Uint8Array(Buffer.concat(blocks));
}

const sourceOf = (bytes: Uint8Array): SnapshotSource => ({
  size: bytes.length,
  read: (offset, target, size) => target.set(bytes.subarray(offset, offset + size)),
});

const read = (bytes: Uint8Array, name = NAME): Uint8Array[] =>
  Array.from(readSnapshot(sourceOf(bytes), name, crc32c), (chunk) => chunk.slice());

const test = suite('log/snapshot-format');

test('chunks of every size come back as they were', () => {
  const sizes = [0, 1, 7, 8, SNAPSHOT_BLOCK_BYTES - 32, SNAPSHOT_BLOCK_BYTES - 31, 3 * SNAPSHOT_BLOCK_BYTES + 5];
  const chunks = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
  const back = read(write(chunks));
  assert.is(back.length, chunks.length);
  back.forEach((chunk, i) => void assert.is(Buffer.compare(chunk, chunks[i] as Uint8Array), 0, `chunk ${i}`));
});

/** Verifies it as it grows to each of `sizes`, then to its end. */
function verify(bytes: Uint8Array, sizes: readonly number[], name = NAME): void {
  const verifier = new SnapshotVerifier(sourceOf(bytes).read, name, crc32c);
  try {
    for (const size of sizes) verifier.advance(size);
    verifier.finish(bytes.length);
  } finally {
    verifier.close();
    verifier.close();
  }
}

test('one that grows is verified part by part, wherever the parts end, and any bit of it that differs is damage', () => {
  const whole = write([new Uint8Array(3 * SNAPSHOT_BLOCK_BYTES + 5).fill(7), new Uint8Array(0), new Uint8Array(300)]);
  const sizes = fc.array(fc.nat(whole.length), { maxLength: 6 });
  fc.assert(
    fc.property(sizes, fc.nat(whole.length * 8 - 1), (parts, bit) => {
      verify(whole, parts);
      const bytes = whole.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.throws(() => verify(bytes, parts), /damaged/);
    }),
    { numRuns: 100 },
  );
});

test('a verified one is whole: what is cut off, goes on, belongs elsewhere or has no end is damage', () => {
  const whole = write([new Uint8Array(SNAPSHOT_BLOCK_BYTES)]);
  for (let size = 0; size < whole.length; size += 8192)
    assert.throws(() => verify(whole.slice(0, size), []), /damaged/);
  assert.throws(() => verify(new Uint8Array([...whole, ...new Uint8Array(8)]), []), /ends too early/);
  const longer = new Uint8Array(whole.length + SNAPSHOT_BLOCK_BYTES);
  longer.set(whole);
  assert.throws(() => verify(longer, [longer.length]), /goes on behind its end|no block begins here|ends too early/);
  assert.throws(() => verify(write([new Uint8Array(8)], false), []), /cut off/);
  assert.throws(() => verify(whole, [], { ...NAME, group: 4 }), /another cluster or shard, or another version/);
});

test('any bit that differs is damage, named with shard and slot', () => {
  const whole = write([new Uint8Array(300).fill(9), new Uint8Array(5)]);
  fc.assert(
    fc.property(fc.nat(whole.length * 8 - 1), (bit) => {
      const bytes = whole.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.throws(() => read(bytes), /shard 3 at slot 34359738368 is damaged/);
    }),
    { numRuns: 400 },
  );
});

test('a snapshot that is cut off at any block, or never ended, is damage', () => {
  const whole = write([new Uint8Array(100), new Uint8Array(100)]);
  for (let size = 0; size < whole.length; size += 8) assert.throws(() => read(whole.slice(0, size)), /damaged/);
  assert.throws(() => read(write([new Uint8Array(100)], false)), /cut off/);
});

test('blocks of two images of one slot and size never make up a third', () => {
  const [one, other] = [1, 2].map((fill) => write([new Uint8Array(100).fill(fill), new Uint8Array(100).fill(3)]));
  const mixed = Uint8Array.from(one as Uint8Array);
  mixed.set((other as Uint8Array).subarray(48 + 136), 48 + 136);
  assert.throws(() => read(mixed), /does not match its checksum/);
});

test('bytes behind the end are damage', () => {
  const whole = write([new Uint8Array(8)]);
  assert.throws(() => read(new Uint8Array([...whole, ...new Uint8Array(8)])), /ends too early/);
});

test('the snapshot of another group, cluster or slot is refused', () => {
  const whole = write([new Uint8Array(8)]);
  assert.throws(() => read(whole, { ...NAME, group: 4 }), /another cluster or shard/);
  assert.throws(() => read(whole, { ...NAME, clusterId: 5 }), /another cluster or shard/);
  assert.throws(() => read(whole, { ...NAME, watermark: 5 }), /no block begins here/);
});

test.run();
