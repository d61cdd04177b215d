import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromWords } from '../../../src/base/bits.ts';
import { SESSION_INFLIGHT_MAX } from '../../../src/limits.ts';
import {
  LANE_DATA_BYTES,
  LANE_READS,
  LANE_ROUTE_CHANGE_WORD,
  LANE_ROUTE_SERIAL_WORD,
  LANE_ROUTE_START_WORD,
  LANE_SESSION_WORD,
  LANE_TAIL_WORD,
  LANE_WRITES,
  TYPE_COMMAND,
  TYPE_OPEN_SESSION,
  TYPE_PADDING,
  TYPE_QUERY,
} from '../../../src/memory/descriptor.ts';
import { createLane, LaneReader, LaneWriter } from '../../../src/memory/lane.ts';

const test = suite('memory/lane');

const NONCE = 2 ** 52 + 12345;
const ALL = 1 << 20;

interface Record {
  type: number;
  number: number;
  session: number;
  size: number;
}

interface Fixture {
  lane: SharedArrayBuffer;
  words: Int32Array;
  writer: LaneWriter;
  reader: LaneReader;
}

/** A lane whose positions start at `start`, routed to replica 0 in leadership 1. */
function make(capacity = 512, start = 0, firstNumber = 1): Fixture {
  const lane = createLane(capacity, LANE_WRITES, NONCE);
  const words = new Int32Array(lane);
  words[LANE_TAIL_WORD] = start;
  const writer = new LaneWriter(lane, firstNumber);
  const reader = new LaneReader(lane);
  writer.route(0, 1);
  assert.ok(reader.refresh(0, 1));
  return { lane, words, writer, reader };
}

function send(writer: LaneWriter, ...payloads: number[]): void {
  for (const bytes of payloads) assert.ok(writer.claim(bytes, TYPE_COMMAND) > 0);
  writer.publish();
}

/** The records of the run found by `take`. */
function run(reader: LaneReader): Record[] {
  const records: Record[] = [];
  const end = reader.runOffset + reader.runSize;
  let offset = reader.runOffset;
  while (offset < end) {
    const word = offset >> 2;
    const size = reader.words[word]!;
    const high = reader.words[word + 1]! & 0x1fffff;
    records.push({
      type: reader.words[word + 1]! >>> 24,
      number: fromWords(reader.words[word + 2]!, high),
      session: reader.words[word + 3]!,
      size,
    });
    offset += (size + 7) & ~7;
  }
  assert.is(offset, end, 'a run consists of whole records');
  return records;
}

function takeNumbers(reader: LaneReader, maxBytes = ALL): number[] {
  if (!reader.take(maxBytes)) return [];
  const numbers = run(reader).map((record) => record.number);
  assert.ok(reader.confirm());
  return numbers;
}

test('records carry size, type, number in claim order and session', () => {
  const { writer, reader } = make();
  writer.setSession(77);
  const first = writer.claim(5, TYPE_COMMAND);
  const second = writer.claim(16, TYPE_QUERY);
  assert.is(first, LANE_DATA_BYTES + 16);
  assert.is(second, LANE_DATA_BYTES + 24 + 16);
  assert.is(writer.nextNumber, 1, 'a number is given at publish');
  assert.is(reader.available(), 0);
  writer.publish();
  assert.is(writer.nextNumber, 3);
  assert.is(writer.inFlight, 2);
  assert.ok(reader.take(ALL));
  assert.equal(run(reader), [
    { type: TYPE_COMMAND, number: 1, session: 77, size: 21 },
    { type: TYPE_QUERY, number: 2, session: 77, size: 32 },
  ]);
});

test('abandoned claims use up neither numbers nor room', () => {
  const { writer, reader } = make(128);
  send(writer, 8);
  assert.ok(writer.claim(48, TYPE_COMMAND) > 0);
  writer.abandon();
  writer.publish();
  assert.is(writer.nextNumber, 2);
  send(writer, 8);
  assert.equal(takeNumbers(reader), [1, 2]);
});

test('the session is opened by a record with the nonce and number 0, which uses up no number', () => {
  const { writer, reader } = make();
  const payload = writer.claimOpen();
  assert.ok(writer.claim(8, TYPE_COMMAND) > 0);
  writer.publish();
  assert.ok(reader.take(ALL));
  assert.equal(
    run(reader).map(({ type, number, size }) => [type, number, size]),
    [
      [TYPE_OPEN_SESSION, 0, 24],
      [TYPE_COMMAND, 1, 24],
    ],
  );
  assert.is(fromWords(reader.words[payload >> 2]!, reader.words[(payload >> 2) + 1]!), NONCE);
  assert.is(writer.inFlight, 1);
  writer.free(1);
  assert.is(writer.oldestNumber, 1);
  writer.free(1);
  assert.is(writer.oldestNumber, 2);
  assert.is(writer.inFlight, 0);
});

