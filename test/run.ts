/**
 * Runs the uvu suites: `node dist/test/run.js [part of a path …]`, and ends with the line `N passed, N failed`.
 *
 *   run.ts (this process)  ── files ──▶  run-files.ts (child): loads and runs the suites, one file after the other
 *        counts, watchdog  ◀─ events ──
 *
 * uvu alone reports success for a throwing hook, a forgotten `.run()` or a thrown string; run-files counts those.
 * The child makes a crash or a blocked thread a counted failure too: the run goes on with the next file.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { EVENTS_FD, type RunEvent } from './run-files.ts';

/** Longest silence between two events of the child. A suite is one `.run()`. */
const SUITE_MS_MAX = 180_000;
/** Runs only when an argument names it: long simulations and soak tests. */
const LONG_SUFFIX = '.long.test.js';

interface Options {
  root: string;
  suiteMs: number;
  filters: string[];
}

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

async function main(): Promise<void> {
  const options = parseArguments(process.argv.slice(2));
  const files = findFiles(options);
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  if (files.length === 0) {
    console.log(`no test file under ${options.root} matches ${JSON.stringify(options.filters)}`);
    totals.failed++;
  }
  for (let next = 0; next < files.length; ) next += await runFiles(files.slice(next), options, totals);
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
  process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
  console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
}

function parseArguments(args: string[]): Options {
  const options: Options = { root: dirname(fileURLToPath(import.meta.url)), suiteMs: SUITE_MS_MAX, filters: [] };
  for (const arg of args) {
    if (arg.startsWith('--root=')) options.root = resolve(arg.slice('--root='.length));
    else if (arg.startsWith('--suite-ms=')) options.suiteMs = Number(arg.slice('--suite-ms='.length));
    else if (arg.startsWith('--'))
      throw new Error(`unknown flag ${arg}: use --root=DIR, --suite-ms=N or parts of paths`);
    else options.filters.push(arg);
  }
  return options;
}

function findFiles({ root, filters }: Options): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.js') && !isStale(join(root, path)))
    .map((path) => path.split(sep).join('/'))
    .filter((path) =>
      filters.length === 0 ? !path.endsWith(LONG_SUFFIX) : filters.some((part) => path.includes(part)),
    )
    .sort()
    .map((path) => join(root, path));
}

/** True for compiler output whose source is gone: tsc never removes what it once emitted. */
function isStale(file: string): boolean {
  const marker = `${sep}dist${sep}test${sep}`;
  const at = file.lastIndexOf(marker);
  return at >= 0 && !existsSync(`${file.slice(0, at)}${sep}test${sep}${file.slice(at + marker.length, -3)}.ts`);
}

/** Runs the files in one child; returns how many of them are done with: all, unless the child hung or died. */
function runFiles(files: string[], options: Options, totals: Totals): Promise<number> {
  const program = fileURLToPath(new URL('./run-files.js', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, program, ...files], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, SYNOD_CONTRACTS: '1' },
  });
  let fileIndex = 0;
  let where = 'start';
  let done = false;
  let hung = false;
  const bite = (): void => {
    hung = true;
    child.kill('SIGKILL');
  };
  let watchdog = setTimeout(bite, options.suiteMs);
  readEvents(child.stdio[EVENTS_FD] as Readable, (event) => {
    clearTimeout(watchdog);
    if (!hung) watchdog = setTimeout(bite, options.suiteMs);
    if (event.kind === 'begin') {
      fileIndex = event.fileIndex;
      where = `${relative(options.root, files[fileIndex] as string)} (suite ${event.suiteNumber})`;
    } else if (event.kind === 'result') {
      totals.passed += event.passed;
      totals.failed += event.failed;
      totals.skipped += event.skipped;
    } else {
      done = true;
    }
  });
  return new Promise((settle) => {
    child.once('close', (code, signal) => {
      clearTimeout(watchdog);
      if (done && code === 0) return settle(files.length);
      totals.failed++;
      if (hung) console.log(`\n✘ HUNG: ${where} gave no result in ${options.suiteMs} ms`);
      else console.log(`\n✘ ENDED EARLY: the process ended in ${where} with ${signal ?? `code ${code}`}`);
      settle(fileIndex + 1);
    });
  });
}

function readEvents(stream: Readable, onEvent: (event: RunEvent) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) onEvent(JSON.parse(line) as RunEvent);
  });
}

await main();
