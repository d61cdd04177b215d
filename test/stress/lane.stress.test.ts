/**
 * Lane between real threads: the client routes it to and fro while stale readers are in the middle of copying.
 *
 * Two worker threads play the replicas' workers; each copies a run slowly and then confirms. The client accepts completions
 * only from the replica routed to, frees, and overwrites at once. Allowed outcomes of a copy: confirmed, then it is whole,
 * in order and what the client wrote; or refused. A confirmed torn copy makes a worker throw, a lane that stands still
 * makes the client throw.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromWords, highWord, lowWord } from '../../src/base/bits.ts';
import { Prng } from '../../src/base/prng.ts';
import { LANE_TAIL_WORD, LANE_WRITES, LINE_BYTES, LINE_WORDS, TYPE_COMMAND } from '../../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../../src/memory/lane.ts';
import { LaneReader } from '../../src/memory/lane-reader.ts';
import { Patience, runThreads } from './threads.ts';

const WORKERS = 2;
const CAPACITY = 4096;
const FIRST_NUMBER = 2 ** 32 - 30_000;
const STOP_WORD = 0;

/** Line of replica `index`: the leadership serial that it has, then the serial and the first number not yet completed. */
function lineOf(index: number): number {
  return (1 + index) * LINE_WORDS;
}
const LEADERSHIP = 0;
/** Completions: seqlock, serial, next number (two words). One writer: the worker. On a line of their own. */
const COMPLETION_LINE = WORKERS * LINE_WORDS;
const CHANGE = 0;
const SERIAL = 1;
const NEXT_LOW = 2;
const NEXT_HIGH = 3;

interface Task {
  role: 'client' | 'worker';
  lane: SharedArrayBuffer;
  block: SharedArrayBuffer;
  index: number;
  commands: number;
}

interface Result {
  confirmed: number;
  refused: number;
}

function sizeOf(number: number): number {
  return 4 * (Math.imul(lowWord(number), 0x9e3779b1) >>> 26);
}

function wordOf(number: number, index: number): number {
  return Math.imul(lowWord(number), 0x85ebca6b) ^ index;
}

function work({ lane, block, index }: Task): Result {
  const words = new Int32Array(block);
  const reader = new LaneReader(lane);
  const copy = new Int32Array(CAPACITY / 4);
  const prng = new Prng(index);
  const patience = new Patience();
  const completion = lineOf(index) + COMPLETION_LINE;
  const result: Result = { confirmed: 0, refused: 0 };
  let adopted = 0;
  let next = 0;
  while (Atomics.load(words, STOP_WORD) === 0) {
    const serial = Atomics.load(words, lineOf(index) + LEADERSHIP);
    // A slow worker looks at the route now and then only; meanwhile it goes on with what it believes.
    if ((prng.range(0, 4) === 0 || !reader.active) && reader.refresh(index, serial) && adopted !== serial) {
      adopted = serial;
      next = reader.routedNumber;
    }
    if (!reader.take(prng.range(1, 1024))) {
      Atomics.wait(words, STOP_WORD, 0, 0.05);
      continue;
    }
    const size = reader.runSize / 4;
    const from = reader.runOffset / 4;
    for (let at = 0; at < size; at += 1) copy[at] = reader.words[from + at]!;
    if (prng.range(0, 16) === 0) Atomics.wait(words, STOP_WORD, 0, 0.1);
    if (!reader.confirm()) {
      result.refused += 1;
      continue;
    }
    const end = verify(copy, size, next);
    result.confirmed += end - next;
    next = end;
    patience.progress();
    Atomics.add(words, completion + CHANGE, 1);
    Atomics.store(words, completion + SERIAL, adopted);
    Atomics.store(words, completion + NEXT_LOW, lowWord(next));
    Atomics.store(words, completion + NEXT_HIGH, highWord(next));
    Atomics.add(words, completion + CHANGE, 1);
  }
  return result;
}

