/** The user's lane: the fast path as it is, and errors where waiting would not help. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import type { Lane } from '../../../src/engine/lane.ts';
import { FakeCluster } from './fake-cluster.ts';

const ALL = 1_000_000;

function codeThrown(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return error instanceof SynodError ? error.code : String(error);
  }
  return 'returned';
}

/** Polls until `count` replies came; their numbers and first words. */
async function receive(lane: Lane, count: number): Promise<number[][]> {
  const replies: number[][] = [];
  const onCompleted = (number: number, status: number, bytes: Uint8Array, offset: number): void => {
    assert.is(status, 0);
    replies.push([number, new DataView(bytes.buffer, offset).getInt32(0, true)]);
  };
  while (replies.length < count) if (lane.poll(onCompleted, ALL) === 0) await lane.wait();
  return replies;
}

async function open(lane: Lane): Promise<void> {
  while (!lane.isOpen) {
    lane.poll(() => {}, 1);
    await lane.wait();
  }
}

const test = suite('lane');

test('claim, write, publish, poll', () =>
  FakeCluster.run(async ({ cluster }) => {
    const lane = cluster.lane('a');
    assert.is(lane.shard, cluster.shardOf('a'));
    await open(lane);
    for (let i = 0; i < 100; i += 1) {
      const at = lane.claim(8);
      lane.words[at >> 2] = i * 3;
      if (i % 10 === 9) lane.publish();
    }
    assert.equal([lane.inFlight, lane.lastNumber], [100, 100]);
    assert.equal(
      await receive(lane, 100),
      Array.from({ length: 100 }, (_, i) => [i + 1, i * 3]),
    );
    assert.is(lane.inFlight, 0);
  }));

test('memory and words are the same bytes; abandoned claims are not sent', () =>
  FakeCluster.run(async ({ cluster }) => {
    const lane = cluster.lane('a');
    await open(lane);
    lane.claim(8);
    lane.abandon();
    const at = lane.claim(8);
    lane.memory.set([1, 2, 0, 0], at);
    assert.is(lane.words[at >> 2], 0x201);
    lane.publish();
    assert.equal(await receive(lane, 1), [[1, 0x201]]);
  }));

test('a payload over the limit is an error', () =>
  FakeCluster.run(async ({ cluster }) => {
    const lane = cluster.lane('a');
    assert.is(
      codeThrown(() => lane.claim(4097)),
      'ERR_SYNOD_PAYLOAD_TOO_LARGE',
    );
  }));

test('poll throws once its shard failed', () =>
  FakeCluster.run(async ({ cluster, groups, until }) => {
    const lane = cluster.lane('a');
    await open(lane);
    for (const replica of [0, 1]) groups[0]!.breakMachine(replica, 3);
    await until(() => cluster.status().shards[0]!.error !== undefined);
    assert.is(
      codeThrown(() => lane.poll(() => {}, 1)),
      'ERR_SYNOD_MACHINE_FAILED',
    );
  }));

test('when its session expired, poll says so of each command, then throws', () =>
  FakeCluster.run(async ({ cluster, groups }) => {
    const lane = cluster.lane('a');
    await open(lane);
    const [replica] = groups[0]!.replicas;
    const session = replica!.taps[0]!.reader.session;
    for (const { sessions } of groups[0]!.replicas) sessions.close(session);
    lane.claim(8);
    lane.publish();
    const statuses: number[] = [];
    while (statuses.length === 0) if (lane.poll((_, status) => statuses.push(status), ALL) === 0) await lane.wait();
    assert.equal(statuses, [2]);
    assert.is(
      codeThrown(() => lane.poll(() => {}, 1)),
      'ERR_SYNOD_SESSION_EXPIRED',
    );
  }));

test('a closed lane, and one of a closed cluster, say so', () =>
  FakeCluster.run(async ({ cluster }) => {
    const closed = cluster.lane('a');
    closed.close();
    assert.is(
      codeThrown(() => closed.poll(() => {}, 1)),
      'ERR_SYNOD_CLOSED',
    );
    const orphan = cluster.lane('a');
    await cluster.close();
    assert.is(
      codeThrown(() => orphan.poll(() => {}, 1)),
      'ERR_SYNOD_CLOSED',
    );
    await orphan.wait();
  }));

test.run();
