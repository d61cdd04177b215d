import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

const run = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });

const test = suite('synod command');

test('--help tells the commands and succeeds', () => {
  const { status, stdout } = run('--help');
  assert.is(status, 0);
  assert.match(stdout, /synod demo +a cluster under load/);
});

test('without a command the help comes with exit code 2', () => {
  const { status, stdout } = run();
  assert.is(status, 2);
  assert.match(stdout, /synod demo/);
});

test('demo --help tells the flags and succeeds', () => {
  const { status, stdout } = run('demo', '--help');
  assert.is(status, 0);
  assert.match(stdout, /--in-flight/);
});

test('an unknown command, flag or value ends with exit code 2 and one line that names it', () => {
  for (const [args, pattern] of [
    [['dmeo'], /^synod: dmeo: unknown command; did you mean demo\?$/m],
    [['turn'], /^synod: turn: unknown command; allowed are /],
    [['demo', '--replica', '3'], /^synod: --replica: unknown flag; did you mean --replicas\?$/m],
    [['demo', '--colour'], /^synod: --colour: unknown flag; allowed are --replicas/],
    [['demo', '--replicas', '2'], /^synod: --replicas: '2' is out of range; allowed is an odd number, 1 to 15/],
  ] as const) {
    const { status, stdout, stderr } = run(...args);
    assert.is(status, 2);
    assert.is(stdout, '');
    assert.match(stderr, pattern);
    assert.is(stderr.trim().split('\n').length, 1);
  }
});

test.run();
