/** `npm run bench` as a process: exit codes, and a smoke run of the suites that need nothing but a processor. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Row } from '../../../bench/row.ts';

const MAIN = fileURLToPath(new URL('../../../bench/main.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'synod-bench-test-'));

const test = suite('bench main');
test.after(() => rmSync(directory, { recursive: true, force: true }));

const bench = (...args: string[]) =>
  spawnSync(process.execPath, [MAIN, ...args, '--directory', join(directory, 'scratch')], { encoding: 'utf8' });

function rowsOf(stdout: string): Row[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
}

test('a wrong flag or suite ends with 2 and a sentence', () => {
  for (const args of [['--nonsense'], ['nosuite'], ['--payload', '1']]) {
    const { status, stderr } = bench(...args);
    assert.is(status, 2);
    assert.is(stderr.trim().split('\n').length, 1, stderr);
  }
});

test('--help ends with 0', () => {
  const { status, stdout } = bench('--help');
  assert.is(status, 0);
  assert.match(stdout, /--seconds/);
});

test('a smoke run prints one JSON line per case, the same hashes each time, and leaves nothing behind', () => {
  const args = ['ring', 'paxos', '--smoke', '--json', '--only', '-batch-32', '--seconds', '0.02'];
  const [first, second] = [bench(...args), bench(...args)];
  assert.is(first.status, 0, first.stderr);
  const rows = rowsOf(first.stdout);
  assert.equal(
    rows.map((row) => row.case),
    ['one-thread-batch-32', 'lane-batch-32', 'two-threads-batch-32'],
  );
  for (const row of rows) assert.ok((row.opsPerSecond as number) > 0, row.case);
  assert.match(String(rows[0]['resultHash']), /^[0-9a-f]{8}$/);
  assert.equal(
    rows.map((row) => row['resultHash']),
    rowsOf(second.stdout).map((row) => row['resultHash']),
  );
  assert.equal(readdirSync(directory), []);
});

test('the core allocates less than a thousandth of a byte per command', () => {
  const { stdout } = bench('paxos', '--json', '--only', 'pipeline-64', '--seconds', '1');
  const [row] = rowsOf(stdout);
  assert.ok((row['allocationOperations'] as number) >= 1_000_000);
  const bytes = row.allocatedBytesPerCommand?.coordinator as number;
  assert.ok(bytes < 0.001, `${bytes} bytes per command`);
});

test.run();
