/** A worker built from its birth certificate, run in this thread, and built again over the same memory. */
import { MessageChannel } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DOORBELL_ASLEEP,
  DOORBELL_AWAKE,
  GROUP_ERROR_INVARIANT,
  GROUP_ERROR_LOG,
  GROUP_ERROR_MACHINE,
  GROUP_ERROR_NONDETERMINISTIC,
  LANE_WRITES,
  REPLY_OK,
  ROLE_FOLLOWER,
  ROLE_LEADER,
  ROLE_STOPPED,
  WORKER_WORDS,
} from '../../../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../../../src/memory/lane.ts';
import { createRing, RingConsumer } from '../../../src/memory/ring.ts';
import { createStatusBlock, StatusReader } from '../../../src/memory/status-block.ts';
import { loadNative } from '../../../src/native-binding.ts';
import { MachineFailure } from '../../../src/runtime/applier.ts';
import { type BuiltWorker, buildWorker } from '../../../src/runtime/build-worker.ts';
import { DeviatingReplies, LogFailure } from '../../../src/runtime/replica-host.ts';
import type { HostedLog, WorkerData, WorkerMessage } from '../../../workers/worker-data.ts';
import { hasCode } from '../../support/device-suite.ts';
import { put, takeCompletions } from '../../support/lane-kit.ts';
import { makeHostedLog, makeWorkerData } from '../../support/worker-data.ts';

const GROUP = 3;
const NATIVE_MODES = (['off', 'auto'] as const).filter(
  (mode) => mode === 'off' || loadNative('auto').binding !== undefined,
);

/** A worker alone in its cluster, with one group, one lane and a volatile log. */
function birth(native: WorkerData['native'], overrides: Partial<WorkerData> = {}) {
  const lane = createLane(1 << 14, LANE_WRITES, 9);
  const completions = createRing(1 << 14);
  const status = createStatusBlock();
  const { port1, port2 } = new MessageChannel();
  port1.close();
  port2.close();
  const groups = [
    { groupId: GROUP, preferredMember: 0, status, lanes: [{ laneId: 1, groupId: GROUP, lane, completions }] },
  ];
  const data = makeWorkerData(port1, { logs: [makeHostedLog(0, groups)], native, ...overrides });
  const reader = new StatusReader(status);
  return { data, status: reader, writer: new LaneWriter(lane), ring: new RingConsumer(completions) };
}

function settle({ host }: BuiltWorker): void {
  for (let turn = 0; turn < 1000 && host.doWork() > 0; turn++);
}

/** Ticks until the worker leads its group. */
function lead(worker: BuiltWorker, status: StatusReader): void {
  for (let tick = 0; tick < 300 && status.role !== ROLE_LEADER; tick++) {
    worker.host.tick();
    settle(worker);
  }
  assert.is(status.role, ROLE_LEADER);
}

async function built(native: WorkerData['native']) {
  const parts = birth(native);
  const posted: WorkerMessage[] = [];
  const worker = await buildWorker(parts.data, (message) => posted.push(message));
  return { ...parts, worker, posted };
}

/** Opens the lane's session and adds `terms` to the counter, one after another; returns the replies. */
function add(parts: Awaited<ReturnType<typeof built>>, terms: readonly number[]): (number | undefined)[] {
  const { writer, ring, worker, status } = parts;
  writer.claimOpen();
  writer.publish();
  writer.route(0, status.leadership);
  settle(worker);
  const [session] = takeCompletions(ring).replies;
  writer.setSession(session!.word!);
  writer.free(1);
  for (const term of terms) put(writer, term);
  settle(worker);
  const { replies } = takeCompletions(ring);
  for (const reply of replies) assert.is(reply.status, REPLY_OK);
  return replies.map(({ word }) => word);
}

const test = suite('runtime/build-worker');

for (const native of NATIVE_MODES) {
  test(`native ${native}: says what it is, follows, then leads and applies`, async () => {
    const parts = await built(native);
    const { worker, status } = parts;
    const { kind, device, durable, ...rest } = worker.ready as Extract<WorkerMessage, { kind: 'ready' }>;
    assert.equal([kind, device, durable], ['ready', 'memory', false]);
    const { recoveredBytes, deviceReason } = rest;
    assert.equal(rest, { native: native === 'auto', recoveredRecords: 0, recoveredBytes, deviceReason });
    assert.match(deviceReason, 'asked for');
    assert.is(status.role, ROLE_FOLLOWER);
    lead(worker, status);
    assert.equal(add(parts, [5, 7, 30]), [5, 12, 42]);
    worker.close();
  });

  test(`native ${native}: its clock goes on and stands in the worker block`, async () => {
    const { worker } = await built(native);
    const { ports } = worker;
    ports.readClock();
    const first = ports.clockMs[0]!;
    assert.ok(first > 0);
    assert.is(ports.clockMs.buffer, ports.block);
    for (let n = 0; n < 1e7 && ports.clockMs[0] === first; n++) ports.readClock();
    assert.ok(ports.clockMs[0]! > first);
    worker.close();
  });
}

