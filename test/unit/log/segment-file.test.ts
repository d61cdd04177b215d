/** Reading a segment file: any range, past the cache or through it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_BLOCK_BYTES } from '../../../src/limits.ts';
import { SegmentFile } from '../../../src/log/segment-file.ts';

const test = suite<{ directory: string; path: string; bytes: Uint8Array }>('log/segment-file');

test.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'synod-segment-file-'));
  context.path = join(context.directory, 'file');
  context.bytes = Uint8Array.from(
    { length: (1 << 20) + 3 * LOG_BLOCK_BYTES + 100 },
    (_, at) => (at * 31 + (at >> 12)) & 255,
  );
  writeFileSync(context.path, context.bytes);
});
test.after.each(({ directory }) => rmSync(directory, { recursive: true }));

/** Reads a range as recovery does: again until it is whole or the file ends. */
function readRange(file: SegmentFile, offset: number, size: number): Uint8Array {
  const target = new Uint8Array(size + 20).fill(0x77);
  let done = 0;
  for (let count = -1; count !== 0 && done < size; done += count)
    count = file.read(offset + done, target, 10 + done, size - done);
  assert.ok(
    target.subarray(0, 10).every((byte) => byte === 0x77),
    'nothing before the range',
  );
  assert.ok(
    target.subarray(10 + size).every((byte) => byte === 0x77),
    'nothing behind it',
  );
  return target.slice(10, 10 + done);
}

for (const [name, makeBuffer] of [
  ['past the cache, where the file system allows it', () => SegmentFile.makeBuffer()],
  ['through the cache', () => undefined],
] as const) {
  test(`${name}: any range gives its bytes`, ({ path, bytes }) => {
    const file = new SegmentFile(path, makeBuffer());
    assert.is(file.size, bytes.length);
    for (const [offset, size] of [
      [0, 64],
      [1, 1],
      [LOG_BLOCK_BYTES - 1, 2],
      [LOG_BLOCK_BYTES, LOG_BLOCK_BYTES],
      [5000, 1 << 20],
      [bytes.length - 7, 7],
      [0, bytes.length],
    ] as const) {
      assert.is(
        Buffer.compare(readRange(file, offset, size), bytes.subarray(offset, offset + size)),
        0,
        `${size} from ${offset}`,
      );
    }
    file.close();
  });

  test(`${name}: behind the end there is nothing`, ({ path, bytes }) => {
    const file = new SegmentFile(path, makeBuffer());
    assert.is(file.read(bytes.length, new Uint8Array(8), 0, 8), 0);
    assert.equal(readRange(file, bytes.length - 3, 50), bytes.slice(-3));
    file.close();
  });
}

test('what is not there is an error of node:fs', ({ directory }) => {
  assert.throws(() => new SegmentFile(join(directory, 'none'), SegmentFile.makeBuffer()), /ENOENT/);
});

test.run();
