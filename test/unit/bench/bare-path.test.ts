/** The bare paths write what they say, where they say, and count it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openBarePaths } from '../../../bench/bare-path.ts';

const BLOCK = 8192;
const WRITES = 10;

const test = suite<{ directory: string }>('bench bare path');
test.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'synod-bench-test-'));
});
test.after.each(({ directory }) => rmSync(directory, { recursive: true }));

test('each path that the machine has writes one block after the other', ({ directory }) => {
  for (const mode of ['pwrite', 'uring', 'fdatasync', 'store'] as const) {
    const file = join(directory, mode);
    for (const path of openBarePaths(file, [mode], BLOCK, 4)) {
      path.window(WRITES);
      path.close();
      assert.is(path.operations, WRITES);
      assert.is(path.latency.count, WRITES);
      assert.ok(path.seconds > 0);
      const bytes = readFileSync(file);
      assert.ok(
        bytes.subarray(0, WRITES * BLOCK).every((byte) => byte === 0x5a),
        path.name,
      );
      assert.is(bytes[WRITES * BLOCK], 0, path.name);
    }
  }
});

test('there is a path on every machine', ({ directory }) => {
  const paths = openBarePaths(join(directory, 'any'), ['fdatasync', 'pwrite'], BLOCK, 1);
  assert.ok(paths.length > 0);
  for (const path of paths) path.close();
});

test.run();
