/**
 * The child of test/run: loads the test files given as arguments and runs their suites, telling the parent on a pipe.
 *
 * Counted as failures, where uvu itself is silent: a file that cannot be loaded, a file that called no `.run()`, a suite
 * without tests, a throwing hook, a thrown value that is no Error, an exception or rejection outside any test.
 */
import { writeSync } from 'node:fs';
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Descriptor of the pipe to the parent; written synchronously, so that nothing is lost in a crash. */
export const EVENTS_FD = 3;

export type RunEvent =
  /** The next suite starts; number 0 = the file is being loaded. */
  | { kind: 'begin'; fileIndex: number; suiteNumber: number }
  | { kind: 'result'; passed: number; failed: number; skipped: number }
  /** All files were run. */
  | { kind: 'end' };

/** What uvu queues for each `.run()`: resolves to [errors or true, passed, skipped, total]. */
type UvuRun = () => Promise<[string | true, number, number, number]>;
interface UvuGlobals {
  UVU_DEFER: number;
  UVU_INDEX: number;
  UVU_QUEUE: (UvuRun | null)[][];
}

async function main(files: string[]): Promise<void> {
  const uvu = globalThis as unknown as UvuGlobals;
  uvu.UVU_DEFER = 1;
  uvu.UVU_QUEUE = [];
  process.on('uncaughtException', (error) => fail('exception outside any test', error));
  process.on('unhandledRejection', (reason) => fail('rejection that nobody handled', reason));
  for (const [fileIndex, file] of files.entries()) {
    emit({ kind: 'begin', fileIndex, suiteNumber: 0 });
    console.log(relative(process.cwd(), file));
    uvu.UVU_INDEX = fileIndex;
    const queue: UvuRun[] = [];
    uvu.UVU_QUEUE[fileIndex] = queue;
    try {
      await import(pathToFileURL(file).href);
    } catch (error) {
      fail('the file does not load', error);
      continue;
    }
    if (queue.length === 0) fail('no suite: is `suite.run()` missing at its end?');
    for (const [index, run] of queue.entries()) {
      emit({ kind: 'begin', fileIndex, suiteNumber: index + 1 });
      await runSuite(run);
    }
  }
  emit({ kind: 'end' });
}

async function runSuite(run: UvuRun): Promise<void> {
  try {
    const [errors, passed, skipped, total] = await run();
    emit({ kind: 'result', passed, failed: total - passed, skipped });
    if (errors !== true) console.log(errors);
    else if (passed < total) console.log('✘ a hook threw, or a test threw something that is no Error');
    if (total + skipped === 0) fail('the suite has no tests');
  } catch (error) {
    fail('an `after` hook threw', error);
  }
}

function fail(what: string, error?: unknown): void {
  console.log(`\n✘ ${what}`, error ?? '');
  emit({ kind: 'result', passed: 0, failed: 1, skipped: 0 });
}

function emit(event: RunEvent): void {
  writeSync(EVENTS_FD, `${JSON.stringify(event)}\n`);
}

if (process.argv[1]?.endsWith('run-files.js')) {
  await main(process.argv.slice(2));
  process.exit(0);
}
