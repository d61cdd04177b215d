/** `synod node` before anything is opened: its command line. The running node is told in integration/synod-node.test.ts. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runCli } from '../../support/run-cli.ts';

const test = suite('cli/node');

test('help tells every setting with flag and variable', async () => {
  const { code, stdout } = await runCli(['node', '--help']);
  assert.is(code, 0);
  for (const part of [
    '--members  (SYNOD_MEMBERS)',
    '--config <file>',
    '--bootstrap  (SYNOD_BOOTSTRAP)',
    'Exit codes:',
  ]) {
    assert.ok(stdout.includes(part), part);
  }
});

test('what is wrong is told before anything starts', async () => {
  for (const [args, pattern] of [
    [['--membres', '1@:1'], /^synod: --membres: unknown flag; did you mean --members\?$/m],
    [['--config', 'nowhere.yaml'], /ERR_SYNOD_CONFIG: nowhere.yaml: cannot be read \(ENOENT\)/],
    [['--id', '1'], /ERR_SYNOD_CONFIG: /],
    [['--id', 'one', '--directory', 'd'], /id \(flag --id\): "one" is not allowed/],
  ] as const) {
    const { code, stdout, stderr } = await runCli(['node', ...args]);
    assert.is(code, 2, stderr);
    assert.is(stdout, '');
    assert.match(stderr, pattern);
  }
});

test.run();
