/** `synod log` as an operator meets it: over the directory of a cluster that was closed, and over a damaged copy. */
import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kv, openCluster } from '../../../src/index.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

const test = suite('cli/log');

let home = '';
let directory = '';
test.before(async () => {
  home = mkdtempSync(join(tmpdir(), 'synod-cli-log-'));
  directory = join(home, 'sound');
  for (let life = 0; life < 2; life++) {
    const cluster = await openCluster({ directory, replicas: 3, shards: 2, durability: 'fs' });
    for (let n = 0; n < 10; n++) await cluster.propose(`key ${n}`, kv.put(`key ${n}`, 'value'));
    await cluster.close();
  }
});
test.after(() => rmSync(home, { recursive: true, force: true }));

function run(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, 'log', ...args], { encoding: 'utf8', cwd: home });
}

/** Names, sizes and times of everything below. */
function look(path: string): string {
  return readdirSync(path, { recursive: true })
    .map((name) => {
      const { mtimeMs, ctimeMs, size } = statSync(join(path, String(name)));
      return `${String(name)} ${mtimeMs} ${ctimeMs} ${size}`;
    })
    .sort()
    .join('\n');
}

test('inspect tells every log, its segments and the watermarks of its shards, and writes nothing', () => {
  const before = look(directory);
  const { status, stdout } = run('inspect', directory);
  assert.is(status, 0);
  for (let replica = 0; replica < 3; replica++) assert.match(stdout, join(directory, `replica-${replica}`, 'log-0'));
  assert.match(stdout, /incarnation 2, generation 2/);
  assert.match(stdout, /shard 1: promised \d+\.\d, commit \d+, truncated below 0, values of slots 0 to \d+/);
  const json = JSON.parse(run('inspect', join(directory, 'replica-1'), '--json').stdout);
  assert.equal([json.ok, json.logs.length, json.logs[0].damage, json.logs[0].segments.length], [true, 1, null, 2]);
  assert.equal(
    json.logs[0].groups.map(({ group }: { group: number }) => group),
    [0, 1],
  );
  run('verify', directory);
  run('dump', directory);
  assert.is(look(directory), before);
});

test('dump shows records, of one shard where asked, as lines or as JSON', () => {
  const log = join(directory, 'replica-0', 'log-0');
  const { status, stdout } = run('dump', log, '--shard', '1', '--limit', '3');
  assert.is(status, 0);
  assert.is(stdout.trim().split('\n').length, 3);
  assert.not.match(stdout, 'shard 0');
  const first = JSON.parse(run('dump', log, '--json', '--limit', '1').stdout);
  assert.equal([first.kind, first.slot, typeof first.position], ['promise', 0, 'number']);
});

test('damage is told with file, offset and what to do; the exit code says so', () => {
  const copy = join(home, 'damaged');
  cpSync(directory, copy, { recursive: true });
  const log = join(copy, 'replica-2', 'log-0');
  const file = openSync(join(log, '0000000000000000.seg'), 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, 8192 + 40);
  writeSync(file, Buffer.of((byte[0] as number) ^ 1), 0, 1, 8192 + 40);
  closeSync(file);
  for (const command of ['inspect', 'verify']) {
    const { status, stdout } = run(command, copy);
    assert.is(status, 5, command);
    assert.match(stdout, /0000000000000000\.seg is damaged at offset 8192 \(position 8192\), .*slot/);
    assert.match(stdout, 'restore the file');
  }
  assert.is(run('verify', join(copy, 'replica-0')).status, 0);
  const dump = run('dump', log);
  assert.is(dump.status, 5);
  assert.match(dump.stderr, 'is damaged');
  assert.not(JSON.parse(run('verify', log, '--json').stdout).ok);
});

test('what is no log, and what is no command, is refused', () => {
  const none = run('inspect', home);
  assert.is(none.status, 1);
  assert.match(none.stderr, 'ERR_SYNOD_DIRECTORY');
  assert.is(run('inspect').status, 2);
  assert.is(run('mend', directory).status, 2);
  assert.is(run('dump', directory, '--limit', '0').status, 2);
  assert.match(run('verify', '--help').stdout, /Exit codes: 0 sound, .* 5 damage found/);
});

test.run();
