/** One group on its worker: what it does as leader, and does not do as follower. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  LANE_WRITES,
  REPLY_OK,
  REPLY_SESSION_EXPIRED,
  REPLY_SESSION_OPENED,
  TYPE_QUERY,
} from '../../../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../../../src/memory/lane.ts';
import { createRing, RingConsumer } from '../../../src/memory/ring.ts';
import type { GroupDriver } from '../../../src/runtime/group-driver.ts';
import { GroupHost } from '../../../src/runtime/group-host.ts';
import { LaneTap } from '../../../src/runtime/lane-tap.ts';
import { SessionTable } from '../../../src/runtime/session-table.ts';
import { InThreadCluster, portableBulk, type TestLane } from '../../support/in-thread-cluster.ts';
import { ListMachine, put, takeCompletions } from '../../support/lane-kit.ts';

const groupOf = (cluster: InThreadCluster, member: number): GroupHost => cluster.members[member]!.host.groups[0]!;
const machineOf = (cluster: InThreadCluster, member: number): ListMachine =>
  cluster.members[member]!.machine as ListMachine;

function route(cluster: InThreadCluster, lane: TestLane, member: number): void {
  lane.writer.route(member, cluster.members[member]!.driver.replica.state.leadershipSerial);
}

/** A cluster that member 0 leads. */
function led(): InThreadCluster {
  const cluster = new InThreadCluster(3, () => new ListMachine());
  cluster.ticks(20);
  assert.is(cluster.leader(), 0);
  return cluster;
}

/** A lane with an open session, routed to member 0. */
function openLane(cluster: InThreadCluster, nonce = 7): TestLane {
  const lane = cluster.lane('writes', nonce);
  lane.writer.claimOpen();
  lane.writer.publish();
  route(cluster, lane, 0);
  cluster.settle();
  const [reply] = takeCompletions(lane.rings[0]!).replies;
  assert.is(reply?.status, REPLY_SESSION_OPENED);
  lane.writer.setSession(reply!.word!);
  lane.writer.free(1);
  return lane;
}

const test = suite('runtime/group-host');

test('a follower takes nothing from a lane, even from one that names it', () => {
  const cluster = led();
  const lane = cluster.lane('writes');
  put(lane.writer, 1);
  route(cluster, lane, 1);
  lane.writer.route(1, 1);
  cluster.settle();
  assert.equal(takeCompletions(lane.rings[1]!), { marks: [], replies: [], runs: 0 });
});

test('what was completed is counted for the doorbell of the client', () => {
  const cluster = led();
  const lane = openLane(cluster);
  const group = groupOf(cluster, 0);
  group.completed = 0;
  for (let n = 0; n < 12; n++) put(lane.writer, n);
  cluster.settle();
  assert.is(group.completed, 12);
  assert.is(groupOf(cluster, 1).completed, 0);
});

test('a removed lane is not read any more; the others are', () => {
  const cluster = led();
  const gone = openLane(cluster, 7);
  const kept = openLane(cluster, 8);
  groupOf(cluster, 0).removeLane(7);
  groupOf(cluster, 0).removeLane(99);
  put(gone.writer, 1);
  put(kept.writer, 2);
  cluster.settle();
  assert.equal(machineOf(cluster, 0).list, [2]);
});

test('so is a removed lane of reads', () => {
  const cluster = led();
  const reads = cluster.lane('reads', 9);
  route(cluster, reads, 0);
  put(reads.writer, 0, TYPE_QUERY);
  cluster.settle();
  assert.is(takeCompletions(reads.rings[0]!).replies.length, 1);
  groupOf(cluster, 0).removeLane(9);
  put(reads.writer, 0, TYPE_QUERY);
  cluster.settle();
  assert.is(takeCompletions(reads.rings[0]!).replies.length, 0);
});

