import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromWords } from '../../../src/base/bits.ts';
import { SESSION_INFLIGHT_MAX } from '../../../src/limits.ts';
import {
  LANE_DATA_BYTES,
  LANE_READS,
  LANE_READS_STALE,
  LANE_SESSION_WORD,
  TYPE_COMMAND,
  TYPE_OPEN_SESSION,
  TYPE_PADDING,
  TYPE_QUERY,
} from '../../../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../../../src/memory/lane.ts';
import { ALL, make, NONCE, run, send, takeNumbers } from './lane-fixture.ts';

const test = suite('memory/lane');

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

test('refuses what a client must not do', () => {
  const { writer } = make(128);
  assert.throws(() => writer.claim(49, TYPE_COMMAND), /half its lane/);
  assert.throws(() => writer.claim(-1, TYPE_COMMAND), /negative size/);
  assert.throws(() => writer.claim(1, TYPE_OPEN_SESSION), /claims of their own/);
  assert.throws(() => writer.claim(1, TYPE_PADDING), /claims of their own/);
  send(writer, 8);
  writer.claim(8, TYPE_COMMAND);
  assert.throws(() => writer.free(2), /never published/);
  assert.throws(() => createLane(256, LANE_READS_STALE + 1, 1), /writes or reads/);
  assert.throws(() => createLane(256, LANE_READS, -1), /53 bits/);
  assert.throws(() => createLane(100, LANE_READS, 1), /power of two/);
  assert.throws(() => new LaneWriter(createLane(256, LANE_READS, 1), 0), /begin at 1/);
});

test.run();
