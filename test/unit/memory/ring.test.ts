import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  RING_DATA_BYTES,
  RING_HEAD_WORD,
  RING_TAIL_WORD,
  TYPE_COMMAND,
  TYPE_FRAME,
  TYPE_PADDING,
} from '../../../src/memory/descriptor.ts';
import { createRing, type RecordAlignment, RingConsumer, RingProducer } from '../../../src/memory/ring.ts';

const test = suite('memory/ring');

interface Ends {
  ring: SharedArrayBuffer;
  producer: RingProducer;
  consumer: RingConsumer;
}

/** A ring whose positions start at `start`, so that a test reaches a wrap at once. */
function ends(capacity: number, start = 0, alignment: RecordAlignment = 8): Ends {
  const ring = createRing(capacity);
  const words = new Int32Array(ring);
  words[RING_TAIL_WORD] = start;
  words[RING_HEAD_WORD] = start;
  return { ring, producer: new RingProducer(ring, alignment), consumer: new RingConsumer(ring, alignment) };
}

function send(producer: RingProducer, size: number, value: number): boolean {
  const offset = producer.claim(size, TYPE_COMMAND);
  if (offset < 0) return false;
  for (let n = offset + 8; n < offset + size; n += 1) producer.bytes[n] = value;
  producer.publish();
  return true;
}

function receive(consumer: RingConsumer, limit = 100): string[] {
  const seen: string[] = [];
  consumer.poll((words, bytes, offset, size) => {
    const payload = bytes.slice(offset + 8, offset + size);
    assert.ok(payload.every((byte) => byte === payload[0]));
    assert.is(words[offset >> 2], size);
    seen.push(`${size}:${payload[0] ?? '-'}`);
  }, limit);
  return seen;
}

test('a claim is invisible until it is published, several become visible together and in order', () => {
  const { producer, consumer } = ends(256);
  const first = producer.claim(12, TYPE_COMMAND);
  producer.bytes.fill(1, first + 8, first + 12);
  const second = producer.claim(9, TYPE_FRAME);
  producer.bytes.fill(2, second + 8, second + 9);
  assert.is(first, RING_DATA_BYTES);
  assert.is(second, RING_DATA_BYTES + 16);
  assert.is(producer.words[(second >> 2) + 1]! >>> 24, TYPE_FRAME);
  assert.ok(producer.hasClaims());
  assert.ok(consumer.isEmpty());
  assert.is(consumer.next(), -1);
  producer.publish();
  assert.not.ok(producer.hasClaims());
  assert.not.ok(consumer.isEmpty());
  assert.equal(receive(consumer), ['12:1', '9:2']);
  assert.ok(consumer.isEmpty());
});

test('abandon drops every unpublished claim and its padding, and nothing else', () => {
  const { producer, consumer } = ends(128, 104);
  producer.claim(16, TYPE_COMMAND);
  producer.publish();
  const words = producer.words.slice();
  assert.is(producer.claim(32, TYPE_COMMAND), RING_DATA_BYTES);
  producer.abandon();
  producer.publish();
  assert.is(producer.words[RING_TAIL_WORD], words[RING_TAIL_WORD]);
  assert.ok(send(producer, 8, 0));
  assert.equal(receive(consumer), ['16:0', '8:-']);
});

test('a full ring refuses, and goes on once the consumer released', () => {
  const { producer, consumer } = ends(128);
  for (let n = 0; n < 4; n += 1) assert.ok(send(producer, 32, n));
  assert.is(producer.claim(8, TYPE_COMMAND), -1);
  assert.not.ok(producer.hasRoom(8));
  assert.is(consumer.next(), RING_DATA_BYTES);
  assert.is(producer.claim(8, TYPE_COMMAND), -1, 'what was read but not released is still in use');
  consumer.release();
  assert.ok(producer.hasRoom(32));
  assert.not.ok(producer.hasRoom(40));
  assert.ok(send(producer, 32, 4));
  assert.equal(receive(consumer), ['32:1', '32:2', '32:3', '32:4']);
});

test('a failed claim changes nothing: claims before it can still be published', () => {
  const { producer, consumer } = ends(128, 64);
  assert.ok(producer.claim(64, TYPE_COMMAND) > 0);
  assert.ok(producer.claim(48, TYPE_COMMAND) > 0);
  assert.is(producer.claim(64, TYPE_COMMAND), -1);
  producer.publish();
  assert.equal(receive(consumer), ['64:0', '48:0']);
});

