/** status() says per shard and replica what the status blocks hold, per worker what it reported. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_SLOW, SNAPSHOT_FIGURES } from '../../../src/memory/descriptor.ts';
import type { StatusWriter } from '../../../src/memory/status-block.ts';
import { FakeCluster } from './fake-cluster.ts';

const test = suite('status');

test('shards: leader, preferred leader, and every replica as it says itself', () =>
  FakeCluster.run(async ({ cluster, groups, until }) => {
    const status: StatusWriter = groups[1]!.replicas[2]!.status;
    status.setBallot(77);
    status.setCommit(2 ** 33);
    status.setApplied(2 ** 32, -5);
    status.setCommands(9);
    status.setSnapshots(new Float64Array(SNAPSHOT_FIGURES).fill(7));
    status.setSnapshotFailure('the disk is full');
    status.setElections(3);
    await until(() => cluster.status().shards.every(({ leader }) => leader === 0));
    const { shards, durability } = cluster.status();
    assert.is(durability, 'memory');
    assert.equal(
      shards.map(({ shard, preferred, error }) => [shard, preferred, error]),
      [
        [0, 0, undefined],
        [1, 1, undefined],
      ],
    );
    assert.is(shards[1]!.replicas[0]!.role, 'leader');
    const replica = shards[1]!.replicas[2]!;
    assert.equal(replica, {
      replica: 2,
      role: 'starting',
      ballot: 77,
      commitWatermark: 2 ** 33,
      appliedWatermark: 2 ** 32,
      commands: 9,
      elections: 3,
      digest: -5,
      error: 0,
      snapshot: {
        watermark: 7,
        bytes: 7,
        ageMs: replica.snapshot.ageMs,
        durationMs: 7,
        taken: 7,
        installed: 7,
        failures: 7,
        error: 'the disk is full',
        sentBytes: 7,
        keptBytes: 7,
        diskBytes: 7,
      },
    });
    assert.ok(replica.snapshot.ageMs > 1e12);
    assert.equal([shards[0]!.replicas[0]!.snapshot.ageMs, shards[0]!.replicas[0]!.snapshot.error], [-1, undefined]);
  }, 2));

test('workers: whether they are up, what they recovered and run on, and their log', () =>
  FakeCluster.run(async ({ cluster, groups, slots }) => {
    groups[0]!.replicas[1]!.status.setLog(12, 4096);
    groups[0]!.replicas[1]!.status.setLogState(LOG_SLOW);
    groups[0]!.replicas[1]!.status.setFlushMs(70);
    groups[0]!.replicas[1]!.status.setLogKept(512);
    slots[1]!.restarts = 2;
    slots[1]!.ready = {
      kind: 'ready',
      device: 'direct',
      deviceReason: 'the path allows direct (io_uring)',
      durable: true,
      native: true,
      recoveredRecords: 4,
      recoveredBytes: 5,
    };
    slots[2]!.isUp = false;
    const { workers } = cluster.status();
    assert.equal(workers[1], {
      replica: 1,
      worker: 0,
      isUp: true,
      restarts: 2,
      device: 'direct',
      deviceReason: 'the path allows direct (io_uring)',
      durable: true,
      native: true,
      recoveredRecords: 4,
      recoveredBytes: 5,
      log: 'slow',
      flushMs: 70,
      flushes: 12,
      logBytes: 4096,
      logKeptBytes: 512,
    });
    assert.equal([workers[2]!.isUp, workers[2]!.device, workers[2]!.durable], [false, 'unknown', false]);
  }));

test('it is plain data', () =>
  FakeCluster.run(async ({ cluster }) => {
    const status = cluster.status();
    assert.equal(JSON.parse(JSON.stringify(status)).workers, status.workers);
  }));

test.run();
