/** The fast lane's session: ended in the log, resumed under the same numbers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { REPLY_SESSION_EXPIRED } from '../../../src/memory/descriptor.ts';
import { FakeGroup } from './fake-group.ts';
import { appliedOnce, expected, openLane, poll, publish } from './lane-client-kit.ts';

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
