/** Remembered replies: form, order, growth, eviction by count and by bytes, readers at any place. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SESSION_INFLIGHT_MAX, SESSION_REPLY_BYTES_MAX } from '../../../src/limits.ts';
import {
  REPLY_EVICTED,
  REPLY_HEADER_BYTES,
  REPLY_OK,
  REPLY_SIZE_WORD,
  REPLY_STATUS_WORD,
  REPLY_TOO_LARGE,
} from '../../../src/memory/descriptor.ts';
import { ReplyStore } from '../../../src/runtime/reply-store.ts';

const LARGE = 1 << 20;
const source = new Int32Array(LARGE);

function make(): ReplyStore {
  const store = new ReplyStore();
  store.reset();
  return store;
}

/** Appends the reply of `number`, which carries its number in its first and last word. */
function append(store: ReplyStore, number: number, length: number): void {
  source[0] = number;
  source[(length >> 2) - 1] = number;
  store.append(source, length, REPLY_OK);
}

interface ReadReply {
  size: number;
  status: number;
  first: number;
  last: number;
}

/** The run from `first` on, as far as `bytesMax` reaches. */
function read(store: ReplyStore, first: number, bytesMax: number): ReadReply[] {
  const bytes = store.measure(first, bytesMax);
  const target = new Uint8Array(bytes + 16);
  const words = new Int32Array(target.buffer);
  const count = store.copy(first, target, words, 8, bytes);
  const replies: ReadReply[] = [];
  for (let word = 2; replies.length < count; ) {
    const size = words[word + REPLY_SIZE_WORD] as number;
    const status = words[word + REPLY_STATUS_WORD] as number;
    replies.push({ size, status, first: words[word + 2] as number, last: words[word + (size >> 2) - 1] as number });
    word += ((size + 7) & ~7) >> 2;
  }
  return replies;
}

const test = suite('runtime/reply-store');

test('a reply comes back with size, status and bytes', () => {
  const store = make();
  store.append(Int32Array.of(7, 8), 8, REPLY_TOO_LARGE);
  assert.equal(read(store, 1, 1024), [{ size: REPLY_HEADER_BYTES + 8, status: REPLY_TOO_LARGE, first: 7, last: 8 }]);
});

test('a reply without bytes takes its header only', () => {
  const store = make();
  for (let i = 0; i < 3; i++) store.append(source, 0, REPLY_OK);
  assert.is(store.measure(1, 1024), 3 * REPLY_HEADER_BYTES);
});

test('a run holds whole replies, as many as its bytes allow, and at least one', () => {
  const store = make();
  for (let n = 1; n <= 4; n++) append(store, n, 12);
  assert.is(store.measure(1, 24 + 23), 24);
  assert.is(store.measure(1, 48), 48);
  assert.is(store.measure(1, 1), 24);
  assert.equal(
    read(store, 2, 48).map(({ first }) => first),
    [2, 3],
  );
});

test('readers may stand at any remembered number, forth and back', () => {
  const store = make();
  for (let n = 1; n <= 100; n++) append(store, n, 8 + 4 * (n % 5));
  for (const n of [50, 51, 1, 100, 99, 2, 100, 1]) assert.is(read(store, n, 1)[0]?.first, n);
});

test('the ring grows over what it holds, from any turn of the ring and any place of its reader', () => {
  for (const reader of [0, 3, SESSION_INFLIGHT_MAX / 2, SESSION_INFLIGHT_MAX - 1]) {
    const store = make();
    const last = 3 * SESSION_INFLIGHT_MAX + 1000;
    for (let n = 1; n <= last; n++) append(store, n, 16);
    const before = store.bytes.length;
    read(store, last - reader, 1);
    for (let n = 1; n <= 40; n++) append(store, last + n, 40_000);
    assert.ok(store.bytes.length > before);
    if (reader > 0 && reader < SESSION_INFLIGHT_MAX - 50)
      assert.is(read(store, last - reader + 1, 1)[0]?.last, last - reader + 1);
    for (let n = last - 3; n <= last + 40; n++) assert.is(read(store, n, 1)[0]?.last, n);
    for (let n = last - SESSION_INFLIGHT_MAX + 41; n <= last; n += 97) assert.is(read(store, n, 1)[0]?.last, n);
  }
});

