import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  LANE_DATA_BYTES,
  LANE_ROUTE_CHANGE_WORD,
  LANE_ROUTE_SERIAL_WORD,
  LANE_ROUTE_START_WORD,
  LANE_TAIL_WORD,
  TYPE_PADDING,
} from '../../../src/memory/descriptor.ts';
import { LaneReader } from '../../../src/memory/lane-reader.ts';
import { ALL, make, send, takeNumbers } from './lane-fixture.ts';

const test = suite('memory/lane routes');

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

test('a reader finds the floor that its client has set, beyond 2^32 too', () => {
  const { writer, reader } = make();
  assert.is(reader.floor, 0);
  for (const floor of [7, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 3]) {
    writer.setFloor(floor);
    assert.is(reader.floor, floor);
  }
});

test.run();