/** Checks a confirmed copy against what the client must have written; returns the number behind its last command. */
function verify(copy: Int32Array, size: number, first: number): number {
  let number = first;
  let at = 0;
  while (at < size) {
    const bytes = copy[at]!;
    if (bytes !== 16 + sizeOf(number)) throw new Error(`command ${number} has size ${bytes}`);
    const found = fromWords(copy[at + 2]!, copy[at + 1]! & 0x1fffff);
    if (found !== number) throw new Error(`command ${found} came instead of ${number}`);
    for (let index = 4; index < bytes / 4; index += 1) {
      if (copy[at + index] !== wordOf(number, index)) throw new Error(`command ${number} is torn at word ${index}`);
    }
    number += 1;
    at += ((bytes + 7) & ~7) / 4;
  }
  if (at !== size) throw new Error('a run ends inside a record');
  return number;
}

/** The number that the routed replica completed up to, or 0 when it says nothing about this leadership. */
function completedUpTo(words: Int32Array, index: number, serial: number): number {
  const completion = lineOf(index) + COMPLETION_LINE;
  const change = Atomics.load(words, completion + CHANGE);
  const named = Atomics.load(words, completion + SERIAL);
  const low = Atomics.load(words, completion + NEXT_LOW);
  const high = Atomics.load(words, completion + NEXT_HIGH);
  if ((change & 1) !== 0 || Atomics.load(words, completion + CHANGE) !== change || named !== serial) return 0;
  return fromWords(low, high);
}

function drive({ lane, block, commands }: Task): Result {
  const words = new Int32Array(block);
  const writer = new LaneWriter(lane, FIRST_NUMBER);
  const prng = new Prng(commands);
  const patience = new Patience();
  const result: Result = { confirmed: 0, refused: 0 };
  let routed = 0;
  let serial = 0;
  let untilRoute = 0;
  while (writer.oldestNumber < FIRST_NUMBER + commands) {
    if (untilRoute <= 0) {
      untilRoute = prng.range(1, 600);
      routed = prng.range(0, WORKERS);
      serial += 1;
      Atomics.store(words, lineOf(routed) + LEADERSHIP, serial);
      writer.route(routed, serial);
    }
    const count = Math.max(0, completedUpTo(words, routed, serial) - writer.oldestNumber);
    writer.free(count);
    untilRoute -= count;
    if (fill(writer, commands) || count > 0) patience.progress();
    else patience.idle();
  }
  result.confirmed = writer.oldestNumber - FIRST_NUMBER;
  Atomics.store(words, STOP_WORD, 1);
  Atomics.notify(words, STOP_WORD);
  return result;
}

function fill(writer: LaneWriter, commands: number): boolean {
  let claimed = 0;
  for (; claimed < 32; claimed += 1) {
    const number = writer.nextNumber + claimed;
    if (number >= FIRST_NUMBER + commands) break;
    const bytes = sizeOf(number);
    const offset = writer.claim(bytes, TYPE_COMMAND);
    if (offset < 0) break;
    for (let index = 4; index < 4 + bytes / 4; index += 1) writer.words[offset / 4 + index - 4] = wordOf(number, index);
  }
  writer.publish();
  return claimed > 0;
}

if (isMainThread) {
  const test = suite('stress/lane');
  test('copies confirmed while the route moves are whole, in order and complete; others are refused', async () => {
    const commands = 200_000;
    const lane = createLane(CAPACITY, LANE_WRITES, 1);
    new Int32Array(lane)[LANE_TAIL_WORD] = (2 ** 31 - 2 ** 20) | 0;
    const block = new SharedArrayBuffer((1 + 2 * WORKERS) * LINE_BYTES);
    const tasks: Task[] = [{ role: 'client', lane, block, index: -1, commands }];
    for (let index = 0; index < WORKERS; index += 1) tasks.push({ role: 'worker', lane, block, index, commands });
    const [client, ...workers] = await runThreads<Result>(import.meta.url, tasks);
    assert.is(client!.confirmed, commands);
    const confirmed = workers.reduce((sum, worker) => sum + worker.confirmed, 0);
    const refused = workers.reduce((sum, worker) => sum + worker.refused, 0);
    assert.ok(confirmed >= commands, 'every command was confirmed at least once');
    assert.ok(refused > 0, 'some copies met a moving route, else nothing was tested');
  });
  test.run();
} else {
  const task = workerData as Task;
  parentPort!.postMessage(task.role === 'client' ? drive(task) : work(task));
}
