/**
 * Doorbell between real threads: a lost wake is the bug that no unit test finds.
 *
 * The waits here have no useful time limit, and every item is published only after the one before was taken, so a single
 * lost wake stops everything and the ringer's patience ends. Allowed outcomes of a park: rung; or woken while the word
 * says asleep, by the late second half (the notify) of a ring whose first half was seen awake. Nothing else ends a park.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../src/base/prng.ts';
import { LINE_BYTES, LINE_WORDS } from '../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell, Sleeper, type Waker } from '../../src/memory/doorbell.ts';
import { Patience, runThreads } from './threads.ts';

const BELL_WORD = 0;
const WAIT_MS = 600_000;

/** Lines of ringer `ringer`: items that it published, items that were taken from it. */
function publishedWord(ringer: number): number {
  return (1 + 2 * ringer) * LINE_WORDS;
}

function takenWord(ringer: number): number {
  return (2 + 2 * ringer) * LINE_WORDS;
}

function createBlock(ringers: number): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + 2 * ringers) * LINE_BYTES);
}

/** Sleeps far beyond the time limit asked for, so that no time limit hides a lost wake. */
class PatientWaker extends AtomicsWaker {
  override park(word: number, expected: number): void {
    super.park(word, expected, WAIT_MS * 1000);
  }
}

interface Task {
  role: 'sleep' | 'ring';
  block: SharedArrayBuffer;
  items: number;
  ringers: number;
  ringer: number;
}

interface Result {
  items: number;
  parks: number;
  rung: number;
}

/** Takes what all ringers published; true when there was something. */
function take(words: Int32Array, ringers: number, result: Result): boolean {
  const before = result.items;
  for (let ringer = 0; ringer < ringers; ringer += 1) {
    const published = Atomics.load(words, publishedWord(ringer));
    result.items += published - words[takenWord(ringer)]!;
    Atomics.store(words, takenWord(ringer), published);
  }
  return result.items > before;
}

function sleep({ block, items, ringers }: Task): Result {
  const words = new Int32Array(block);
  const waker: Waker = new PatientWaker(block);
  const sleeper = new Sleeper(block, BELL_WORD, waker);
  const prng = new Prng(items);
  const result: Result = { items: 0, parks: 0, rung: 0 };
  while (result.items < items * ringers) {
    if (take(words, ringers, result)) continue;
    // Ringers meet every stage of falling asleep.
    for (let spin = prng.range(0, 60); spin > 0; spin -= 1) Atomics.load(words, BELL_WORD);
    sleeper.prepare();
    if (take(words, ringers, result)) {
      sleeper.cancel();
      continue;
    }
    result.parks += 1;
    if (sleeper.park(1)) result.rung += 1;
  }
  return result;
}

function ring({ block, items, ringer }: Task): Result {
  const words = new Int32Array(block);
  const doorbell = new Doorbell(block, BELL_WORD, new AtomicsWaker(block));
  const prng = new Prng(items + ringer);
  const patience = new Patience();
  const result: Result = { items, parks: 0, rung: 0 };
  for (let item = 1; item <= items; item += 1) {
    Atomics.store(words, publishedWord(ringer), item);
    if (doorbell.ring()) result.rung += 1;
    while (Atomics.load(words, takenWord(ringer)) !== item) patience.idle();
    patience.progress();
    for (let spin = prng.range(0, 300); spin > 0; spin -= 1) Atomics.load(words, takenWord(ringer));
  }
  return result;
}

if (isMainThread) {
  const test = suite('stress/doorbell');

  for (const ringers of [1, 2]) {
    const items = 20_000 / ringers;
    test(`${ringers} ringing, one parking: ${items} rounds each without a lost wake`, async () => {
      const shared = { block: createBlock(ringers), items, ringers };
      const tasks: Task[] = [{ ...shared, role: 'sleep', ringer: -1 }];
      for (let ringer = 0; ringer < ringers; ringer += 1) tasks.push({ ...shared, role: 'ring', ringer });
      const [sleeper, ...others] = await runThreads<Result>(import.meta.url, tasks);
      assert.is(sleeper!.items, items * ringers);
      assert.ok(sleeper!.parks > 0, 'the sleeper slept at all');
      assert.ok(sleeper!.rung <= sleeper!.parks);
      assert.ok(others.reduce((sum, other) => sum + other.rung, 0) >= sleeper!.rung, 'each rung park has its ring');
    });
  }

  test('a thread with an event loop is woken by a worker, 2000 times without a lost wake', async () => {
    const items = 2000;
    const block = createBlock(1);
    const words = new Int32Array(block);
    const sleeper = new Sleeper(block, BELL_WORD, new AtomicsWaker(block));
    const result: Result = { items: 0, parks: 0, rung: 0 };
    const task: Task = { role: 'ring', block, items, ringers: 1, ringer: 0 };
    const ringing = runThreads<Result>(import.meta.url, [task]);
    let isEnded = false;
    const ended = ringing.finally(() => (isEnded = true));
    while (result.items < items && !isEnded) {
      sleeper.prepare();
      const wait = take(words, 1, result) ? undefined : sleeper.asyncWait(WAIT_MS);
      if (wait !== undefined) {
        result.parks += 1;
        await Promise.race([wait, ended]);
      }
      sleeper.cancel();
    }
    await ringing;
    assert.is(result.items, items);
    assert.ok(result.parks > 0, 'the sleeper slept at all');
  });

  test.run();
} else {
  const task = workerData as Task;
  parentPort!.postMessage(task.role === 'sleep' ? sleep(task) : ring(task));
}
