/** The packed tarball, unpacked beside nothing but its dependencies, runs the README's example as pasted. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const EXAMPLE_MS = 60_000;

const test = suite('integration/package');

test("the README's example runs from the packed tarball", () => {
  const home = mkdtempSync(join(tmpdir(), 'synod-package-'));
  try {
    const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', home], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
    execFileSync('tar', ['-xzf', join(home, filename), '-C', home]);
    mkdirSync(join(home, 'node_modules'));
    renameSync(join(home, 'package'), join(home, 'node_modules', 'synod'));
    for (const dependency of ['piscina', 'yaml'])
      symlinkSync(join(root, 'node_modules', dependency), join(home, 'node_modules', dependency));
    writeFileSync(join(home, 'example.mjs'), example());
    const options = { cwd: home, encoding: 'utf8', timeout: EXAMPLE_MS } as const;
    assert.is(execFileSync(process.execPath, ['example.mjs'], options), 'hello\n');
    assert.is(execFileSync(process.execPath, ['example.mjs'], options), 'hello\n', 'and again, over its own directory');
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

/** The first JavaScript block of the README. */
function example(): string {
  const block = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1];
  assert.type(block, 'string');
  return block as string;
}

test.run();