test('a stopped group does no work', () => {
  const cluster = led();
  const lane = openLane(cluster);
  const group = groupOf(cluster, 0);
  group.isRunning = false;
  put(lane.writer, 1);
  assert.is(group.work(), 0);
  assert.is(group.stoppedAt, cluster.members[0]!.driver.appliedWatermark);
});

test('log time goes on from the last batch when another replica leads, whatever its own clock says (S19)', () => {
  const cluster = led();
  const lane = openLane(cluster);
  const write = (value: number, down?: ReadonlySet<number>): void => {
    put(lane.writer, value);
    cluster.settle(down);
  };
  write(1);
  cluster.ticks(400);
  write(2);
  cluster.ticks(20);
  const down = new Set([0]);
  cluster.clockMs[0] = 500_000_000;
  cluster.ticks(200, down);
  const leader = cluster.leader(down);
  assert.ok(leader > 0);
  lane.writer.free(2);
  route(cluster, lane, leader);
  write(3, down);
  cluster.clockMs[0] += 70;
  write(4, down);
  const [first, second, third, fourth] = machineOf(cluster, leader).logTimes as [number, number, number, number];
  assert.is(second - first, 4000);
  assert.ok(third >= second, 'time does not go back');
  assert.ok(third - second < 10_000, 'nor does it jump to the clock of the new leader');
  assert.is(fourth - third, 70);
});

/** What a host asks of its driver, at the beginning of a leadership that has not applied everything yet. */
function recovering() {
  const driver = {
    groupId: 0,
    replica: { isLeader: true, state: { leadershipSerial: 3, hasState: true }, recoveryEnd: 5 },
    appliedWatermark: 4,
    applyChosen: () => 0,
    canPropose: () => false,
  };
  const sessions = new SessionTable();
  const host = new GroupHost({
    driver: driver as unknown as GroupDriver,
    sessions,
    log: undefined as never,
    bulk: portableBulk,
    self: 0,
    batchBytesTarget: 1024,
    payloadBytesMax: 1024,
    clockMs: new Float64Array(1),
  });
  const lane = createLane(1 << 12, LANE_WRITES, 1);
  const ring = createRing(1 << 12);
  host.addLane(new LaneTap(1, lane, ring));
  const writer = new LaneWriter(lane);
  return { driver, sessions, host, writer, ring: new RingConsumer(ring) };
}

test('no session is called expired before all that was ever acknowledged is applied here', () => {
  const { driver, sessions, host, writer, ring } = recovering();
  const id = sessions.open(1, 0, 0);
  sessions.close(id);
  writer.setSession(id);
  put(writer, 1);
  writer.route(0, 3);
  host.work();
  assert.equal(takeCompletions(ring).replies, []);
  driver.appliedWatermark = 5;
  driver.replica.state.hasState = false;
  host.work();
  assert.equal(takeCompletions(ring).replies, [], 'nor while an image is put in the place of the sessions');
  driver.replica.state.hasState = true;
  host.work();
  assert.is(takeCompletions(ring).replies[0]?.status, REPLY_SESSION_EXPIRED);
});

test('commands that an earlier leader took are completed by the next one', () => {
  const { driver, sessions, host, writer, ring } = recovering();
  const id = sessions.open(1, 0, 0);
  writer.setSession(id);
  put(writer, 1);
  writer.route(0, 3);
  driver.appliedWatermark = 5;
  host.work();
  const index = sessions.lookup(id);
  sessions.replies(index).append(new Int32Array(2), 4, REPLY_OK);
  sessions.advance(index, new Float64Array(1));
  host.work();
  assert.equal(takeCompletions(ring).replies, [{ number: 1, status: REPLY_OK, word: 0 }]);
  assert.is(host.completed, 1);
});

test('one that leads no longer completes nothing', () => {
  const { driver, host, writer, ring } = recovering();
  writer.setSession(4096);
  put(writer, 1);
  writer.route(0, 3);
  host.work();
  driver.appliedWatermark = 5;
  driver.replica.isLeader = false;
  host.work();
  assert.equal(takeCompletions(ring).replies, []);
});

test.run();
