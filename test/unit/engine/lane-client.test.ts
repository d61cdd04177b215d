/** The fast lane: every command completes once and in order, whatever happens to the leader. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import { SESSION_INFLIGHT_MAX } from '../../../src/limits.ts';
import { loadNumber } from '../../../src/memory/counters.ts';
import {
  DOORBELL_ASLEEP,
  DOORBELL_AWAKE,
  LANE_FLOOR_WORD,
  REPLY_OK,
  REPLY_QUERY_FAILED,
  REPLY_SESSION_EXPIRED,
  REPLY_SESSIONS_FULL,
  WORKER_DOORBELL_WORD,
} from '../../../src/memory/descriptor.ts';
import { FakeGroup } from './fake-group.ts';
import { ALL, appliedOnce, expected, openLane, poll, publish, type Reply } from './lane-client-kit.ts';

const test = suite('lane-client');

test('a lane takes commands once its session is open', () => {
  const group = new FakeGroup();
  const lane = group.lane();
  assert.is(lane.claim(8), -1);
  group.elect(1);
  lane.route(1, group.serial);
  group.work();
  assert.equal(poll(lane), []);
  assert.ok(lane.isOpen);
  assert.is(lane.claim(8) % 8, 0);
});

test('replies come in the order of the numbers, with the bytes that the machine wrote', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 100);
  assert.is(lane.inFlight, 100);
  assert.is(lane.lastNumber, 100);
  group.work();
  assert.equal(poll(lane), expected(0, 100));
  assert.is(lane.inFlight, 0);
  assert.equal(poll(lane), []);
});

test('a poll delivers at most its limit, and the next one goes on behind it', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 20);
  group.work();
  assert.equal(poll(lane, 7), expected(0, 7));
  assert.equal(poll(lane, 7), expected(7, 14));
  assert.equal(poll(lane, 7), expected(14, 20));
});

test('what was abandoned was never sent', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  lane.claim(8);
  lane.abandon();
  publish(lane, 0, 3);
  group.work();
  assert.equal(poll(lane), expected(0, 3));
});

test('a full lane says no, and takes commands again once completions were polled', () => {
  const group = new FakeGroup();
  const lane = openLane(group, 1 << 12);
  const fitted = publish(lane, 0, ALL, 512);
  assert.is(fitted, 7);
  group.work();
  assert.is(publish(lane, 7, 1, 512), 0);
  assert.is(poll(lane).length, 7);
  assert.is(publish(lane, 7, ALL, 512), 7);
});

test('no more numbers are in flight than replies are remembered', () => {
  const lane = openLane(new FakeGroup(), 1 << 20);
  assert.is(publish(lane, 0, ALL), SESSION_INFLIGHT_MAX);
});

test('after a fail-over everything in flight goes to the next leader and completes once', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 30);
  group.work();
  publish(lane, 30, 30);
  group.elect(1);
  lane.route(1, group.serial);
  assert.equal(poll(lane), []);
  group.work();
  assert.equal(poll(lane), expected(0, 60));
  assert.ok(appliedOnce(group, 60));
});

test('a run half delivered when the route changes is neither lost nor repeated', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 30);
  group.work();
  assert.equal(poll(lane, 11), expected(0, 11));
  group.elect(2);
  lane.route(2, group.serial);
  publish(lane, 30, 5);
  group.work();
  assert.equal(poll(lane), expected(11, 35));
  assert.ok(appliedOnce(group, 35));
});

test('completions of a former leadership of the same replica are passed over', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 10);
  group.work();
  for (const leader of [1, 0, 2, 0]) {
    group.elect(leader);
    lane.route(leader, group.serial);
    group.work();
  }
  assert.equal(poll(lane), expected(0, 10));
  publish(lane, 10, 10);
  group.work();
  assert.equal(poll(lane), expected(10, 20));
  assert.ok(appliedOnce(group, 20));
});

test('nothing is taken through a new route before its worker has adopted it', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 5);
  for (let route = 0; route < 3; route += 1) {
    group.work();
    group.elect(0);
    lane.route(0, group.serial);
  }
  assert.equal(poll(lane), []);
  assert.is(lane.inFlight, 5);
  group.work();
  assert.equal(poll(lane), expected(0, 5));
});

test('completion rings are handed back: more goes through them than they hold', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  for (let sent = 0; sent < 8000; sent += 100) {
    publish(lane, sent, 100);
    group.work();
    assert.equal(poll(lane), expected(sent, sent + 100));
  }
});

test('a session that was opening when the leader changed opens at the next one', () => {
  const group = new FakeGroup();
  const lane = group.lane();
  group.elect(0);
  lane.route(0, group.serial);
  group.work();
  group.elect(1);
  lane.route(1, group.serial);
  group.work();
  poll(lane);
  assert.ok(lane.isOpen);
  publish(lane, 0, 3);
  group.work();
  assert.equal(poll(lane), expected(0, 3));
});

test('without a route nothing is delivered; with the next one everything is', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 5);
  group.work();
  lane.unroute();
  assert.equal(poll(lane), []);
  publish(lane, 5, 1);
  group.work();
  assert.is(group.replicas[0]!.machine.applied.size, 5);
  group.elect(1);
  lane.route(1, group.serial);
  group.work();
  assert.equal(poll(lane), expected(0, 6));
});

test('many rounds through a small lane, with leaders that change, lose and repeat nothing', () => {
  const group = new FakeGroup();
  const lane = openLane(group, 1 << 12);
  const got: Reply[] = [];
  let sent = 0;
  for (let round = 0; round < 300; round += 1) {
    sent += publish(lane, sent, (round * 7) % 60);
    if (round % 3 > 0) group.work();
    if (round % 5 === 4) {
      group.elect((group.leader + 1) % 3);
      lane.route(group.leader, group.serial);
    }
    got.push(...poll(lane, (round * 11) % 50));
  }
  group.work();
  for (let more = poll(lane); more.length > 0; more = poll(lane)) {
    got.push(...more);
    group.work();
  }
  assert.ok(sent > 3000);
  assert.equal(got, expected(0, sent));
  assert.ok(appliedOnce(group, sent));
});

test('a callback that throws loses its own reply only', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 5);
  group.work();
  const fail = (number: number): void => {
    if (number === 3) throw new Error('mine');
  };
  assert.throws(() => lane.poll(fail, ALL), /mine/);
  assert.equal(poll(lane), expected(3, 5));
  assert.is(lane.inFlight, 0);
});

test('when the session ended, all in flight complete with that status and nothing more is taken', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 4);
  group.work();
  assert.equal(poll(lane, 1), expected(0, 1));
  const id = group.replicas[0]!.taps[0]!.reader.session;
  for (const { sessions } of group.replicas) sessions.close(id);
  publish(lane, 4, 2);
  group.elect(1);
  lane.route(1, group.serial);
  group.work();
  const ended = (number: number): Reply => ({ number, status: REPLY_SESSION_EXPIRED, word: -1, length: 0 });
  assert.equal(poll(lane, 2), [ended(2), ended(3)]);
  assert.equal(poll(lane), [ended(4), ended(5), ended(6)]);
  assert.is(lane.endStatus, REPLY_SESSION_EXPIRED);
  assert.is(lane.inFlight, 0);
  assert.is(lane.claim(8), -1);
  assert.equal(poll(lane), []);
});

test('a session that finds no place ends the lane before it began', () => {
  const group = new FakeGroup();
  const lane = group.lane();
  for (const { sessions } of group.replicas) for (let i = 1; sessions.open(i, 99, 0) > 0; i += 1);
  group.elect(0);
  lane.route(0, group.serial);
  group.work();
  assert.equal(poll(lane), []);
  assert.is(lane.endStatus, REPLY_SESSIONS_FULL);
  assert.is(lane.claim(8), -1);
});

test('a payload over the limit is refused by an error: waiting would not help', () => {
  const lane = openLane(new FakeGroup());
  assert.ok(lane.claim(4096) > 0);
  assert.throws(
    () => lane.claim(4097),
    (error: SynodError) => error.code === 'ERR_SYNOD_PAYLOAD_TOO_LARGE',
  );
});

test('publishing wakes the worker that the lane is routed to, and no other', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  const words = group.replicas.map(({ block }) => new Int32Array(block));
  for (const word of words) word[WORKER_DOORBELL_WORD] = DOORBELL_ASLEEP;
  publish(lane, 0, 1);
  const states = words.map((word) => word[WORKER_DOORBELL_WORD]);
  assert.equal(states, [DOORBELL_AWAKE, DOORBELL_ASLEEP, DOORBELL_ASLEEP]);
});

test('queries need no session; an answer or the failure of one query comes back', () => {
  const group = new FakeGroup();
  const writes = openLane(group);
  publish(writes, 0, 6);
  group.work();
  const reads = group.lane('reads');
  reads.route(group.leader, group.serial);
  publish(reads, 0, 1);
  publish(reads, 0, 1, 0);
  publish(reads, 0, 1);
  group.work();
  const replies = poll(reads);
  assert.equal(
    replies.map(({ number, status }) => [number, status]),
    [
      [1, REPLY_OK],
      [2, REPLY_QUERY_FAILED],
      [3, REPLY_OK],
    ],
  );
  assert.is(replies[0]!.word, 6);
});

test('queries in flight are asked again of the next leader', () => {
  const group = new FakeGroup();
  const reads = group.lane('reads');
  group.elect(0);
  reads.route(0, group.serial);
  publish(reads, 0, 3);
  group.elect(1);
  reads.route(1, group.serial);
  group.work();
  assert.equal(
    poll(reads).map(({ number }) => number),
    [1, 2, 3],
  );
});

test('a client knows the watermark of its newest answer, and its session reads wait for it', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 5);
  group.work();
  poll(lane);
  const written = lane.seen[0] as number;
  assert.is(written, group.replicas[0]!.applied);
  const reads = group.lane('sessionReads');
  reads.seen = lane.seen;
  reads.route(group.leader, group.serial);
  publish(reads, 0, 1);
  assert.is(loadNumber(reads.words, LANE_FLOOR_WORD), written);
  publish(lane, 5, 1);
  group.work();
  poll(lane);
  assert.ok((lane.seen[0] as number) > written);
  assert.is(poll(reads).length, 1);
});

test.run();
