/** `synod config` as a user meets it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

const test = suite('cli/config');

let home = '';
test.before(() => {
  home = mkdtempSync(join(tmpdir(), 'synod-cli-config-'));
  writeFileSync(join(home, 'good.yaml'), 'members: 1@127.0.0.1:7101\ndirectory: data\nshards: 8\n');
  writeFileSync(join(home, 'bad.yaml'), 'directory: data\n\nshrads: 8\n');
});
test.after(() => rmSync(home, { recursive: true, force: true }));

function run(args: readonly string[], environment: Record<string, string> = {}) {
  const env = { PATH: process.env['PATH'] ?? '', ...environment };
  return spawnSync(process.execPath, [MAIN, 'config', ...args], { encoding: 'utf8', cwd: home, env });
}

test('check says valid, or what is wrong and where', () => {
  const good = run(['check', 'good.yaml', '--id', '1']);
  assert.is(good.stdout, 'good.yaml: valid\n');
  assert.is(good.status, 0);
  const bad = run(['check', 'bad.yaml']);
  assert.is(bad.status, 2);
  assert.is(bad.stdout, '');
  assert.is(bad.stderr, 'synod: ERR_SYNOD_CONFIG: shrads (bad.yaml:3): unknown option; did you mean shards?\n');
  assert.equal(JSON.parse(run(['check', '--config', 'good.yaml', '--json'], { SYNOD_ID: '1' }).stdout), {
    ok: true,
    file: 'good.yaml',
  });
});

test('print tells every value with its source', () => {
  const { status, stdout } = run(['print', '--window-slots', '8'], { SYNOD_CONFIG: 'good.yaml', SYNOD_ID: '1' });
  assert.is(status, 0);
  assert.match(stdout, /^id +1 {2}\(environment SYNOD_ID\)$/m);
  assert.match(stdout, /^shards +8 {2}\(good.yaml:3\)$/m);
  assert.match(stdout, /^windowSlots +8 {2}\(flag --window-slots\)$/m);
  assert.match(stdout, /^tickMs +10 {2}\(default\)$/m);
  const { settings } = JSON.parse(run(['print', 'good.yaml', '--id=1', '--json']).stdout);
  assert.equal(settings.members, { value: '1@127.0.0.1:7101', source: 'good.yaml:1' });
  assert.equal(settings['tls.ca'], { value: null, source: 'default' });
});

test('a cluster in one process has settings of its own', () => {
  const { stdout } = run(['print', '--for', 'cluster', '--replicas', '5', '--durability', 'memory', '--json']);
  assert.equal(JSON.parse(stdout).settings.replicas, { value: 5, source: 'flag --replicas' });
});

test('help tells flags, variables and ranges', () => {
  const { status, stdout } = run(['check', '--help']);
  assert.is(status, 0);
  assert.match(stdout, /--window-slots {2}\(SYNOD_WINDOW_SLOTS\)/);
  assert.is(run([]).status, 2);
});

test.run();