test('a session that opens late is written into every record without completion and into those to come', () => {
  const { writer, reader } = make(256, 176);
  send(writer, 8, 8, 40);
  writer.free(1);
  writer.claim(8, TYPE_COMMAND);
  writer.setSession(9);
  writer.claim(8, TYPE_COMMAND);
  writer.publish();
  assert.is(reader.session, 9);
  assert.ok(reader.take(48));
  assert.equal(
    run(reader).map(({ number, session }) => [number, session]),
    [
      [1, 0],
      [2, 9],
    ],
  );
  assert.ok(reader.confirm());
  assert.ok(reader.take(ALL));
  assert.equal(
    run(reader).map(({ number, session }) => [number, session]),
    [
      [3, 9],
      [4, 9],
      [5, 9],
    ],
  );
  assert.is(reader.words[LANE_SESSION_WORD], 9);
});

test('a full ring refuses until the oldest records are freed', () => {
  const { writer } = make(128);
  for (let n = 0; n < 4; n += 1) send(writer, 16);
  assert.is(writer.claim(0, TYPE_COMMAND), -1);
  assert.is(writer.claimOpen(), -1);
  writer.free(1);
  assert.is(writer.claim(17, TYPE_COMMAND), -1);
  assert.ok(writer.claim(16, TYPE_COMMAND) > 0);
});

test('at most SESSION_INFLIGHT_MAX numbers have no completion, unpublished claims included', () => {
  const { writer } = make(1 << 19);
  for (let n = 0; n < SESSION_INFLIGHT_MAX - 1; n += 1) assert.ok(writer.claim(0, TYPE_COMMAND) > 0);
  writer.publish();
  assert.ok(writer.claim(0, TYPE_COMMAND) > 0);
  assert.is(writer.claim(0, TYPE_COMMAND), -1);
  writer.publish();
  assert.is(writer.claim(0, TYPE_COMMAND), -1);
  assert.ok(writer.claimOpen() > 0, 'opening uses up no number');
  writer.free(1);
  assert.ok(writer.claim(0, TYPE_COMMAND) > 0);
});

test('take returns whole records up to its limit, and at least one', () => {
  const { writer, reader } = make();
  send(writer, 8, 8, 100, 8);
  assert.equal(takeNumbers(reader, 63), [1, 2]);
  assert.equal(takeNumbers(reader, 16), [3]);
  assert.equal(takeNumbers(reader, 16), [4]);
  assert.not.ok(reader.take(16));
  assert.is(reader.runSize, 0);
});

test('take ends at the end of the ring and skips the padding there', () => {
  // 128 - 72 = 56: one record of 24, then 32 bytes of padding.
  const { writer, reader } = make(128, 72);
  send(writer, 8, 24, 8);
  assert.is(reader.words[(LANE_DATA_BYTES + 96 + 4) >> 2]! >>> 24, TYPE_PADDING);
  assert.equal(takeNumbers(reader), [1]);
  assert.equal(takeNumbers(reader), [2, 3]);
  assert.is(reader.available(), 0);
});

test('padding of 8 bytes, and padding before anything was read', () => {
  const { writer, reader } = make(128, 120);
  send(writer, 8, 8);
  assert.equal(takeNumbers(reader, 30), [1]);
  assert.equal(takeNumbers(reader), [2]);
  writer.free(2);
  assert.is(writer.inFlight, 0);
});

test('a record that ends exactly at the end of the ring needs no padding', () => {
  const { writer, reader } = make(128, 96);
  send(writer, 16, 16);
  assert.equal(takeNumbers(reader), [1]);
  assert.equal(takeNumbers(reader), [2]);
});

test('positions wrap at 2^31 and 2^32 with the ring full', () => {
  for (const start of [2 ** 31 - 256, 2 ** 32 - 256]) {
    const { writer, reader } = make(128, start | 0);
    let expected = 1;
    for (let round = 0; round < 60; round += 1) {
      while (writer.claim(round % 33, TYPE_COMMAND) > 0) writer.publish();
      let taken = 0;
      for (let numbers = takeNumbers(reader); numbers.length > 0; numbers = takeNumbers(reader)) {
        for (const number of numbers) assert.is(number, expected++);
        taken += numbers.length;
      }
      assert.is(taken, writer.inFlight);
      writer.free(taken);
    }
    assert.is(writer.oldestNumber, expected);
  }
});