test('a record that does not fit the end is preceded by padding of any size from 8 on', () => {
  for (let gap = 8; gap <= 56; gap += 8) {
    const { producer, consumer } = ends(128, 128 - gap);
    assert.ok(send(producer, gap + 8, 7));
    const padding = (RING_DATA_BYTES + 128 - gap) >> 2;
    assert.is(producer.words[padding], gap);
    assert.is(producer.words[padding + 1]! >>> 24, TYPE_PADDING);
    assert.not.ok(consumer.isEmpty());
    assert.equal(receive(consumer), [`${gap + 8}:7`]);
    assert.ok(consumer.isEmpty());
    assert.is(producer.words[RING_HEAD_WORD], producer.words[RING_TAIL_WORD]);
  }
});

test('a record that fits the end exactly needs no padding', () => {
  const { producer, consumer } = ends(128, 96);
  assert.ok(send(producer, 32, 1));
  assert.ok(send(producer, 64, 2));
  assert.ok(send(producer, 32, 3));
  assert.not.ok(producer.hasRoom(8));
  assert.equal(receive(consumer), ['32:1', '64:2', '32:3']);
});

test('positions wrap at 2^31 and at 2^32', () => {
  for (const wrap of [2 ** 31, 2 ** 32]) {
    for (const alignment of [8, 64] as const) {
      const { producer, consumer } = ends(512, (wrap - 1024) | 0, alignment);
      for (let n = 0; n < 200; n += 1) {
        assert.ok(send(producer, 9 + (n % 200), n));
        assert.equal(receive(consumer), [`${9 + (n % 200)}:${n}`]);
      }
      const tail = producer.words[RING_TAIL_WORD]!;
      assert.ok(wrap === 2 ** 31 ? tail < 0 : tail > 0 && tail < 2 ** 20, 'the run crossed the wrap');
    }
  }
});

test('the whole capacity is usable across the wrap of positions', () => {
  for (const start of [2 ** 31 - 64, -64]) {
    const { producer, consumer } = ends(128, start | 0);
    for (let n = 0; n < 8; n += 1) assert.ok(send(producer, 16, n + 1));
    assert.not.ok(send(producer, 8, 0));
    assert.equal(receive(consumer, 3), ['16:1', '16:2', '16:3']);
    assert.equal(receive(consumer), ['16:4', '16:5', '16:6', '16:7', '16:8']);
  }
});

test('records of a ring aligned to 64 begin at multiples of 64', () => {
  const { producer, consumer } = ends(1024, 0, 64);
  for (const size of [8, 64, 65, 200]) {
    assert.is(producer.claim(size, TYPE_FRAME) % 64, 0);
    producer.publish();
  }
  assert.equal(receive(consumer), ['8:-', '64:0', '65:0', '200:0']);
});

test('poll stops at its limit and publishes the head once', () => {
  const { producer, consumer } = ends(256);
  for (let n = 0; n < 5; n += 1) send(producer, 16, n);
  const heads: number[] = [];
  const count = consumer.poll(() => heads.push(Atomics.load(consumer.words, RING_HEAD_WORD)), 3);
  assert.is(count, 3);
  assert.equal(heads, [0, 0, 0]);
  assert.is(consumer.words[RING_HEAD_WORD], 48);
  assert.equal(receive(consumer), ['16:3', '16:4']);
  assert.is(
    consumer.poll(() => 0, 0),
    0,
  );
});

test('new ends on a used ring go on where the old ones published', () => {
  const { ring, producer, consumer } = ends(128);
  send(producer, 24, 1);
  send(producer, 24, 2);
  send(producer, 24, 3);
  producer.claim(24, TYPE_COMMAND);
  assert.equal(receive(consumer, 1), ['24:1']);
  assert.ok(consumer.next() > 0, 'read, never released');
  const again = new RingProducer(ring);
  send(again, 24, 4);
  assert.equal(receive(new RingConsumer(ring)), ['24:2', '24:3', '24:4']);
});

