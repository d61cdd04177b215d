/** A worker over several logs: each recovers its own groups, reports on its own, and the worker tells one account of all. */
import { MessageChannel } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GROUP_ERROR_LOG, LANE_WRITES, ROLE_LEADER, workerWords } from '../../../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../../../src/memory/lane.ts';
import { createRing, RingConsumer } from '../../../src/memory/ring.ts';
import { createStatusBlock, StatusReader } from '../../../src/memory/status-block.ts';
import { buildWorker } from '../../../src/runtime/build-worker.ts';
import type { GroupHost } from '../../../src/runtime/group-host.ts';
import { LogFailure } from '../../../src/runtime/replica-host.ts';
import { WorkerHost } from '../../../src/runtime/worker-host.ts';
import type { WorkerMessage } from '../../../workers/worker-data.ts';
import { takeCompletions } from '../../support/lane-kit.ts';
import { makeHostedLog, makeWorkerData } from '../../support/worker-data.ts';

const test = suite('hosted-log');

/** A worker of two logs with one group each, its lanes and what it posts. */
function birth() {
  const { port1, port2 } = new MessageChannel();
  port1.close();
  port2.close();
  const groups = [0, 1].map((groupId) => {
    const lane = createLane(1 << 14, LANE_WRITES, 9 + groupId);
    const completions = createRing(1 << 14);
    const status = createStatusBlock();
    const data = { groupId, preferredMember: 0, status, lanes: [{ laneId: groupId, groupId, lane, completions }] };
    return {
      data,
      status: new StatusReader(status),
      writer: new LaneWriter(lane),
      ring: new RingConsumer(completions),
    };
  });
  const block = new SharedArrayBuffer(workerWords(2) * 4);
  const logs = groups.map(({ data }) => makeHostedLog(data.groupId, [data]));
  return { data: makeWorkerData(port1, { logs, block }), groups };
}

test('each group leads and answers on its own log, and comes back from it', async () => {
  const { data, groups } = birth();
  for (const life of [1, 2]) {
    const worker = await buildWorker({ ...data, ownerEpoch: life }, () => {});
    assert.instance(worker.host, WorkerHost);
    const settle = (): void => {
      for (let turn = 0; turn < 1000 && worker.host.doWork() > 0; turn++);
    };
    for (let tick = 0; tick < 300 && groups.some(({ status }) => status.role !== ROLE_LEADER); tick++) {
      worker.host.tick();
      settle();
    }
    for (const { status, writer, ring } of groups) {
      if (life === 1) {
        writer.claimOpen();
        writer.publish();
      }
      writer.route(0, status.leadership);
      settle();
      if (life === 1) assert.ok(takeCompletions(ring).runs > 0);
    }
    worker.ports.report();
    for (const { status } of groups) {
      assert.is(status.role, ROLE_LEADER);
      assert.ok(status.logBytes > 0);
      assert.ok(status.applied > 0);
    }
    const ready = worker.ready as Extract<WorkerMessage, { kind: 'ready' }>;
    if (life === 1) assert.is(ready.recoveredRecords, 0);
    else assert.ok(ready.recoveredRecords >= 2);
    assert.is(ready.device, 'memory');
    worker.close();
  }
});

test('a log that fails takes its own groups along, and no others', async () => {
  const { data, groups } = birth();
  const posted: WorkerMessage[] = [];
  const worker = await buildWorker(data, (message) => posted.push(message));
  worker.host.stop(worker.host.group(1) as GroupHost, new LogFailure(5));
  assert.is(groups[1]!.status.error, GROUP_ERROR_LOG);
  assert.is(groups[0]!.status.error, 0);
  assert.is(worker.host.group(0)?.isRunning, true);
  assert.ok(posted.some((message) => message.kind === 'warning' && /shard 1 stopped/.test(message.message)));
  worker.close();
});

test.run();