test('a successor over the same memory finds votes and state, and leads under a new serial', async () => {
  const first = await built('off');
  lead(first.worker, first.status);
  add(first, [5, 7]);
  const before = first.status.leadership;
  const worker = await buildWorker({ ...first.data, ownerEpoch: 2 }, () => {});
  assert.ok((worker.ready as Extract<WorkerMessage, { kind: 'ready' }>).recoveredRecords > 0);
  assert.is(first.status.role, ROLE_FOLLOWER);
  lead(worker, first.status);
  assert.ok(first.status.leadership > before, 'no route of the first leadership is taken for one of this');
  put(first.writer, 30);
  first.writer.route(0, first.status.leadership);
  settle(worker);
  const words = takeCompletions(first.ring).replies.map(({ word }) => word);
  assert.equal(words, [5, 12, 42], 'what the client misses, from the first command on');
});

test('the client is rung when the role changes', async () => {
  const { worker, status, data } = await built('off');
  const doorbell = new Int32Array(data.clientDoorbell);
  doorbell[0] = DOORBELL_ASLEEP;
  lead(worker, status);
  assert.is(doorbell[0], DOORBELL_AWAKE);
});

test('log figures are shown when it reports', async () => {
  const parts = await built('off');
  lead(parts.worker, parts.status);
  const before = parts.status.logBytes;
  parts.worker.ports.report();
  assert.ok(parts.status.logBytes > before);
});

const failures: [string, number, unknown][] = [
  ['a machine that threw', GROUP_ERROR_MACHINE, new MachineFailure(new Error('division by zero'))],
  ['a log that failed', GROUP_ERROR_LOG, new LogFailure(5)],
  ['deviating replies', GROUP_ERROR_NONDETERMINISTIC, new DeviatingReplies(17)],
  ['anything else', GROUP_ERROR_INVARIANT, new Error('division by zero')],
];
for (const [name, code, error] of failures) {
  test(`${name} stops the group, which the status and a warning say`, async () => {
    const { worker, status, posted, data } = await built('off');
    lead(worker, status);
    const doorbell = new Int32Array(data.clientDoorbell);
    doorbell[0] = DOORBELL_ASLEEP;
    worker.host.stop(worker.host.group(GROUP)!, error);
    assert.equal([status.role, status.error, doorbell[0]], [ROLE_STOPPED, code, DOORBELL_AWAKE]);
    assert.is(posted.length, 1);
    const [warning] = posted;
    assert.is(warning?.kind, 'warning');
    assert.match((warning as { message: string }).message, /shard 3 stopped on replica 0/);
    if (code === GROUP_ERROR_MACHINE) assert.match((warning as { message: string }).message, /division by zero/);
    if (code === GROUP_ERROR_NONDETERMINISTIC) assert.is(status.errorSlot, 17);
  });
}

test('a machine that cannot be loaded fails the start with its reason', async () => {
  const { data } = birth('off', { machine: './no-such-machine.js' });
  const error = await buildWorker(data, () => {}).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(hasCode('ERR_SYNOD_MACHINE_MODULE')(error as Error));
});

/** Ticks until member `memberIndex` of three, which hears nobody, speaks. */
async function ticksToSpeak(memberIndex: number): Promise<number> {
  const peers = [0, 1, 2]
    .filter((peer) => peer !== memberIndex)
    .map((peer) => ({
      memberIndex: peer,
      outboundBulk: createRing(1 << 12),
      outboundControl: createRing(1 << 12),
      inboundBulk: createRing(1 << 12),
      inboundControl: createRing(1 << 12),
      peerBlock: new SharedArrayBuffer(WORKER_WORDS * 4),
    }));
  const { data } = birth('off', { memberIndex, memberNodeIds: [1, 2, 3], peers });
  const [{ log, groups }] = data.logs as [HostedLog];
  const logs = [{ log, groups: groups.map((group) => ({ ...group, preferredMember: -1 })) }];
  const worker = await buildWorker({ ...data, logs }, () => {});
  const outbound = new RingConsumer(peers[0]!.outboundControl, 64);
  let ticks = 0;
  for (; ticks < 500 && outbound.isEmpty(); ticks++) {
    worker.host.tick();
    settle(worker);
  }
  return ticks;
}

test('members of one group draw different election times from one seed', async () => {
  const ticks = await Promise.all([0, 1, 2].map(ticksToSpeak));
  assert.ok(Math.min(...ticks) >= 40 && Math.max(...ticks) < 500, ticks.join());
  assert.ok(new Set(ticks).size > 1, ticks.join());
});

test.run();
