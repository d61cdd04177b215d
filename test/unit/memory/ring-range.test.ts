/** Ranges of a ring: whole records, never padding, released in order while later ones are in flight. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RING_HEAD_WORD, RING_TAIL_WORD, TYPE_FRAME } from '../../../src/memory/descriptor.ts';
import { createRing, RingProducer } from '../../../src/memory/ring.ts';
import { RangeConsumer } from '../../../src/memory/ring-range.ts';

const test = suite('memory/ring-range');

function make(capacity = 1024, start = 0) {
  const ring = createRing(capacity);
  const words = new Int32Array(ring);
  words[RING_TAIL_WORD] = start;
  words[RING_HEAD_WORD] = start;
  const producer = new RingProducer(ring, 64);
  const put = (size: number): boolean => {
    const offset = producer.claim(size, TYPE_FRAME);
    if (offset < 0) return false;
    producer.publish();
    return true;
  };
  return { words, put, range: new RangeConsumer(ring, 64) };
}

test('a range holds as many whole records as fit, and at least one', () => {
  const { put, range } = make();
  for (const size of [64, 100, 64]) put(size);
  assert.is(range.next(200), 192);
  assert.is(range.records, 2);
  assert.is(range.next(10), 64, 'one record, though it is larger than what was asked for');
  assert.is(range.next(200), 0);
});

test('the producer gets bytes back only when they are released', () => {
  const { put, range } = make(256);
  assert.ok(put(128) && put(128));
  assert.not.ok(put(64));
  range.next(128);
  assert.not.ok(put(64), 'read is not released');
  range.release(128);
  assert.ok(put(64));
});

test('ranges in flight are released in order, in parts too', () => {
  const { words, put, range } = make();
  for (let i = 0; i < 4; i++) put(64);
  range.next(128);
  range.next(128);
  assert.is(range.inFlight(), 256);
  range.release(192);
  assert.is(words[RING_HEAD_WORD], 192);
  assert.is(range.inFlight(), 64);
});

test('a range never wraps, and padding is released with what stands before it', () => {
  const { words, put, range } = make(1024, 0x7fff_ff00);
  // 256 bytes to the end of the ring: 192 for a record, 64 padding before the next.
  assert.ok(put(192) && put(128));
  assert.is(range.next(1000), 192);
  assert.is(range.next(1000), 128);
  range.release(192);
  assert.is(words[RING_HEAD_WORD]! >>> 0, 0x8000_0000, 'over the padding');
  range.release(128);
  assert.is(range.inFlight(), 0);
});

test('a new reader begins with what an earlier one had in flight', () => {
  const ring = createRing(1024);
  const producer = new RingProducer(ring, 64);
  for (let i = 0; i < 3; i++) producer.claim(64, TYPE_FRAME);
  producer.publish();
  const first = new RangeConsumer(ring, 64);
  first.next(64);
  first.release(64);
  first.next(64);
  assert.is(new RangeConsumer(ring, 64).next(1000), 128);
});

test('discarding frees everything and counts what was never read', () => {
  const { put, range, words } = make(1024, 1024 - 128);
  for (const size of [64, 128, 64]) put(size);
  range.next(64);
  assert.is(range.discard(), 2);
  assert.is(range.inFlight(), 0);
  assert.is(words[RING_HEAD_WORD], words[RING_TAIL_WORD]);
});

test('more than was read cannot be released', () => {
  const { put, range } = make();
  put(64);
  range.next(64);
  assert.throws(() => range.release(128), /only what was read/);
});

test.run();
