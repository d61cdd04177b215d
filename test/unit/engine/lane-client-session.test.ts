/** The fast lane's session: ended in the log, resumed under the same numbers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LaneClient } from '../../../src/engine/lane-client.ts';
import { REPLY_OK, REPLY_SESSION_EXPIRED } from '../../../src/memory/descriptor.ts';
import { FakeGroup } from './fake-group.ts';

const ALL = 1_000_000;

interface Reply {
  number: number;
  status: number;
  word: number;
  length: number;
}

function poll(lane: LaneClient, limit = ALL): Reply[] {
  const replies: Reply[] = [];
  lane.poll((number, status, bytes, offset, length) => {
    const word = length >= 4 ? new DataView(bytes.buffer, offset, 4).getInt32(0, true) : -1;
    replies.push({ number, status, word, length });
  }, limit);
  return replies;
}

/** Publishes commands whose first words are `from`, `from + 1`, …; returns how many found room. */
function publish(lane: LaneClient, from: number, count: number, bytes = 8): number {
  for (let i = 0; i < count; i += 1) {
    const at = lane.claim(bytes);
    if (at < 0) return i;
    lane.words[at >> 2] = from + i;
    lane.publish();
  }
  return count;
}

function openLane(group: FakeGroup, laneBytes = 1 << 16): LaneClient {
  const lane = group.lane('writes', laneBytes);
  if (group.leader < 0) group.elect(0);
  lane.route(group.leader, group.serial);
  group.work();
  assert.equal(poll(lane), []);
  assert.ok(lane.isOpen);
  return lane;
}

const expected = (from: number, to: number): Reply[] =>
  Array.from({ length: to - from }, (_, i) => ({ number: from + i + 1, status: REPLY_OK, word: from + i, length: 8 }));

const appliedOnce = (group: FakeGroup, count: number): boolean =>
  group.replicas.every(
    ({ machine }) => machine.applied.size === count && [...machine.applied.values()].every((n) => n === 1),
  );

const test = suite('lane client: sessions');

test('a lane ends its session: what was published before is applied, nothing is claimed after', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 3);
  assert.ok(lane.end());
  assert.ok(lane.end(), 'twice is once');
  assert.is(lane.claim(8), -1);
  group.work();
  assert.equal(
    poll(lane).map(({ status }) => status),
    [REPLY_SESSION_EXPIRED, REPLY_SESSION_EXPIRED, REPLY_SESSION_EXPIRED],
    'their replies went with the session',
  );
  assert.is(lane.endStatus, REPLY_SESSION_EXPIRED);
  assert.ok(appliedOnce(group, 3));
  assert.is(group.replicas[0]!.sessions.count, 0);
});

test('a resumed lane goes on behind the last number applied, and the one before it is refused', () => {
  const group = new FakeGroup();
  const lane = openLane(group);
  publish(lane, 0, 5);
  group.work();
  poll(lane);
  const resumed = group.lane('writes', 1 << 16, lane.laneId);
  resumed.route(group.leader, group.serial);
  group.work();
  poll(resumed);
  assert.ok(resumed.isOpen);
  assert.is(resumed.lastApplied, 5);
  publish(resumed, 5, 2);
  group.work();
  assert.equal(poll(resumed), expected(5, 7));
  publish(lane, 90, 1);
  group.work();
  assert.is(poll(lane)[0]?.status, REPLY_SESSION_EXPIRED);
  assert.ok(appliedOnce(group, 7));
});

test('resuming what is not there ends the lane', () => {
  const group = new FakeGroup();
  openLane(group);
  const resumed = group.lane('writes', 1 << 16, 999);
  resumed.route(group.leader, group.serial);
  group.work();
  poll(resumed);
  assert.not(resumed.isOpen);
  assert.is(resumed.endStatus, REPLY_SESSION_EXPIRED);
});

test.run();
