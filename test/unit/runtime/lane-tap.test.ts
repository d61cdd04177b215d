/** A worker's end of a lane: routes, session ids, completions. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  LANE_READS,
  LANE_ROUTE_CHANGE_WORD,
  LANE_WRITES,
  RECORD_TYPE_SHIFT,
  RECORD_TYPE_WORD,
  REPLY_HEADER_BYTES,
  REPLY_OK,
  REPLY_SESSION_EXPIRED,
  REPLY_SESSION_OPENED,
  REPLY_SESSIONS_FULL,
  REPLY_SIZE_WORD,
  REPLY_STATUS_WORD,
  TYPE_CLOSE_SESSION,
  TYPE_COMMAND,
  TYPE_REPLIES,
} from '../../../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../../../src/memory/lane.ts';
import { createRing, RingConsumer } from '../../../src/memory/ring.ts';
import { LaneTap } from '../../../src/runtime/lane-tap.ts';
import { SessionTable } from '../../../src/runtime/session-table.ts';
import { put, takeCompletions } from '../../support/lane-kit.ts';

const SELF = 2;
const SERIAL = 5;
const NONCE = 2 ** 35 + 9;
const NOW = Float64Array.of(0);

function make(ringBytes = 4096, firstNumber = 1, kind = LANE_WRITES) {
  const lane = createLane(1 << 14, kind, NONCE);
  const ring = createRing(ringBytes);
  const tap = new LaneTap(3, lane, ring);
  const writer = new LaneWriter(lane, firstNumber);
  const refresh = (): boolean => tap.refresh(SELF, SERIAL);
  return { lane, tap, writer, ring: new RingConsumer(ring), refresh };
}

/** A session of this lane's nonce that applied `count` commands; the reply of number n is n. */
function apply(sessions: SessionTable, count: number, replyBytes = 4): number {
  const id = sessions.open(NONCE | 0, Math.floor(NONCE / 2 ** 32), 0);
  const index = sessions.lookup(id);
  const reply = new Int32Array(Math.max(2, replyBytes / 4));
  for (let n = 0; n < count; n++) {
    reply[0] = sessions.lastApplied(index) + 1;
    sessions.replies(index).append(reply, replyBytes, REPLY_OK);
    sessions.advance(index, NOW);
  }
  return id;
}

const opened = (...args: Parameters<typeof make>) => {
  const parts = make(...args);
  const sessions = new SessionTable();
  const id = apply(sessions, 0);
  parts.writer.setSession(id);
  return { ...parts, sessions, id };
};

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, n) => from + n);

const test = suite('runtime/lane-tap');

test('a route to this leadership is adopted with one mark, which names it', () => {
  const { lane, tap, writer, ring, refresh } = make();
  assert.not(refresh());
  writer.route(SELF, SERIAL);
  const change = new Int32Array(lane)[LANE_ROUTE_CHANGE_WORD];
  assert.equal([refresh(), refresh(), tap.isActive], [true, true, true]);
  assert.equal(takeCompletions(ring).marks, [change]);
  writer.route(SELF, SERIAL);
  assert.ok(refresh());
  assert.equal(takeCompletions(ring).marks, [new Int32Array(lane)[LANE_ROUTE_CHANGE_WORD]]);
});

test('a route to another replica, or to another leadership, is not', () => {
  const { tap, writer, ring, refresh } = make();
  writer.route(SELF + 1, SERIAL);
  assert.not(refresh());
  writer.route(SELF, SERIAL - 1);
  assert.not(refresh());
  writer.unroute();
  assert.not(refresh());
  assert.not(tap.isActive);
  assert.equal(takeCompletions(ring).marks, []);
});

test('as long as the mark finds no room the lane is not read', () => {
  const { tap, writer, ring, refresh } = make(128);
  assert.ok(tap.completions.claim(64, TYPE_REPLIES) >= 0 && tap.completions.claim(64, TYPE_REPLIES) >= 0);
  tap.completions.publish();
  writer.route(SELF, SERIAL);
  assert.equal([refresh(), tap.isActive], [false, false]);
  while (ring.next() >= 0);
  ring.release();
  assert.equal([refresh(), tap.isActive], [true, true]);
});

test('the client is told its session once the log has opened it, once per route', () => {
  const { tap, writer, ring, refresh } = make();
  const sessions = new SessionTable();
  writer.claimOpen();
  writer.publish();
  writer.route(SELF, SERIAL);
  refresh();
  assert.is(tap.complete(sessions, true, 0), 0, 'nothing is known of it yet');
  const id = apply(sessions, 0);
  assert.equal([tap.complete(sessions, true, 0), tap.complete(sessions, true, 0)], [1, 0]);
  const expected = { number: 0, status: REPLY_SESSION_OPENED, word: id };
  assert.equal(takeCompletions(ring).replies, [expected]);
  writer.route(SELF, SERIAL);
  refresh();
  assert.is(tap.complete(sessions, true, 0), 1);
  assert.equal(takeCompletions(ring).replies, [expected]);
});

test('a session that the table refused is told too', () => {
  const { tap, writer, ring, refresh } = make();
  writer.route(SELF, SERIAL);
  refresh();
  tap.complete({ findByAttempt: () => -1 } as unknown as SessionTable, true, 0);
  assert.is(takeCompletions(ring).replies[0]?.status, REPLY_SESSIONS_FULL);
});

