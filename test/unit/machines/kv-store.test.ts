/** The store under the kv machine against a plain map: random puts, resizes, expiries and removals over few and many keys. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UNIT_WORDS } from '../../../src/machines/frozen-words.ts';
import { KvStore, type KvView } from '../../../src/machines/kv-store.ts';

const keyWords = (key: string): { words: Int32Array; length: number } => {
  const bytes = new TextEncoder().encode(key);
  const padded = new Uint8Array((bytes.length + 7) & ~3).fill(0x77);
  padded.set(bytes);
  return { words: new Int32Array(padded.buffer), length: bytes.length };
};

/** Sets `key` to `count` words of `value`. */
function put(store: KvStore, key: string, value: number, count: number, expiry: number): void {
  const { words, length } = keyWords(key);
  const hash = store.hash(words, 0, length);
  const found = store.find(words, 0, length, hash);
  let block = found === 0 ? store.insert(words, 0, length, hash, 4 * count) : store.resize(found, hash, 4 * count);
  store.setRevision(block, value);
  for (let i = 0; i < count; i++) store.page(block)[store.valueAt(block) + i] = value;
  block = store.setExpiry(block, hash, expiry);
}

function get(store: KvStore, key: string): { values: number[]; expiry: number; revision: number } | undefined {
  const { words, length } = keyWords(key);
  const block = store.find(words, 0, length, store.hash(words, 0, length));
  if (block === 0) return undefined;
  const at = store.valueAt(block);
  const values = Array.from(store.page(block).slice(at, at + store.valueLength(block) / 4));
  return { values, expiry: store.expiry(block), revision: store.revision(block) };
}

/** Brings what a view tells to an empty store. */
function load(store: KvStore, view: KvView): void {
  store.clear(view.header, view.free);
  for (let at = 0; !view.table.isRead; at += UNIT_WORDS) store.fillTable(at, view.unit.subarray(0, view.table.read()));
  for (let at = 0; !view.arena.isRead; at += UNIT_WORDS) store.fillArena(at, view.unit.subarray(0, view.arena.read()));
}

function remove(store: KvStore, key: string): void {
  const { words, length } = keyWords(key);
  const hash = store.hash(words, 0, length);
  const block = store.find(words, 0, length, hash);
  if (block !== 0) store.remove(block, hash);
}

const step = fc.record({
  key: fc.integer({ min: 0, max: 12 }).map((n) => `k${'x'.repeat(n % 5)}${n}`),
  count: fc.integer({ min: 0, max: 40 }),
  expiry: fc.constantFrom(0, 0, 1, 2 ** 40),
  isRemoval: fc.boolean(),
});

const test = suite('machines/kv-store');

test('behaves like a map under any sequence of changes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const store = new KvStore();
      const model = new Map<string, { values: number[]; expiry: number; revision: number }>();
      steps.forEach(({ key, count, expiry, isRemoval }, n) => {
        if (isRemoval) {
          remove(store, key);
          model.delete(key);
        } else {
          put(store, key, n + 1, count, expiry);
          model.set(key, { values: new Array<number>(count).fill(n + 1), expiry, revision: n + 1 });
        }
        assert.is(store.count, model.size);
        for (const [known, value] of model) assert.equal(get(store, known), value);
      });
    }),
    { numRuns: 60 },
  );
});

test('grows over many keys and finds each of them', () => {
  const store = new KvStore();
  for (let i = 0; i < 30_000; i++) put(store, `key-${i}`, i, 1 + (i % 20), 0);
  for (let i = 0; i < 30_000; i += 3) remove(store, `key-${i}`);
  for (let i = 0; i < 30_000; i++) {
    const found = get(store, `key-${i}`);
    assert.is(found?.revision, i % 3 === 0 ? undefined : i);
  }
  assert.is(store.count, 20_000);
});

test('keys of one hash are told apart by length, words and last bytes', () => {
  const store = new KvStore();
  const keys = ['abc\0', 'abc', 'a', 'b', 'ab', 'abcd', 'abce', 'abcda', 'abcdb', 'abcdabcd'].map(keyWords);
  const blocks = keys.map(({ words, length }) => store.insert(words, 0, length, 1, 4));
  keys.forEach(({ words, length }, i) => {
    assert.is(store.find(words, 0, length, 1), blocks[i]);
  });
});

test('a loaded store uses the place of removed keys again', () => {
  const store = new KvStore();
  for (let i = 0; i < 6000; i++) put(store, `key-${i}`, i, 4, 0);
  for (let i = 0; i < 6000; i++) remove(store, `key-${i}`);
  const loaded = new KvStore();
  load(loaded, store.freeze());
  const [, , before] = loaded.freeze().header;
  for (let i = 0; i < 6000; i++) put(loaded, `other-${i}`, i, 4, 0);
  assert.is(loaded.freeze().header[2], before);
});

test('a view is that of its moment while keys come, go, grow and the table doubles; what it keeps aside is given back', () => {
  const store = new KvStore();
  for (let i = 0; i < 20_000; i++) put(store, `key-${i}`, i, 1 + (i % 20), i % 5);
  const view = store.freeze();
  const loaded = new KvStore();
  store.thaw(store.freeze());
  const late = store.freeze();
  loaded.clear(late.header, late.free);
  let turn = 0;
  const disturb = (): void => {
    for (let i = 0; i < 3000; i++) {
      const key = (turn * 7919 + i * 13) % 40_000;
      if (i % 3 === 0) remove(store, `key-${key}`);
      else put(store, `key-${key}`, 1_000_000 + i, 1 + ((key + i) % 60), (i + 1) % 3);
    }
    turn += 1;
  };
  for (let at = 0; !late.table.isRead; at += UNIT_WORDS) {
    loaded.fillTable(at, late.unit.subarray(0, late.table.read()));
    disturb();
  }
  assert.ok(store.linesKept > 0);
  for (let at = 0; !late.arena.isRead; at += UNIT_WORDS) {
    loaded.fillArena(at, late.unit.subarray(0, late.arena.read()));
    disturb();
  }
  assert.is(store.linesKept, 0);
  store.thaw(view);
  store.thaw(late);
  assert.is(loaded.count, 20_000);
  for (let i = 0; i < 20_000; i++) {
    const found = get(loaded, `key-${i}`);
    assert.equal(found, { values: new Array<number>(1 + (i % 20)).fill(i), expiry: i % 5, revision: i });
  }
});

test('bytes behind a key in its last word do not count', () => {
  const store = new KvStore();
  put(store, 'abcde', 1, 1, 0);
  const words = new Int32Array(new TextEncoder().encode('abcdeXYZ').buffer);
  assert.ok(store.find(words, 0, 5, store.hash(words, 0, 5)) > 0);
});

test.run();
