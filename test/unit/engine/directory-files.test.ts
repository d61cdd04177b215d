/** Identity files are whole or as before, and name themselves where they cannot be read or written. */
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import { mintId, prepareDirectory, readJson, writeDurably } from '../../../src/engine/directory-files.ts';

const test = suite('directory-files');
let root = '';

test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'synod-files-'));
});

test.after.each(() => {
  rmSync(root, { recursive: true, force: true });
});

function failure(call: () => unknown): SynodError {
  try {
    call();
  } catch (error) {
    return error as SynodError;
  }
  throw new Error('it did not throw');
}

test('what was written is read, and nothing is left beside it', () => {
  const path = join(root, 'a.json');
  writeDurably(root, path, { one: 1 });
  writeDurably(root, path, { one: 2 });
  assert.equal(readJson(path), { one: 2 });
  assert.not(existsSync(`${path}.tmp`));
  assert.is(readFileSync(path, 'utf8'), '{"one":2}\n');
});

test('what cannot be read or written is an error with its path', () => {
  const path = join(root, 'a.json');
  writeFileSync(path, '{ half');
  assert.is(failure(() => readJson(path)).code, 'ERR_SYNOD_DIRECTORY');
  assert.match(failure(() => readJson(path)).message, path);
  const beneath = join(path, 'b');
  assert.is(failure(() => writeDurably(path, beneath, {})).code, 'ERR_SYNOD_DIRECTORY');
  assert.is(failure(() => prepareDirectory(beneath)).code, 'ERR_SYNOD_DIRECTORY');
});

test('where there is no space the old file stays, and trying again later may succeed', () => {
  if (!existsSync('/dev/full')) return;
  const path = join(root, 'a.json');
  writeDurably(root, path, { one: 1 });
  symlinkSync('/dev/full', `${path}.tmp`);
  const error = failure(() => writeDurably(root, path, { one: 2 }));
  assert.equal([error.code, error.retryable], ['ERR_SYNOD_DISK_FULL', true]);
  assert.equal(readJson(path), { one: 1 });
});

test('ids are positive, below 2^53, and not given twice', () => {
  const ids = Array.from({ length: 1000 }, mintId);
  assert.ok(ids.every((id) => Number.isSafeInteger(id) && id > 0));
  assert.is(new Set(ids).size, ids.length);
});

test.run();
