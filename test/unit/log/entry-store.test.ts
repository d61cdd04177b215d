/** The in-memory tail: who lives where, who may be evicted. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_SEGMENT_BYTES } from '../../../src/limits.ts';
import { EntryStore } from '../../../src/log/entry-store.ts';
import { chunks } from '../../support/log-fixture.ts';

const test = suite('log/entry-store');

const S = LOG_SEGMENT_BYTES;

test('segments take chunks in turn, also beyond 2^32', () => {
  const store = new EntryStore(chunks(), true);
  const first = 2 ** 40;
  for (let segment = 0; segment < 9; segment++) {
    const base = first + segment * S;
    assert.is(store.enter(base, base), segment % 4);
    assert.is(store.chunkOf(base + 64), segment % 4);
    assert.ok(store.isResident(base + S - 64));
    assert.not(store.isResident(base + S), 'the next one is not there yet');
    assert.not(store.isResident(base - 4 * S), 'the one before in the same chunk is gone');
  }
});

test('a chunk is reused only when its last byte is durable', () => {
  const store = new EntryStore(chunks(), true);
  for (let segment = 0; segment < 4; segment++) {
    store.enter(segment * S, 0);
    store.extend(segment, 8192);
  }
  assert.not(store.canEnter(4 * S, 8191));
  assert.throws(() => store.enter(4 * S, 8191), /durable/);
  assert.ok(store.canEnter(4 * S, 8192));
  assert.is(store.enter(4 * S, 8192), 0);
  assert.not(store.canEnter(5 * S, S + 8191));
});

test('chunks of a volatile log are never reused', () => {
  const store = new EntryStore(chunks(), false);
  for (let segment = 0; segment < 4; segment++) store.enter(segment * S, segment * S);
  assert.not(store.canEnter(4 * S, Number.MAX_SAFE_INTEGER));
});

test('refuses chunks that hold no segment, and a recycled tail of one chunk', () => {
  assert.throws(() => new EntryStore([new SharedArrayBuffer(S - 1)], false), /one segment/);
  assert.throws(() => new EntryStore(chunks().slice(0, 1), true), /two chunks/);
});

test.run();
