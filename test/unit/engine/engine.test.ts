/** The user's handle: commands, reads, failures, operations and close, over groups that run on this thread. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import { LANES_PER_GROUP_MAX } from '../../../src/limits.ts';
import {
  GROUP_ERROR_LOG,
  LANE_KIND_WORD,
  LANE_READS,
  LANE_READS_LEASE,
  LANE_READS_SESSION,
  LANE_READS_STALE,
  LANE_WRITES,
  LOG_FULL,
  LOG_SOUND,
} from '../../../src/memory/descriptor.ts';
import { codeOf, codeThrown } from '../../support/error-codes.ts';
import { FakeCluster } from './fake-cluster.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const test = suite('engine');

test('propose resolves with the reply, read with the answer', () =>
  FakeCluster.run(async ({ cluster }) => {
    assert.equal(await cluster.propose('a', bytes(1, 2, 3, 4)), bytes(1, 2, 3, 4));
    assert.equal(await cluster.propose('a', bytes(5, 0, 0, 0), { timeout: 60_000 }), bytes(5, 0, 0, 0));
    assert.equal(await cluster.read('a', bytes(0)), bytes(2, 0, 0, 0));
  }));

test('a read says what it must reflect; every consistency has a lane of its own kind', () =>
  FakeCluster.run(async ({ cluster, posted }) => {
    await cluster.propose('a', bytes(1, 2, 3, 4));
    for (const consistency of ['linearizable', 'lease', 'session', 'stale'] as const)
      assert.equal(await cluster.read('a', bytes(0), { consistency }), bytes(1, 0, 0, 0), consistency);
    const kinds = new Set<number>();
    for (const { message } of posted)
      if (message.kind === 'lane') kinds.add(new Int32Array(message.lane.lane)[LANE_KIND_WORD] as number);
    assert.equal([...kinds], [LANE_WRITES, LANE_READS, LANE_READS_LEASE, LANE_READS_SESSION, LANE_READS_STALE]);
    assert.is(await codeOf(cluster.read('a', bytes(0), { consistency: 'eventual' as 'stale' })), 'ERR_SYNOD_CONFIG');
  }));

test('a fast lane may be one of reads', () =>
  FakeCluster.run(async ({ cluster, until }) => {
    await cluster.propose('a', bytes(1, 2, 3, 4));
    const lane = cluster.lane('a', { reads: 'lease' });
    lane.claim(4);
    lane.publish();
    const lengths: number[] = [];
    await until(() => lane.poll((_number, _status, _bytes, _offset, length) => void lengths.push(length), 9) > 0);
    assert.equal(lengths, [4]);
    lane.close();
    assert.throws(() => cluster.lane('a', { reads: 'eventual' as 'stale' }), /consistency/);
  }));

test('keys go to their shards, and only there', () =>
  FakeCluster.run(async ({ cluster, groups }) => {
    const expected = [0, 0, 0];
    for (let i = 0; i < 30; i += 1) {
      await cluster.propose(`key-${i}`, bytes(i, 1, 0, 0));
      expected[cluster.shardOf(`key-${i}`)]! += 1;
    }
    assert.equal(
      groups.map((group) => group.replicas[0]!.machine.applied.size),
      expected,
    );
    assert.ok(expected.every((count) => count > 0));
  }, 3));

test('bad input is a typed rejection, not a throw', () =>
  FakeCluster.run(async ({ cluster }) => {
    for (const call of ['propose', 'tryPropose', 'read'] as const) {
      assert.is(await codeOf(cluster[call]('', bytes(1))), 'ERR_SYNOD_KEY');
      assert.is(await codeOf(cluster[call]('k', new Uint8Array(4097))), 'ERR_SYNOD_PAYLOAD_TOO_LARGE');
    }
    assert.is(await codeOf(cluster.propose('k', bytes(1), { signal: AbortSignal.abort() })), 'ERR_SYNOD_ABORTED');
  }));

test('the next leader answers what the former one had not', () =>
  FakeCluster.run(async ({ cluster, groups }) => {
    await cluster.propose('a', bytes(1, 0, 0, 0));
    const group = groups[0]!;
    const replies = Array.from({ length: 100 }, (_, i) => cluster.propose('a', bytes(i, 9, 0, 0)));
    await Promise.resolve();
    group.elect(1);
    assert.equal(
      (await Promise.all(replies)).map((reply) => reply[0]),
      Array.from({ length: 100 }, (_, i) => i),
    );
    assert.is(cluster.status().shards[0]!.leader, 1);
    assert.ok([...group.replicas[2]!.machine.applied.values()].every((times) => times === 1));
  }));

test('a new leader is told, and a listener that throws stops nothing', () =>
  FakeCluster.run(async ({ cluster, groups, until }) => {
    const thrown: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => thrown.push(error));
    cluster.once('leader', ({ shard, replica }) => {
      throw new Error(`shard ${shard} replica ${replica}`);
    });
    groups[0]!.elect(2);
    await until(() => thrown.length > 0);
    for (const other of others) process.on('uncaughtException', other);
    assert.is((thrown[0] as Error).message, 'shard 0 replica 2');
    assert.equal(await cluster.propose('a', bytes(7)), bytes(7));
  }));

test('when the machine fails on a quorum, what waits and what comes is rejected with that; other shards go on', () =>
  FakeCluster.run(async ({ cluster, groups }) => {
    const other = ['a', 'b', 'c', 'd', 'e'].find((key) => cluster.shardOf(key) === 1)!;
    const key = ['a', 'b', 'c', 'd', 'e'].find((candidate) => cluster.shardOf(candidate) === 0)!;
    await cluster.propose(key, bytes(1));
    groups[0]!.leader = -1;
    const waiting = codeOf(cluster.propose(key, bytes(2)));
    const reading = codeOf(cluster.read(key, bytes(2)));
    for (const replica of [0, 1]) groups[0]!.breakMachine(replica, 8);
    assert.is(await waiting, 'ERR_SYNOD_MACHINE_FAILED');
    assert.is(await reading, 'ERR_SYNOD_MACHINE_FAILED');
    assert.is(await codeOf(cluster.propose(key, bytes(3))), 'ERR_SYNOD_MACHINE_FAILED');
    assert.match(cluster.status().shards[0]!.error!, /slot 8/);
    assert.equal(await cluster.propose(other, bytes(4)), bytes(4));
  }, 2));

test('where the logs of a quorum fail, what was published is of unknown outcome, by sessions that are kept too', () =>
  FakeCluster.run(async ({ cluster, groups }) => {
    const session = await cluster.session({ key: 'a' });
    await cluster.propose('a', bytes(1));
    groups[0]!.leader = -1;
    const why = ({ code, cause }: SynodError): string[] => [code, (cause as SynodError | undefined)?.code ?? ''];
    const waiting = [cluster.propose('a', bytes(2)), session.propose(bytes(3))].map((promise) => promise.catch(why));
    for (const replica of [0, 1]) groups[0]!.replicas[replica]!.status.setError(GROUP_ERROR_LOG, 3, -1);
    for (const told of await Promise.all(waiting))
      assert.equal(told, ['ERR_SYNOD_OUTCOME_UNKNOWN', 'ERR_SYNOD_LOG_FAILED']);
  }));

test('a shard that was failed takes commands again once its replicas are back', () =>
  FakeCluster.run(async ({ cluster, groups, slots, until }) => {
    await cluster.propose('a', bytes(1));
    const group = groups[0]!;
    for (const replica of [1, 2]) group.breakMachine(replica, 8);
    await until(() => cluster.status().shards[0]!.error !== undefined);
    assert.is(await codeOf(cluster.propose('a', bytes(2))), 'ERR_SYNOD_MACHINE_FAILED');
    group.replicas[1]!.status.clear();
    slots[1]!.restarts = 1;
    cluster.onWorkerUp(slots[1]!);
    assert.equal(await cluster.propose('a', bytes(3)), bytes(3));
  }));

test('a session that expired is followed by a new one', () =>
  FakeCluster.run(async ({ cluster, groups }) => {
    await cluster.propose('a', bytes(1));
    for (const { sessions, taps } of groups[0]!.replicas) sessions.close(taps[0]!.reader.session);
    assert.is(await codeOf(cluster.propose('a', bytes(2))), 'ERR_SYNOD_SESSION_EXPIRED');
    assert.equal(await cluster.propose('a', bytes(3)), bytes(3));
  }));

test('a dead worker is suspected by the others, and leads nothing', () =>
  FakeCluster.run(async ({ cluster, slots, posted }) => {
    await cluster.propose('a', bytes(1));
    const down: unknown[] = [];
    cluster.on('down', (event) => down.push(event.replica));
    slots[0]!.isUp = false;
    cluster.onWorkerDown(slots[0]!, new Error('gone'));
    const suspicions = posted.filter(({ message }) => message.kind === 'suspect');
    assert.equal(
      suspicions.map(({ replica, message }) => [replica, message]),
      [1, 2].map((replica) => [replica, { kind: 'suspect', memberIndex: 0 }]),
    );
    assert.is(cluster.status().shards[0]!.leader, -1);
    await Promise.resolve();
    assert.equal(down, [0]);
  }));

test('the progress of a starting worker is told and logged', () => {
  const lines: object[] = [];
  const silent = (): void => {};
  const logger = { debug: silent, info: (fields: object) => lines.push(fields), warn: silent, error: silent };
  return FakeCluster.run(
    async ({ cluster, slots }) => {
      const told: unknown[] = [];
      cluster.on('progress', (event) => told.push(event));
      cluster.onWorkerMessage(slots[1]!, { kind: 'progress', what: 'log', bytes: 3, total: 7 });
      await Promise.resolve();
      const expected = { replica: 1, worker: 0, what: 'log', bytes: 3, total: 7 };
      assert.equal([told, lines], [[expected], [expected]]);
    },
    1,
    { logger },
  );
});

test('a replica whose log failed is suspected by the others', () =>
  FakeCluster.run(async ({ groups, posted, until }) => {
    const suspected = (): string[] =>
      posted.flatMap(({ replica, message }) =>
        message.kind === 'suspect' ? [`${replica} suspects ${message.memberIndex}`] : [],
      );
    groups[0]!.replicas[0]!.status.setError(GROUP_ERROR_LOG, 4, -1);
    await until(() => suspected().length > 0);
    assert.equal(suspected(), ['1 suspects 0', '2 suspects 0']);
  }));

test('out of space: commands are refused and say so, reads are answered, and commands again once there is some', () =>
  FakeCluster.run(async ({ cluster, groups }) => {
    await cluster.propose('a', bytes(1, 0, 0, 0));
    const { status } = groups[0]!.replicas[0]!;
    status.setLogState(LOG_FULL);
    assert.is(await codeOf(cluster.propose('a', bytes(2, 0, 0, 0))), 'ERR_SYNOD_DISK_FULL');
    assert.is(await codeOf(cluster.tryPropose('a', bytes(2, 0, 0, 0))), 'ERR_SYNOD_DISK_FULL');
    assert.equal(await cluster.read('a', bytes(0)), bytes(1, 0, 0, 0));
    status.setLogState(LOG_SOUND);
    await cluster.propose('a', bytes(3, 0, 0, 0));
    assert.equal(await cluster.read('a', bytes(0)), bytes(2, 0, 0, 0));
  }));

test('lanes per shard are bounded; a closed one makes room', () =>
  FakeCluster.run(
    async ({ cluster, posted }) => {
      const options = { length: LANES_PER_GROUP_MAX };
      const lanes = Array.from(options, () => cluster.lane('a'));
      assert.is(
        codeThrown(() => cluster.lane('a')),
        'ERR_SYNOD_FULL',
      );
      assert.is(await codeOf(cluster.propose('a', bytes(1))), 'ERR_SYNOD_FULL');
      lanes[0]!.close();
      lanes[0]!.close();
      assert.is(posted.filter(({ message }) => message.kind === 'closeLane').length, 3);
      assert.equal(await cluster.propose('a', bytes(1)), bytes(1));
    },
    1,
    { laneBytes: 1 << 14, payloadBytesMax: 4096 },
  ));

test('a worker that starts gets the lanes of its groups', () =>
  FakeCluster.run(async ({ cluster }) => {
    const lane = cluster.lane('a');
    const other = 1 - lane.shard;
    assert.is(cluster.lanesOf(2, lane.shard).length, 1);
    assert.is(cluster.lanesOf(2, other).length, 0);
    assert.is.not(cluster.lanesOf(2, lane.shard)[0]!.completions, cluster.lanesOf(1, lane.shard)[0]!.completions);
  }, 2));

test('close waits for what is in flight, then ends workers and directory, once', () =>
  FakeCluster.run(async ({ cluster, calls }) => {
    const reply = cluster.propose('a', bytes(1));
    const closing = cluster.close();
    assert.is(cluster.close(), closing);
    assert.is(await codeOf(cluster.propose('a', bytes(2))), 'ERR_SYNOD_CLOSED');
    await closing;
    assert.equal(await reply, bytes(1));
    assert.equal(calls, ['close', 'release']);
    assert.is(
      codeThrown(() => cluster.lane('a')),
      'ERR_SYNOD_CLOSED',
    );
    assert.is(await codeOf(cluster.inspect(0, 0, bytes(1))), 'ERR_SYNOD_CLOSED');
  }));

test('close does not wait for ever: what was sent and not answered is unknown', () =>
  FakeCluster.run(
    async ({ cluster, groups }) => {
      await cluster.propose('a', bytes(1));
      groups[0]!.leader = -1;
      const sent = codeOf(cluster.propose('a', bytes(2)));
      await cluster.close();
      assert.is(await sent, 'ERR_SYNOD_OUTCOME_UNKNOWN');
    },
    1,
    { closeTimeoutMs: 1 },
  ));

test('asyncDispose closes', () =>
  FakeCluster.run(async ({ cluster, calls }) => {
    await cluster[Symbol.asyncDispose]();
    assert.equal(calls, ['close', 'release']);
  }));

test.run();
