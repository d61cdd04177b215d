/** Flushing, verifying and naming: with the addon a file is read back part by part while it grows. */
import { appendFileSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SnapshotEncoder } from '../../../src/log/snapshot-format.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { publish } from '../../../workers/publish-snapshot.ts';

const test = suite('workers/publish-snapshot');
const CHUNKS = 5;
let directory = '';
let count = 0;

test.before.each(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'synod-publish-')), 'group-2');
  mkdirSync(directory);
});

test.after.each(() => {
  rmSync(join(directory, '..'), { recursive: true });
});

function image(native: 'auto' | 'off') {
  count += 1;
  const name = { clusterId: 7, group: 2, watermark: 5 };
  const blocks: Uint8Array[] = [];
  const encoder = new SnapshotEncoder(name, crc32c, (block) => blocks.push(block.slice()));
  for (let i = 0; i < CHUNKS; i++) encoder.put(new Uint8Array(60_000).fill(i), 0);
  encoder.end();
  const file = join(directory, `5.${count}.tmp`);
  const final = join(directory, '5.snap');
  let end = 0;
  const flush = (part: Uint8Array): void => {
    appendFileSync(file, part);
    const from = end;
    end += part.length;
    publish({ id: 1, step: 'flush', directory, file, final, ...name, from, end, isUrgent: false, native });
  };
  const finish = (): void =>
    publish({ id: 2, step: 'publish', directory, file, final, ...name, from: end, end, isUrgent: false, native });
  return { file, final, flush, finish, bytes: Buffer.concat(blocks) };
}

function overwrite(file: string, offset: number): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, Buffer.from([255]), 0, 1, offset);
  closeSync(handle);
}

for (const native of ['auto', 'off'] as const) {
  test(`native ${native}: a file that was flushed in parts of any size gets its name`, () => {
    const { final, flush, finish, bytes } = image(native);
    for (let at = 0; at < bytes.length; at += 70_001) flush(bytes.subarray(at, at + 70_001));
    finish();
    assert.ok(existsSync(final));
  });

  test(`native ${native}: damage in any part keeps it from its name`, () => {
    for (const at of [100, 200_000, 299_000]) {
      const { file, final, flush, finish, bytes } = image(native);
      assert.throws(() => {
        flush(bytes.subarray(0, 150_000));
        if (at < 150_000) overwrite(file, at);
        flush(bytes.subarray(150_000));
        if (at >= 150_000) overwrite(file, at);
        finish();
      }, /damaged/);
      assert.not(existsSync(final));
    }
  });
}

test('those that were given up are forgotten as others come; a file that is gone is a reason', () => {
  for (let i = 0; i < 20; i++) {
    const { file, flush, finish, bytes } = image('auto');
    flush(bytes.subarray(0, 100_000));
    flush(bytes.subarray(100_000));
    rmSync(file);
    assert.throws(finish, /ENOENT/);
  }
});

test.run();