test('numbers cross 2^32 in records, in the route and in the counts', () => {
  const first = 2 ** 32 - 2;
  const { writer, reader } = make(512, 0, first);
  assert.is(reader.routedNumber, first);
  send(writer, 0, 0, 0, 0);
  assert.equal(takeNumbers(reader), [first, first + 1, first + 2, first + 3]);
  writer.free(3);
  assert.is(writer.oldestNumber, first + 3);
  assert.is(writer.nextNumber, first + 4);
  writer.route(0, 2);
  assert.ok(reader.refresh(0, 2));
  assert.is(reader.routedNumber, 2 ** 32 + 1);
  assert.equal(takeNumbers(reader), [2 ** 32 + 1]);
});

test('only the replica and leadership that the route names reads', () => {
  const { lane, writer, reader } = make();
  const other = new LaneReader(lane);
  send(writer, 8);
  assert.not.ok(other.refresh(1, 1), 'another replica');
  assert.not.ok(other.refresh(0, 2), 'another leadership');
  assert.not.ok(other.take(ALL));
  assert.is(other.available(), 0);
  assert.not.ok(other.confirm());
  assert.ok(other.refresh(0, 1));
  writer.unroute();
  assert.not.ok(reader.refresh(0, 1));
  assert.not.ok(reader.refresh(0, 0), 'serial 0 is nobody');
});

test('losing the leadership ends reading even though the route still names it', () => {
  const { writer, reader } = make();
  send(writer, 8);
  assert.not.ok(reader.refresh(0, 2));
  assert.not.ok(reader.active);
  writer.route(0, 2);
  assert.ok(reader.refresh(0, 2));
  assert.equal(takeNumbers(reader), [1]);
});

test('the next leader reads everything without completion again, from the oldest on', () => {
  const { lane, writer, reader } = make();
  const next = new LaneReader(lane);
  send(writer, 8, 8, 8);
  assert.equal(takeNumbers(reader), [1, 2, 3]);
  writer.free(1);
  writer.route(2, 5);
  assert.ok(next.refresh(2, 5));
  assert.is(next.routedNumber, 2);
  assert.equal(takeNumbers(next), [2, 3]);
  send(writer, 8);
  assert.ok(next.refresh(2, 5), 'an adopted route stays as it is');
  assert.equal(takeNumbers(next), [4]);
});

test('routing again to the same leadership makes it read again', () => {
  const { writer, reader } = make();
  send(writer, 8, 8);
  assert.equal(takeNumbers(reader), [1, 2]);
  writer.route(0, 1);
  assert.ok(reader.refresh(0, 1));
  assert.equal(takeNumbers(reader), [1, 2]);
});

test('a route half written is not adopted', () => {
  const { words, writer, reader } = make();
  send(writer, 8);
  const change = words[LANE_ROUTE_CHANGE_WORD]!;
  words[LANE_ROUTE_CHANGE_WORD] = change + 1;
  words[LANE_ROUTE_SERIAL_WORD] = 2;
  assert.not.ok(reader.refresh(0, 2));
  assert.not.ok(reader.refresh(0, 1));
  assert.throws(() => writer.route(0, 2), /one thread at a time/);
  words[LANE_ROUTE_CHANGE_WORD] = change + 2;
  assert.ok(reader.refresh(0, 2));
});

test('a route that changes while it is read is not adopted', () => {
  const { writer, reader } = make();
  const load = Atomics.load;
  writer.route(0, 4);
  Atomics.load = ((target: Int32Array, index: number) => {
    if (index === LANE_ROUTE_START_WORD) {
      Atomics.load = load;
      writer.route(1, 9);
    }
    return load(target, index);
  }) as typeof Atomics.load;
  try {
    assert.not.ok(reader.refresh(0, 4), 'half of it was the old route');
  } finally {
    Atomics.load = load;
  }
  assert.not.ok(reader.refresh(0, 4));
  assert.not.ok(reader.active);
});

test('a tail out of range on a standing route is damage', () => {
  for (const tail of [-8, 136]) {
    const { words, writer, reader } = make(128);
    send(writer, 16, 16, 16, 16);
    words[LANE_TAIL_WORD] = tail;
    assert.throws(() => reader.take(ALL), /cannot be/);
    assert.throws(() => reader.skipBelow(5), /cannot be/);
  }
});