test('a reader that keeps up is never lost, however often the ring turns and grows', () => {
  const store = make();
  for (let n = 1; n <= 3 * SESSION_INFLIGHT_MAX; n++) {
    append(store, n, n % 7 === 0 ? 40 : 16);
    assert.is(read(store, n, 1 << 16)[0]?.first, n);
  }
  for (let n = 3 * SESSION_INFLIGHT_MAX + 1; n <= 3 * SESSION_INFLIGHT_MAX + 40; n++) {
    append(store, n, 400_000);
    assert.is(read(store, n, 1 << 16)[0]?.last, n);
  }
});

test('a reply that needs the whole ring takes the place of all others', () => {
  const store = make();
  const length = 3 * LARGE;
  for (let n = 1; n <= 5; n++) {
    append(store, n, n % 3 === 0 ? 24 : length);
    assert.is(read(store, n, 1)[0]?.last, n);
  }
});

test('the oldest replies give way by count: exactly SESSION_INFLIGHT_MAX are remembered', () => {
  const store = make();
  const last = SESSION_INFLIGHT_MAX + 5;
  for (let n = 1; n <= last; n++) append(store, n, 8);
  assert.equal(read(store, 5, 1024), [
    { size: REPLY_HEADER_BYTES, status: REPLY_EVICTED, first: 0, last: REPLY_EVICTED },
  ]);
  assert.is(read(store, 6, 1)[0]?.first, 6);
  assert.is(read(store, last, 1)[0]?.first, last);
});

test('the oldest replies give way by bytes, and what is left is whole', () => {
  const store = make();
  for (let n = 1; n <= 10; n++) append(store, n, LARGE);
  assert.is(store.bytes.length, SESSION_REPLY_BYTES_MAX);
  const kept = [];
  for (let n = 1; n <= 10; n++) {
    const [reply] = read(store, n, 1) as [ReadReply];
    if (reply.status === REPLY_EVICTED) continue;
    assert.equal([reply.first, reply.last, reply.size], [n, n, REPLY_HEADER_BYTES + LARGE]);
    kept.push(n);
  }
  assert.equal(kept, [9, 10]);
});

test('an idle session stays small', () => {
  const store = make();
  for (let n = 1; n <= 1000; n++) append(store, n, 24);
  assert.ok(store.bytes.length <= 1 << 16);
});

test('two stores that saw the same replies evict the same ones', () => {
  const stores = [make(), make()];
  for (let n = 1; n <= 4000; n++) {
    for (const store of stores) append(store, n, 4 + (((n * 7919) % 9000) & ~3));
    if (n % 3 === 0) read(stores[0] as ReplyStore, n, 1 << 16);
  }
  for (let n = 1; n <= 4000; n++) {
    const [mine, theirs] = stores.map((store) => read(store, n, 1));
    assert.equal(mine, theirs);
  }
});

test('a number that was not applied has no reply', () => {
  const store = make();
  assert.throws(() => store.measure(1, 1024), /only what was applied has a reply/);
  append(store, 1, 8);
  assert.throws(() => store.copy(2, new Uint8Array(8), new Int32Array(2), 0, 8), /only what was applied has a reply/);
});

test('a reply that no session could remember is refused', () => {
  assert.throws(() => make().append(source, SESSION_REPLY_BYTES_MAX, REPLY_OK), /a reply fits its session/);
});

test('after a reset numbers begin at 1 and nothing is remembered', () => {
  const store = make();
  for (let n = 1; n <= 10; n++) append(store, n, 8);
  store.reset();
  assert.throws(() => store.measure(1, 1024), /only what was applied has a reply/);
  append(store, 1, 8);
  assert.is(read(store, 1, 1)[0]?.first, 1);
});

test('S18: a new session has a ring of the smallest size, so that all replicas evict alike', () => {
  const store = new ReplyStore();
  const fresh = store.bytes.length;
  const reply = new Int32Array(1 << 14);
  for (let n = 0; n < 4; n++) store.append(reply, 4 << 14, REPLY_OK);
  assert.ok(store.bytes.length > fresh);
  store.reset();
  assert.equal([store.bytes.length, store.words.length], [fresh, fresh / 4]);
});

test.run();
