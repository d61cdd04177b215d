/** One process at a time in a directory. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lockDirectory } from '../../../src/engine/directory-lock.ts';

const test = suite('directory-lock');
let root = '';
const path = (): string => join(root, 'lock');

test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'synod-lock-'));
});

test.after.each(() => {
  rmSync(root, { recursive: true, force: true });
});

test('a held directory is refused with its holder, and free again afterwards', () => {
  const release = lockDirectory(root);
  assert.throws(() => lockDirectory(root), new RegExp(`held by process ${process.pid}`));
  release();
  lockDirectory(root)();
  assert.equal(readdirSync(root), []);
});

test('the lock of a process that is gone is taken over, and leaves nothing behind', () => {
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  for (const content of [`${gone} 12345`, '']) {
    writeFileSync(path(), content);
    lockDirectory(root)();
    assert.equal(readdirSync(root), []);
  }
});

if (existsSync('/proc/self/stat')) {
  test('a process that got the number of a dead holder is not taken for it', () => {
    writeFileSync(path(), `${process.pid} 1`);
    lockDirectory(root)();
  });
}

test('releasing twice does not release the lock of another', () => {
  const release = lockDirectory(root);
  release();
  writeFileSync(path(), 'another');
  release();
  assert.is(readFileSync(path(), 'utf8'), 'another');
});

test.run();
