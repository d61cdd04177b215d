/**
 * Named shared counters: one thread adds, any thread reads, nobody sends a message.
 *
 *   counter n (line n)   0  LOW    4  HIGH
 *
 * A 53-bit number in two words is read without a lock. The writer stores LOW alone as long as HIGH stays; when HIGH changes
 * it first stores the new HIGH complemented (negative, so no reader takes it for a number), then LOW, then HIGH.
 * A reader that meets the complement takes the number before the carry: it lies between the old value and the new one, so
 * reading waits for nobody, not even for a writer that died between its stores.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { fromWords, highWord, lowWord, TWO_POW_32 } from '../base/bits.ts';
import { LINE_BYTES, LINE_WORDS } from './descriptor.ts';

/** Stores a growing number below 2^53 in words `word` and `word + 1`. One thread only. */
export function storeNumber(words: Int32Array, word: number, value: number): void {
  assert(value >= 0 && value <= Number.MAX_SAFE_INTEGER, 'a shared number has at most 53 bits');
  const high = highWord(value);
  if (words[word + 1] === high) {
    Atomics.store(words, word, lowWord(value));
    return;
  }
  Atomics.store(words, word + 1, ~high);
  Atomics.store(words, word, lowWord(value));
  Atomics.store(words, word + 1, high);
}

/** Loads a growing number that another thread stores. */
export function loadNumber(words: Int32Array, word: number): number {
  for (;;) {
    const high = Atomics.load(words, word + 1);
    if (high < 0) return ~high * TWO_POW_32 - 1;
    const low = Atomics.load(words, word);
    // Differs only when a whole carry passed by in between: once in 2^32 additions.
    if (Atomics.load(words, word + 1) === high) return fromWords(low, high);
  }
}

/** Memory for `count` counters. */
export function createCounters(count: number): SharedArrayBuffer {
  assert(count > 0, 'a block of counters holds at least one');
  return new SharedArrayBuffer(count * LINE_BYTES);
}

/** The adding side; counters are named by their index. A new one on a used block goes on at the values there. */
export class CounterWriter {
  private readonly words: Int32Array;
  private readonly totals: Float64Array;

  constructor(block: SharedArrayBuffer) {
    this.words = new Int32Array(block);
    this.totals = new Float64Array(block.byteLength / LINE_BYTES);
    for (let index = 0; index < this.totals.length; index += 1) {
      this.totals[index] = loadNumber(this.words, index * LINE_WORDS);
    }
  }

  add(index: number, delta: number): void {
    assert(index >= 0 && index < this.totals.length, 'no such counter');
    assert(delta >= 0, 'counters grow');
    const total = this.totals[index]! + delta;
    this.totals[index] = total;
    storeNumber(this.words, index * LINE_WORDS, total);
  }
}

/** The reading side, by index or name. */
export class CounterReader {
  readonly names: readonly string[];
  private readonly words: Int32Array;

  constructor(block: SharedArrayBuffer, names: readonly string[]) {
    assert(block.byteLength === names.length * LINE_BYTES, 'one name for each counter');
    this.names = names;
    this.words = new Int32Array(block);
  }

  value(index: number): number {
    assert(index >= 0 && index < this.names.length, 'no such counter');
    return loadNumber(this.words, index * LINE_WORDS);
  }

  valueOf(name: string): number {
    return this.value(this.names.indexOf(name));
  }
}
