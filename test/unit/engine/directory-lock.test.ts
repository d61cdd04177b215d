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

/** What this process writes into a lock. */
function ownLock(): string {
  const home = mkdtempSync(join(tmpdir(), 'synod-lock-'));
  const release = lockDirectory(home);
  const content = readFileSync(join(home, 'lock'), 'utf8');
  release();
  rmSync(home, { recursive: true });
  return content;
}

if (existsSync('/proc/self/stat')) {
  const [pid, started, ...surroundings] = ownLock().split(' ');
  const [boot, namespace] = surroundings;

  test('a lock says who, since when, in which boot and among which processes', () => {
    assert.is(Number(pid), process.pid);
    assert.match(boot ?? '', /^[0-9a-f-]{36}$/);
    assert.match(namespace ?? '', /^pid:\[\d+\]$/);
  });

  test('a process that got the number of a dead holder is not taken for it: later, after a reboot, in another container', () => {
    for (const content of [
      `${pid} 1 ${boot} ${namespace}`,
      `${pid} ${started} 00000000-0000-0000-0000-000000000000 ${namespace}`,
      `${pid} ${started} ${boot} pid:[1]`,
    ]) {
      writeFileSync(path(), content);
      lockDirectory(root)();
    }
    writeFileSync(path(), `${pid} ${started} ${boot} ${namespace}`);
    assert.throws(() => lockDirectory(root), /held by process/);
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
