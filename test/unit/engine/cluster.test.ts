/** What a cluster in one process adds to an engine: operations on any of its replicas. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { REPLY_OK, REPLY_QUERY_FAILED } from '../../../src/memory/descriptor.ts';
import { codeOf, codeThrown } from '../../support/error-codes.ts';
import { FakeCluster } from './fake-cluster.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const test = suite('cluster');

test('leadership is transferred by the leader; what does not exist is refused', () =>
  FakeCluster.run(async ({ cluster, groups, posted, until }) => {
    await until(() => cluster.status().shards[0]!.leader === 0);
    cluster.transferLeadership(0, 2);
    assert.equal(posted.at(-1), { replica: 0, message: { kind: 'transfer', groupId: 0, memberIndex: 2 } });
    assert.is(
      codeThrown(() => cluster.transferLeadership(1, 0)),
      'ERR_SYNOD_CONFIG',
    );
    assert.is(
      codeThrown(() => cluster.transferLeadership(0, 3)),
      'ERR_SYNOD_CONFIG',
    );
    groups[0]!.breakMachine(0, 1);
    await until(() => cluster.status().shards[0]!.leader < 0);
    assert.is(
      codeThrown(() => cluster.transferLeadership(0, 2)),
      'ERR_SYNOD_NO_LEADER',
    );
  }));

test('an inspection is answered by its replica, fails with its query, its worker or its place', () =>
  FakeCluster.run(async ({ cluster, slots, posted }) => {
    const good = cluster.inspect(0, 1, bytes(1));
    const bad = codeOf(cluster.inspect(0, 1, bytes(2)));
    const lost = codeOf(cluster.inspect(0, 2, bytes(3)));
    const ids = posted.flatMap(({ message }) => (message.kind === 'inspect' ? [message.requestId] : []));
    const answer = (requestId: number, status: number): void =>
      cluster.onWorkerMessage(slots[1]!, { kind: 'inspected', requestId, status, applied: 5, reply: bytes(9) });
    answer(ids[1]!, REPLY_QUERY_FAILED);
    answer(ids[0]!, REPLY_OK);
    assert.equal(await good, { applied: 5, reply: bytes(9) });
    assert.is(await bad, 'ERR_SYNOD_MACHINE_FAILED');
    slots[2]!.isUp = false;
    cluster.onWorkerDown(slots[2]!, new Error('gone'));
    assert.is(await lost, 'ERR_SYNOD_WORKER_START');
    assert.is(await codeOf(cluster.inspect(0, 2, bytes(4))), 'ERR_SYNOD_WORKER_START');
    assert.is(await codeOf(cluster.inspect(0, 7, bytes(4))), 'ERR_SYNOD_CONFIG');
    assert.is(await codeOf(cluster.inspect(1, 0, bytes(4))), 'ERR_SYNOD_CONFIG');
  }));

test.run();
