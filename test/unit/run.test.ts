/** The runner itself, in child processes on fixture suites: every way to fail must be counted and named. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const PROGRAM = fileURLToPath(new URL('../run.js', import.meta.url));
const HEAD = `import { suite } from ${JSON.stringify(import.meta.resolve('uvu'))};\nconst s = suite('fixture');\n`;
const PASSING = `${HEAD}s('passes', () => {});\ns.run();\n`;

const test = suite<{ root: string }>('run');

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'synod-run-'));
});
test.after.each((context) => {
  rmSync(context.root, { recursive: true });
});

/** Runs the fixtures, named by their path; returns output, last line and exit code. */
function run(root: string, fixtures: Record<string, string>, ...args: string[]) {
  for (const [name, text] of Object.entries(fixtures)) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  const { stdout, stderr, status } = spawnSync(process.execPath, [PROGRAM, `--root=${root}`, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { output: stdout + stderr, last: stdout.trimEnd().split('\n').at(-1), status };
}

test('counts passed, failed and skipped tests over files', ({ root }) => {
  const mixed = `${HEAD}s('fails', () => { throw new Error('no'); });\ns('passes', () => {});\ns.skip('later', () => {});\ns.run();\n`;
  const result = run(root, { 'a.test.js': PASSING, 'deep/b.test.js': mixed, 'c.js': 'throw 1' });
  assert.is(result.last, '2 passed, 1 failed, 1 skipped');
  assert.is(result.status, 1);
});

test('succeeds only where something passed and nothing failed', ({ root }) => {
  const result = run(root, { 'a.test.js': PASSING });
  assert.is(result.last, '1 passed, 0 failed');
  assert.is(result.status, 0);
  assert.is(run(root, {}, 'no-such-part').last, '0 passed, 1 failed');
});

test('arguments filter by part of the path; long files run only when named', ({ root }) => {
  const fixtures = { 'one.test.js': PASSING, 'two.test.js': PASSING, 'three.long.test.js': PASSING };
  assert.is(run(root, fixtures).last, '2 passed, 0 failed');
  assert.is(run(root, fixtures, 'two').last, '1 passed, 0 failed');
  assert.is(run(root, fixtures, 'one', 'three').last, '2 passed, 0 failed');
});

test('contracts are on before the first import', ({ root }) => {
  const text = `${HEAD}s('on', () => { if (process.env.SYNOD_CONTRACTS !== '1') throw new Error('off'); });\ns.run();\n`;
  assert.is(run(root, { 'a.test.js': text }).last, '1 passed, 0 failed');
});

const SILENT_IN_UVU: Record<string, string> = {
  'a throwing before hook': `${HEAD}s.before(() => { throw new Error('hook'); });\ns('t', () => {});\ns.run();\n`,
  'a throwing after hook': `${HEAD}s.after(() => { throw new Error('hook'); });\ns('t', () => { throw new Error('x'); });\ns.run();\n`,
  'a throwing before.each hook': `${HEAD}s.before.each(() => { throw new Error('hook'); });\ns('t', () => {});\ns.run();\n`,
  'a throwing after.each hook': `${HEAD}s.after.each(() => { throw new Error('hook'); });\ns('t', () => {});\ns.run();\n`,
  'a thrown string': `${HEAD}s('t', () => { throw 'text'; });\ns.run();\n`,
  'a forgotten run()': `${HEAD}s('t', () => {});\n`,
  'a suite without tests': `${HEAD}s.run();\n`,
  'a file that does not load': `import './missing.js';\n`,
  'a rejection that nobody handles': `${HEAD}s('t', async () => { Promise.reject(new Error('lost')); await new Promise(setImmediate); throw new Error('x'); });\ns.run();\n`,
  'an exit in the middle': `${HEAD}s('t', () => process.exit(0));\ns.run();\n`,
  'a crash': `${HEAD}s('t', () => process.kill(process.pid, 'SIGSEGV'));\ns('u', () => new Promise((r) => setTimeout(r, 9e4)));\ns.run();\n`,
};

for (const [what, text] of Object.entries(SILENT_IN_UVU)) {
  test(`${what} is a failure, and the other files still run`, ({ root }) => {
    const result = run(root, { 'a.test.js': text, 'b.test.js': PASSING });
    assert.match(result.last as string, /^1 passed, [12] failed$/);
    assert.is(result.status, 1);
  });
}

test('a test that never settles, or blocks its thread, is named by the watchdog', ({ root }) => {
  const waits = `${HEAD}s('t', () => new Promise(() => { setInterval(() => {}, 1000); }));\ns.run();\n`;
  const blocks = `${HEAD}s('t', () => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); });\ns.run();\n`;
  const result = run(root, { 'a.test.js': waits, 'b.test.js': blocks, 'c.test.js': PASSING }, '--suite-ms=1500');
  assert.is(result.last, '1 passed, 2 failed');
  assert.match(result.output, /HUNG: a\.test\.js \(suite 1\)/);
  assert.match(result.output, /HUNG: b\.test\.js \(suite 1\)/);
});

test('a promise that nothing can settle any more ends early, and is counted', ({ root }) => {
  const drained = `${HEAD}s('t', () => new Promise(() => {}));\ns.run();\n`;
  const result = run(root, { 'a.test.js': drained, 'b.test.js': PASSING });
  assert.is(result.last, '1 passed, 1 failed');
  assert.match(result.output, /ENDED EARLY/);
});

test.run();