test('a throwing handler loses nothing that was not handed over', () => {
  const { producer, consumer } = ends(256);
  for (let n = 1; n <= 3; n += 1) send(producer, 16, n);
  const broken = (): void => {
    throw new Error('handler');
  };
  assert.throws(() => consumer.poll(broken, 10), /handler/);
  assert.is(consumer.words[RING_HEAD_WORD], 0);
  assert.equal(receive(consumer), ['16:2', '16:3']);
  assert.is(consumer.words[RING_HEAD_WORD], 48);
});

test('refuses records larger than half the ring or smaller than a header, and padding from outside', () => {
  const { producer } = ends(128);
  assert.throws(() => producer.claim(65, TYPE_COMMAND), /half its ring/);
  assert.throws(() => producer.hasRoom(65), /half its ring/);
  assert.throws(() => producer.claim(7, TYPE_COMMAND), /at least its header/);
  assert.throws(() => producer.claim(-1, TYPE_COMMAND), /at least its header/);
  assert.throws(() => producer.claim(8, TYPE_PADDING), /padding/);
});

test('a corrupt size is an error, never a loop and never a read outside the ring', () => {
  for (const size of [0, -1, 7, -(2 ** 31), 2 ** 31 - 1, 25, 128, 136]) {
    const { producer, consumer } = ends(128, 64);
    send(producer, 24, 1);
    producer.words[(RING_DATA_BYTES + 64) >> 2] = size;
    assert.throws(() => consumer.next(), /a record (is smaller|reaches beyond)/);
    assert.throws(() => consumer.poll(() => 0, 5), /a record (is smaller|reaches beyond)/);
    assert.is(consumer.words[RING_HEAD_WORD], 64);
  }
});

test('a record that crosses the end of the ring is an error', () => {
  const { producer, consumer } = ends(128, 112);
  send(producer, 32, 1);
  producer.words[(RING_DATA_BYTES + 112) >> 2] = 24;
  assert.throws(() => consumer.next(), /beyond the end of the ring/);
});

test('padding anywhere but at the end is an error', () => {
  const { producer, consumer } = ends(128);
  send(producer, 16, 1);
  producer.words[(RING_DATA_BYTES >> 2) + 1] = TYPE_PADDING << 24;
  assert.throws(() => consumer.next(), /padding stands at the end/);
});

test('a tail or head out of range is an error', () => {
  for (const tail of [-8, 136, -(2 ** 31)]) {
    const { consumer, producer } = ends(128);
    producer.words[RING_TAIL_WORD] = tail;
    assert.throws(() => consumer.next(), /tail of the ring left its range/);
  }
  const { producer } = ends(128);
  producer.words[RING_HEAD_WORD] = 8;
  for (let n = 0; n < 4; n += 1) if (n < 3) send(producer, 32, n);
  producer.words[RING_HEAD_WORD] = 104;
  assert.throws(() => producer.claim(64, TYPE_COMMAND), /released beyond its tail/);
});

test('refuses memory that is no ring', () => {
  assert.throws(() => createRing(100), /power of two/);
  assert.throws(() => new RingProducer(new SharedArrayBuffer(RING_DATA_BYTES + 96)), /power of two/);
  assert.throws(() => new RingConsumer(createRing(64)), /too small/);
  const { ring } = ends(128, 8);
  assert.throws(() => new RingProducer(ring, 64), /another alignment/);
  assert.throws(() => new RingConsumer(ring, 64), /another alignment/);
});

test('the last claim may give back what it does not need', () => {
  const ring = createRing(1024);
  const producer = new RingProducer(ring);
  const first = producer.claim(200, TYPE_FRAME);
  producer.trim(first, 24);
  const second = producer.claim(40, TYPE_FRAME);
  assert.is(second, first + 24);
  producer.publish();
  const sizes: number[] = [];
  new RingConsumer(ring).poll((_words, _bytes, _offset, size) => void sizes.push(size), 9);
  assert.equal(sizes, [24, 40]);
});

test('and only the last one, and only to get smaller', () => {
  const producer = new RingProducer(createRing(1024));
  const first = producer.claim(64, TYPE_FRAME);
  assert.throws(() => producer.trim(first, 72), /smaller/);
  assert.throws(() => producer.trim(first, 4), /smaller/);
  producer.claim(64, TYPE_FRAME);
  assert.throws(() => producer.trim(first, 16), /last claim/);
});

test.run();
