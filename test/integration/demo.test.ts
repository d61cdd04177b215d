import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

const test = suite<{ folder: string }>('integration: demo');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'synod-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

function demo(cwd: string, ...args: string[]) {
  return spawnSync(process.execPath, [MAIN, 'demo', ...args], { cwd, encoding: 'utf8' });
}

/** The one line of a run with --json. */
function result(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = demo(cwd, '--json', ...args);
  assert.is(status, 0, `${stdout}${stderr}`);
  const lines = stdout.trim().split('\n');
  assert.is(lines.length, 1, stdout);
  return JSON.parse(lines[0] as string);
}

test('a durable run fails over, reopens from disk, and every command was applied exactly once', ({ folder }) => {
  const run = result(folder, '--seconds', '2', '--keys', '10000');
  assert.equal([run.name, run.ok, run.machine, run.transport], ['start', true, 'audit', 'memory']);
  assert.equal([run.replicas, run.shards, run.workers, run.payloadBytes, run.keys], [3, 4, 1, 64, 10_000]);
  assert.equal([run.lost, run.duplicated, run.digestsEqual], [0, 0, true]);
  assert.ok(run.acknowledged > 0);
  assert.is(run.unknown, run.issued - run.acknowledged);
  assert.type(run.failoverMs, 'number');
  assert.ok(run.diskBytesPerCommand > 3 * 64, 'three replicas wrote the command');
  assert.ok(run.latencyUs.p50 > 0 && run.latencyUs.p50 <= run.latencyUs.p99 && run.latencyUs.p99 <= run.latencyUs.max);
  assert.is(existsSync(join(folder, '.synod-demo')), false, 'the folder is removed at exit');
});

test('a directory that was named stays, and a second run goes on in it', ({ folder }) => {
  const args = ['--seconds', '1', '--directory', 'data', '--shards', '2', '--keys', '1000', '--durability', 'fs'];
  assert.is(result(folder, ...args).device, 'fs');
  assert.ok(existsSync(join(folder, 'data')));
  assert.is(result(folder, ...args).ok, true);
});

test('without a disk it verifies before the end and says that nothing is durable', ({ folder }) => {
  const { status, stdout } = demo(folder, '--seconds', '1', '--durability', 'memory', '--workers', 'per-group');
  assert.is(status, 0, stdout);
  assert.match(stdout, /NOT durable/);
  assert.match(stdout, /verifying before the end/);
  assert.match(stdout, /verdict +ok/);
});

test('SIGINT closes cleanly with exit code 130 and removes the folder', async ({ folder }) => {
  const child = spawn(
    process.execPath,
    [MAIN, 'demo', '--seconds', '600', '--payload', '64', '--durability', 'memory'],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await firstLiveLine(child);
  const ended = new Promise<number | null>((resolve) => {
    child.on('exit', (code) => resolve(code));
  });
  child.kill('SIGINT');
  assert.is(await ended, 130);
  assert.is(existsSync(join(folder, '.synod-demo')), false);
});

function firstLiveLine(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.stdout?.on('data', (text: Buffer) => {
      if (text.includes('ops/s')) resolve();
    });
  });
}

test.run();