test('a copy made while the route changed is refused, and the reader reads no more', () => {
  const { writer, reader } = make();
  send(writer, 8);
  assert.ok(reader.take(ALL));
  writer.route(1, 1);
  assert.not.ok(reader.confirm());
  assert.not.ok(reader.active);
  assert.not.ok(reader.take(ALL));
});

test('a stale reader overtaken at any stage gets no byte of a reused record past confirm', () => {
  for (let sent = 0; sent < 60; sent += 1) {
    const { lane, writer, reader } = make(128);
    send(writer, 8, 8);
    assert.equal(takeNumbers(reader, 24), [1]);
    const next = new LaneReader(lane);
    writer.route(1, 1);
    assert.ok(next.refresh(1, 1));
    // The new leader consumes, the client reuses the space under the stale cursor, at every possible distance.
    for (let n = 0; n < sent; n += 1) {
      while (takeNumbers(next).length > 0);
      writer.free(writer.inFlight);
      send(writer, (n * 13) % 40);
    }
    const found = reader.take(24);
    assert.not.ok(found && reader.confirm());
    assert.not.ok(reader.active);
  }
});

test('nonsense on a standing route is damage, on a changed one only stale', () => {
  for (const size of [0, -1, 8, 15, 2 ** 31 - 1, -(2 ** 31), 41]) {
    for (const isRouted of [true, false]) {
      const { words, writer, reader } = make(128);
      send(writer, 24, 24);
      words[LANE_DATA_BYTES >> 2] = size;
      if (!isRouted) writer.unroute();
      // 41 is a size that ends between two records: the second "record" is nonsense then.
      if (size === 41) words[(LANE_DATA_BYTES + 48) >> 2] = -1;
      if (isRouted) assert.throws(() => reader.take(60), /cannot be/);
      else assert.not.ok(reader.take(60));
    }
  }
});

test('a size below the header of a command is nonsense even where the next words look like a record', () => {
  const { words, writer, reader } = make(128, 0, 8);
  send(writer, 0, 0);
  words[LANE_DATA_BYTES >> 2] = 8;
  assert.throws(() => reader.take(16), /cannot be/);
});

test('padding that does not end the ring is nonsense', () => {
  const { words, writer, reader } = make(128, 96);
  send(writer, 24, 0);
  words[(LANE_DATA_BYTES + 96) >> 2] = 24;
  assert.is(words[(LANE_DATA_BYTES + 96 + 4) >> 2]! >>> 24, TYPE_PADDING);
  assert.throws(() => reader.take(ALL), /cannot be/);
});

test('skipBelow moves over what an earlier leader took, padding and open records included', () => {
  const { writer, reader } = make(256, 144);
  writer.claimOpen();
  send(writer, 8, 8, 40, 8);
  reader.skipBelow(1);
  reader.skipBelow(4);
  assert.not.ok(reader.confirm() && reader.runSize > 0);
  assert.equal(takeNumbers(reader), [4]);
  reader.skipBelow(9);
  assert.is(reader.available(), 0);
  send(writer, 8);
  assert.equal(takeNumbers(reader), [5]);
});

test('skipBelow stops at the first number that it does not cover', () => {
  const { writer, reader } = make();
  send(writer, 8, 8, 8);
  reader.skipBelow(2);
  reader.skipBelow(2);
  reader.skipBelow(1);
  assert.equal(takeNumbers(reader), [2, 3]);
});

test('refuses what a client must not do', () => {
  const { writer } = make(128);
  assert.throws(() => writer.claim(49, TYPE_COMMAND), /half its lane/);
  assert.throws(() => writer.claim(-1, TYPE_COMMAND), /negative size/);
  assert.throws(() => writer.claim(1, TYPE_OPEN_SESSION), /claimOpen/);
  assert.throws(() => writer.claim(1, TYPE_PADDING), /claimOpen/);
  send(writer, 8);
  writer.claim(8, TYPE_COMMAND);
  assert.throws(() => writer.free(2), /never published/);
  assert.throws(() => createLane(256, 3, 1), /writes or reads/);
  assert.throws(() => createLane(256, LANE_READS, -1), /53 bits/);
  assert.throws(() => createLane(100, LANE_READS, 1), /power of two/);
  assert.throws(() => new LaneWriter(createLane(256, LANE_READS, 1), 0), /begin at 1/);
});

test.run();
