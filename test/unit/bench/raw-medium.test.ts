import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FILE_BYTES, RawMedium } from '../../../bench/raw-medium.ts';

const directory = mkdtempSync(join(tmpdir(), 'synod-bench-test-'));
const BLOCK = 4096;

const test = suite('bench raw medium');
test.after(() => rmSync(directory, { recursive: true, force: true }));

/** Blocks of the file that hold what the threads write. */
function writtenBlocks(name: string): number[] {
  const bytes = readFileSync(join(directory, name));
  assert.is(bytes.length, FILE_BYTES);
  const blocks: number[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK)
    if (bytes[at] === 0x5a && bytes[at + BLOCK - 1] === 0x5a) blocks.push(at);
  return blocks;
}

test('each release writes one block to each file, one after the other', async () => {
  const medium = await RawMedium.open({ directory, files: 3, threadsPerFile: 1, writeBytes: BLOCK });
  for (let round = 0; round < 4; round++) assert.ok(medium.append(2) > 0);
  await medium.close();
  for (const name of ['raw-0', 'raw-1', 'raw-2']) assert.equal(writtenBlocks(name), [0, BLOCK, 2 * BLOCK, 3 * BLOCK]);
});

test('threads of one file write in regions of their own, and their writes are counted', async () => {
  const medium = await RawMedium.open({ directory, files: 1, threadsPerFile: 2, writeBytes: BLOCK });
  const writes = medium.write(20);
  await medium.close();
  const blocks = writtenBlocks('raw-0');
  assert.ok(writes >= 2, `${writes} writes`);
  assert.ok(writes >= FILE_BYTES / BLOCK || blocks.length === writes, `${blocks.length} blocks of ${writes} writes`);
  assert.ok(blocks.includes(0) && blocks.includes(FILE_BYTES / 2));
});

test('threads without files only answer', async () => {
  const medium = await RawMedium.open({ directory: undefined, files: 2, threadsPerFile: 1, writeBytes: 0 });
  assert.ok(medium.append(2) > 0);
  await medium.close();
});

test('a quorum is at most all threads', async () => {
  const medium = await RawMedium.open({ directory: undefined, files: 1, threadsPerFile: 1, writeBytes: 0 });
  assert.throws(() => medium.append(2), /quorum/);
  await medium.close();
});

test.run();