test('every applied command is completed once, in order, in runs', () => {
  const { tap, writer, ring, refresh, sessions } = opened();
  for (let n = 1; n <= 10; n++) put(writer, n);
  writer.route(SELF, SERIAL);
  refresh();
  assert.is(tap.complete(sessions, true, 0), 0);
  apply(sessions, 4);
  assert.equal([tap.complete(sessions, true, 0), tap.complete(sessions, true, 0)], [4, 0]);
  apply(sessions, 6);
  assert.is(tap.complete(sessions, true, 0), 6);
  const { replies, runs } = takeCompletions(ring);
  const expected = range(1, 10).map((n) => ({ number: n, status: REPLY_OK, word: n }));
  assert.equal(replies, expected);
  assert.is(runs, 2);
});

test('what finds no room in the ring waits there for the client', () => {
  const { tap, writer, ring, refresh, sessions } = opened(512);
  for (let n = 1; n <= 40; n++) put(writer, n);
  writer.route(SELF, SERIAL);
  refresh();
  const found: number[] = [];
  for (let turn = 0; turn < 40; turn++) {
    apply(sessions, 1, 100);
    tap.complete(sessions, true, 0);
    if (turn % 7 === 6) found.push(...takeCompletions(ring, 2).replies.map(({ number }) => number));
  }
  assert.ok(found.length < 40, 'the ring was full');
  for (let more = -1; more !== found.length; tap.complete(sessions, true, 0)) {
    more = found.length;
    found.push(...takeCompletions(ring).replies.map(({ number }) => number));
  }
  assert.equal(found, range(1, 40));
});

test('completions begin at the oldest number that the client misses, whoever applied it', () => {
  const { tap, writer, ring, refresh, sessions } = opened();
  for (let n = 1; n <= 6; n++) put(writer, n);
  writer.free(2);
  apply(sessions, 4);
  writer.route(SELF, SERIAL);
  refresh();
  tap.complete(sessions, true, 0);
  assert.equal(
    takeCompletions(ring).replies.map(({ number }) => number),
    [3, 4],
  );
});

test('completed commands are not read for a batch any more', () => {
  const { tap, writer, refresh, sessions } = opened();
  for (let n = 1; n <= 5; n++) put(writer, n);
  apply(sessions, 3);
  writer.route(SELF, SERIAL);
  refresh();
  tap.complete(sessions, true, 0);
  assert.ok(tap.reader.take(1));
  assert.is(tap.reader.words[(tap.reader.runOffset >> 2) + 4], 4, 'the first one not applied');
});

test('a session that is gone ends the lane with one reply', () => {
  const { tap, writer, ring, refresh, sessions, id } = opened();
  for (let n = 1; n <= 5; n++) put(writer, n);
  apply(sessions, 2);
  writer.route(SELF, SERIAL);
  refresh();
  tap.complete(sessions, true, 0);
  sessions.close(id);
  assert.equal([tap.complete(sessions, true, 0), tap.complete(sessions, true, 0)], [1, 0]);
  assert.equal(takeCompletions(ring).replies.at(-1), { number: 3, status: REPLY_SESSION_EXPIRED, word: undefined });
});

test('numbers beyond 2^32 arrive whole', () => {
  const first = 2 ** 40 - 1;
  const { tap, writer, ring, refresh } = make(4096, first);
  writer.setSession(1);
  put(writer, 0);
  put(writer, 0);
  writer.route(SELF, SERIAL);
  refresh();
  tap.complete(
    {
      lookup: () => 0,
      lastApplied: () => first + 1,
      measureRun: () => REPLY_HEADER_BYTES,
      copyRun(_index: number, _first: number, _target: Uint8Array, words: Int32Array, offset: number) {
        words[(offset >> 2) + REPLY_SIZE_WORD] = REPLY_HEADER_BYTES;
        words[(offset >> 2) + REPLY_STATUS_WORD] = REPLY_OK;
        return 1;
      },
    } as unknown as SessionTable,
    true,
    2 ** 33,
  );
  assert.equal(
    takeCompletions(ring).replies.map(({ number }) => number),
    [first, first + 1],
  );
});

test('a lane of reads has no replies of its own', () => {
  const { tap, writer, ring, refresh } = make(4096, 1, LANE_READS);
  const sessions = new SessionTable();
  apply(sessions, 1);
  put(writer, 1, TYPE_COMMAND);
  writer.route(SELF, SERIAL);
  assert.ok(refresh());
  assert.ok(tap.isReads);
  assert.is(tap.complete(sessions, true, 0), 0);
  assert.equal(takeCompletions(ring).replies, []);
});

for (const isForwarded of [false, true])
  test(`the end of a session is not passed over with the commands before it, ${isForwarded ? 'forwarded' : 'led'}`, () => {
    const lane = createLane(1 << 14, LANE_WRITES, 77);
    const tap = new LaneTap(3, lane, createRing(4096), isForwarded);
    const writer = new LaneWriter(lane, 1);
    const table = new SessionTable();
    const id = table.open(77, 0, 0);
    writer.setSession(id);
    writer.route(0, 1);
    tap.refresh(0, 1);
    put(writer, 5);
    assert.ok(tap.reader.take(1 << 16) && tap.reader.confirm());
    writer.claimClose();
    writer.publish();
    if (isForwarded) assert.ok(tap.reader.take(1 << 16) && tap.reader.confirm());
    table.remember(table.lookup(id), new Int32Array(2), 4, REPLY_OK);
    table.advance(table.lookup(id), new Float64Array(1));
    tap.complete(table, !isForwarded, 1);
    if (isForwarded) {
      assert.ok(tap.reader.outstanding > 0, 'its frame may get lost');
      return;
    }
    assert.ok(tap.reader.take(1 << 16));
    assert.is(
      tap.reader.words[(tap.reader.runOffset >> 2) + RECORD_TYPE_WORD]! >>> RECORD_TYPE_SHIFT,
      TYPE_CLOSE_SESSION,
    );
  });

test.run();
