import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CounterReader, CounterWriter, createCounters, loadNumber, storeNumber } from '../../../src/memory/counters.ts';
import { LINE_WORDS } from '../../../src/memory/descriptor.ts';

const test = suite('memory/counters');

const NAMES = ['commands', 'bytes', 'parks'];

test('each counter adds up on its own and is read by index and name', () => {
  const block = createCounters(NAMES.length);
  const writer = new CounterWriter(block);
  const reader = new CounterReader(block, NAMES);
  writer.add(0, 2);
  writer.add(1, 5);
  writer.add(0, 3);
  assert.is(reader.value(0), 5);
  assert.is(reader.valueOf('bytes'), 5);
  assert.is(reader.valueOf('parks'), 0);
  assert.is(new Int32Array(block)[LINE_WORDS], 5, 'one line each');
});

test('a new writer goes on at the values there', () => {
  const block = createCounters(1);
  new CounterWriter(block).add(0, 2 ** 40);
  new CounterWriter(block).add(0, 1);
  assert.is(new CounterReader(block, ['n']).value(0), 2 ** 40 + 1);
});

test('numbers cross 2^31 and 2^32 and reach 2^53 - 1', () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  for (const value of [0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 33, 2 ** 53 - 1]) {
    storeNumber(words, 0, value);
    assert.is(loadNumber(words, 0), value);
  }
});

/** Every state of memory that storing `value` passes through, as a reader would see it. */
function statesOf(words: Int32Array, value: number): Int32Array[] {
  const states: Int32Array[] = [words.slice()];
  const store = Atomics.store;
  Atomics.store = ((target: Int32Array, index: number, word: number) => {
    const stored = store(target, index, word);
    states.push(words.slice());
    return stored;
  }) as typeof Atomics.store;
  try {
    storeNumber(words, 0, value);
  } finally {
    Atomics.store = store;
  }
  return states;
}

test('a reader at any point of a carry sees a number from the old to the new, and never less than before', () => {
  for (const [from, to] of [
    [2 ** 32 - 1, 2 ** 32],
    [2 ** 32 - 5, 2 ** 32 + 7],
    [2 ** 33 - 1, 2 ** 33 + 2 ** 31],
    [3, 5 * 2 ** 32 + 1],
  ] as const) {
    const words = new Int32Array(new SharedArrayBuffer(8));
    storeNumber(words, 0, from);
    const seen = statesOf(words, to).map((state) => loadNumber(state, 0));
    assert.is(seen[0], from);
    assert.is(seen.at(-1), to);
    for (let n = 1; n < seen.length; n += 1) assert.ok(seen[n]! >= seen[n - 1]!, `${seen}`);
  }
});

test('a reader that is overtaken by a whole carry looks again', () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  storeNumber(words, 0, 2 ** 32 - 1);
  const load = Atomics.load;
  let loads = 0;
  Atomics.load = ((target: Int32Array, index: number) => {
    loads += 1;
    if (loads === 2) storeNumber(words, 0, 2 ** 32);
    return load(target, index);
  }) as typeof Atomics.load;
  try {
    assert.is(loadNumber(words, 0), 2 ** 32);
  } finally {
    Atomics.load = load;
  }
  assert.is(loads, 6);
});

test('refuses counters that do not exist, shrinking and numbers beyond 53 bits', () => {
  const block = createCounters(NAMES.length);
  const writer = new CounterWriter(block);
  assert.throws(() => writer.add(3, 1), /no such counter/);
  assert.throws(() => writer.add(0, -1), /counters grow/);
  assert.throws(() => writer.add(0, 2 ** 53), /53 bits/);
  const reader = new CounterReader(block, NAMES);
  assert.throws(() => reader.valueOf('absent'), /no such counter/);
  assert.throws(() => new CounterReader(block, ['one']), /one name for each/);
  assert.throws(() => createCounters(0), /at least one/);
});

test.run();
