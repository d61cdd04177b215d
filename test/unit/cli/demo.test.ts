import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

const test = suite<{ folder: string }>('demo command');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'synod-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const demo = (cwd: string, ...args: string[]) =>
  spawnSync(process.execPath, [MAIN, 'demo', ...args], { cwd, encoding: 'utf8' });

test('a run that the disk has no room for is refused with exit code 2, before anything is made', ({ folder }) => {
  const { status, stderr } = demo(folder, '--seconds', '3600', '--replicas', '15', '--payload', '65536');
  assert.is(status, 2);
  assert.match(stderr, /^synod: not enough space: the logs may grow to \d+\.\d+ GB, \. has .* --seconds/);
  assert.is(existsSync(join(folder, '.synod-demo')), false);
});

test('a folder of that name that is not the demo is left alone, with exit code 2', ({ folder }) => {
  mkdirSync(join(folder, '.synod-demo'));
  writeFileSync(join(folder, '.synod-demo', 'precious'), '');
  const { status, stderr } = demo(folder, '--seconds', '1');
  assert.is(status, 2);
  assert.match(stderr, /not made by the demo/);
  assert.ok(existsSync(join(folder, '.synod-demo', 'precious')));
});

test('an error of the engine is told with its code, with exit code 1', ({ folder }) => {
  writeFileSync(join(folder, 'file'), '');
  const { status, stderr } = demo(folder, '--seconds', '1', '--directory', 'file');
  assert.is(status, 1);
  assert.match(stderr, /^synod: ERR_SYNOD_DIRECTORY/);
});

test.run();
