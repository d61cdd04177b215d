/** Whole replicas in one thread on logs that fill up, fail or are slow: who leads, what is refused, what goes on by itself. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  LOG_BLOCK_BYTES,
  LOG_SEGMENT_BYTES,
  SLOW_LOG_PAUSE_TICKS,
  SLOW_LOG_TICKS,
  SPACE_RETRY_TICKS,
} from '../../../src/limits.ts';
import { openLog } from '../../../src/log/open-log.ts';
import { TYPE_QUERY } from '../../../src/memory/descriptor.ts';
import { softwareChecksum } from '../../../src/wire/crc32c.ts';
import { InThreadCluster, type TestLane, TIMING } from '../../support/in-thread-cluster.ts';
import { completions, ListMachine, open, put } from '../../support/list-lane.ts';
import { TestDevice, TestMedium } from '../../support/test-device.ts';

const test = suite('replica-host on failing media');

/** Two chunks per member are enough, and are made once. */
const CHUNKS = Array.from({ length: 3 }, () =>
  Array.from({ length: 2 }, () => new SharedArrayBuffer(LOG_SEGMENT_BYTES)),
);

/** Three members on logs of their own; member 0 leads and a session is open. */
function make() {
  const devices: TestDevice[] = [];
  const makeLog = (member: number) => {
    const medium = new TestMedium();
    const device = new TestDevice(medium, CHUNKS[member]!);
    device.isPrompt = true;
    devices.push(device);
    const { log } = openLog({
      device,
      reader: medium,
      chunks: CHUNKS[member]!,
      checksum: softwareChecksum,
      identity: { clusterId: 7, nodeId: member + 1, logNumber: 0 },
      visitor: () => {},
      onForgotten: () => {},
      mayRejoin: true,
      aheadOffset: 8 * LOG_BLOCK_BYTES,
    });
    return log;
  };
  const cluster = new InThreadCluster(3, () => new ListMachine(), 1, false, makeLog);
  cluster.ticks(20);
  const lane = cluster.lane('writes');
  open(cluster, lane, 0);
  return { cluster, devices, lane };
}

function route(cluster: InThreadCluster, lane: TestLane, member: number): void {
  lane.writer.route(member, cluster.members[member]!.driver.replica.state.leadershipSerial);
}

const count = (lane: TestLane, member: number): number =>
  completions(lane, member).reduce((sum, run) => sum + run.count, 0);

/** Commands one by one, until the log of `member` is full. */
function fill(cluster: InThreadCluster, lane: TestLane, member: number): number {
  let puts = 0;
  for (; !cluster.members[member]!.host.log.isFull && puts < 100; puts++) {
    put(lane, puts);
    cluster.settle();
  }
  assert.ok(puts < 100, 'the log is full at some time');
  return puts;
}

const errorsOf = (cluster: InThreadCluster): unknown[] => cluster.members.flatMap(({ errors }) => errors);

test('one full disk: leadership moves to a member with space, and commands go on', () => {
  const { cluster, devices, lane } = make();
  devices[0]!.isDiskFull = true;
  const asked = fill(cluster, lane, 0);
  cluster.ticks(60);
  const leader = cluster.leader();
  assert.ok(leader > 0, `member ${leader} leads`);
  route(cluster, lane, leader);
  for (let n = 0; n < 10; n++) put(lane, 1000 + n);
  cluster.ticks(2);
  assert.ok(count(lane, leader) >= 10);
  const elections = cluster.members[leader]!.driver.replica.state.promisedBallot;
  cluster.ticks(500);
  assert.is(cluster.members[leader]!.driver.replica.state.promisedBallot, elections, 'nobody disturbs the new leader');
  devices[0]!.isDiskFull = false;
  cluster.ticks(SPACE_RETRY_TICKS + 100);
  const lists = cluster.members.map(({ machine }) => (machine as ListMachine).list);
  assert.is(lists[0]!.length, asked + 10);
  assert.equal(lists[1], lists[0]);
  assert.equal(errorsOf(cluster), []);
});

test('all disks full: the leader stays, reads are answered, commands wait and go on by themselves', () => {
  const { cluster, devices, lane } = make();
  for (const device of devices) device.isDiskFull = true;
  fill(cluster, lane, 0);
  cluster.ticks(60);
  const { promisedBallot } = cluster.members[0]!.driver.replica.state;
  count(lane, 0);
  for (let n = 0; n < 5; n++) put(lane, 2000 + n);
  cluster.ticks(400);
  assert.is(cluster.leader(), 0, 'the leader stays');
  assert.is(cluster.members[0]!.driver.replica.state.promisedBallot, promisedBallot);
  assert.is(count(lane, 0), 0, 'commands wait');
  const reads = cluster.lane('reads', 8);
  route(cluster, reads, 0);
  put(reads, 0, TYPE_QUERY);
  cluster.ticks(5);
  assert.is(count(reads, 0), 1, 'reads are answered');
  for (const device of devices) device.isDiskFull = false;
  cluster.ticks(SPACE_RETRY_TICKS + 50);
  assert.is(count(lane, 0), 5);
  assert.equal(errorsOf(cluster), []);
});

test('all disks full: a leader that dies is replaced', () => {
  const { cluster, devices, lane } = make();
  for (const device of devices) device.isDiskFull = true;
  fill(cluster, lane, 0);
  const down = new Set([0]);
  cluster.ticks(3 * TIMING.electionTimeoutTicks + TIMING.electionJitterTicks, down);
  assert.ok(cluster.leader(down) > 0, 'hard state finds room');
});

test('EIO: the groups of the log stop, and another member leads within an election timeout', () => {
  const { cluster, devices, lane } = make();
  for (let n = 0; n < 20; n++) put(lane, n);
  cluster.ticks(2);
  devices[0]!.errno = 5;
  cluster.ticks(5);
  assert.is(cluster.members[0]!.errors.length, 1);
  assert.not(cluster.members[0]!.host.groups[0]!.isRunning);
  const leader = cluster.leader(new Set([0]));
  assert.ok(leader > 0, 'asked, not waited for');
  count(lane, 0);
  for (let n = 20; n < 30; n++) put(lane, n);
  route(cluster, lane, leader);
  cluster.ticks(5);
  assert.equal(
    (cluster.members[leader]!.machine as ListMachine).list,
    Array.from({ length: 30 }, (_, n) => n),
  );
});

test('no space for a write past the cache: the worker ends, to recover from the medium', () => {
  const { cluster, devices } = make();
  devices[1]!.errno = 28;
  assert.throws(
    () => cluster.ticks(1),
    (error: { code: string }) => error.code === 'ERR_SYNOD_DISK_FULL',
  );
  assert.not(cluster.members[1]!.host.groups[0]!.isRunning);
});

test('a slow log: leadership moves away once, and does not come back', () => {
  const { cluster, devices, lane } = make();
  devices[0]!.isPrompt = false;
  for (let tick = 0; tick < 2 * SLOW_LOG_TICKS; tick++) {
    put(lane, tick);
    cluster.ticks(1);
    count(lane, 0);
  }
  const leader = cluster.leader(new Set([0]));
  assert.ok(leader > 0, 'somebody else leads');
  const { promisedBallot } = cluster.members[leader]!.driver.replica.state;
  devices[0]!.isPrompt = true;
  devices[0]!.completeAll();
  cluster.ticks(SLOW_LOG_PAUSE_TICKS + 500);
  assert.is(cluster.leader(), leader);
  assert.is(cluster.members[leader]!.driver.replica.state.promisedBallot, promisedBallot);
  assert.equal(errorsOf(cluster), []);
});

test.run();
