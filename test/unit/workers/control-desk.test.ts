/** What each control message does to the worker. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LANE_WRITES, REPLY_OK, REPLY_QUERY_FAILED } from '../../../src/memory/descriptor.ts';
import { createLane } from '../../../src/memory/lane.ts';
import { createRing } from '../../../src/memory/ring.ts';
import { Applier } from '../../../src/runtime/applier.ts';
import type { BuiltWorker } from '../../../src/runtime/build-worker.ts';
import type { LaneTap } from '../../../src/runtime/lane-tap.ts';
import { DeviatingReplies } from '../../../src/runtime/replica-host.ts';
import { SessionTable } from '../../../src/runtime/session-table.ts';
import type { Command, Reply } from '../../../src/runtime/state-machine.ts';
import type { AllocationMeter } from '../../../workers/allocation-meter.ts';
import { ControlDesk } from '../../../workers/control-desk.ts';
import type { ControlMessage, WorkerMessage } from '../../../workers/worker-data.ts';
import { ListMachine } from '../../support/lane-kit.ts';

/** Answers a query with its bytes, twice. */
class TwiceMachine extends ListMachine {
  override query(query: Command, reply: Reply): void {
    const bytes = query.bytes.slice(query.offset, query.offset + query.length);
    reply.bytes.set(bytes, reply.offset);
    reply.bytes.set(bytes, reply.offset + bytes.length);
    reply.length = 2 * bytes.length;
  }
}

/** A worker of groups 3 and 8 that writes down what is asked of it. */
function make() {
  const calls: unknown[][] = [];
  const groups = [3, 8].map((groupId) => ({
    groupId,
    addLane: (tap: LaneTap) => calls.push(['addLane', groupId, tap.laneId]),
    removeLane: (laneId: number) => calls.push(['removeLane', groupId, laneId]),
    driver: {
      appliedWatermark: 40 + groupId,
      applier: new Applier(new TwiceMachine(), new SessionTable()),
      transfer: (member: number) => calls.push(['transfer', groupId, member]),
    },
  }));
  const host = {
    groups,
    group: (id: number) => groups.find(({ groupId }) => groupId === id),
    suspect: (member: number) => calls.push(['suspect', member]),
    stop: (group: { groupId: number }, error: unknown) => calls.push(['stop', group.groupId, error]),
  };
  const meter = {
    start: (commands: number) => calls.push(['start', commands]),
    stop: (commands: number) => ({ bytes: 5, commands }),
  };
  const posted: WorkerMessage[] = [];
  const waiting: ControlMessage[] = [];
  const desk = new ControlDesk(
    { host } as unknown as BuiltWorker,
    meter as unknown as AllocationMeter,
    (message) => posted.push(message),
    () => waiting.shift(),
  );
  const handle = (...messages: ControlMessage[]): void => {
    waiting.push(...messages);
    desk.handleAll();
    assert.is(waiting.length, 0);
  };
  return { calls, posted, groups, handle };
}

const laneOf = (groupId: number): ControlMessage => ({
  kind: 'lane',
  lane: { laneId: 11, groupId, lane: createLane(1 << 12, LANE_WRITES, 1), completions: createRing(1 << 12) },
});

const test = suite('workers/control-desk');

test('a lane is added to its group; one of a group that is not hosted is left alone', () => {
  const { calls, handle } = make();
  handle(laneOf(8), laneOf(4));
  assert.equal(calls, [['addLane', 8, 11]]);
});

test('a closed lane is removed, whichever group has it', () => {
  const { calls, handle } = make();
  handle({ kind: 'closeLane', laneId: 11 });
  assert.equal(calls, [
    ['removeLane', 3, 11],
    ['removeLane', 8, 11],
  ]);
});

test('all waiting messages are handled, in order', () => {
  const { calls, handle } = make();
  handle(
    { kind: 'suspect', memberIndex: 2 },
    { kind: 'transfer', groupId: 3, memberIndex: 1 },
    { kind: 'transfer', groupId: 99, memberIndex: 1 },
    { kind: 'suspect', memberIndex: 0 },
  );
  assert.equal(calls, [
    ['suspect', 2],
    ['transfer', 3, 1],
    ['suspect', 0],
  ]);
});

test('a group whose replies deviate is stopped here, with the slot', () => {
  const { calls, handle } = make();
  handle({ kind: 'deviates', groupId: 8, slot: 123 }, { kind: 'deviates', groupId: 99, slot: 1 });
  assert.is(calls.length, 1);
  const [name, groupId, error] = calls[0]!;
  assert.equal([name, groupId], ['stop', 8]);
  assert.instance(error, DeviatingReplies);
  assert.is((error as DeviatingReplies).slot, 123);
});

test('allocation is measured over the commands of all groups', () => {
  const { calls, posted, groups, handle } = make();
  groups[0]!.driver.applier.commands = 7;
  groups[1]!.driver.applier.commands = 10;
  handle({ kind: 'allocation', phase: 'start' });
  assert.equal([calls, posted], [[['start', 17]], []]);
  groups[0]!.driver.applier.commands = 27;
  handle({ kind: 'allocation', phase: 'stop' });
  assert.equal(posted, [{ kind: 'allocation', bytes: 5, commands: 37 }]);
});

test('an inspection is answered by the machine of this replica, with what it has applied', () => {
  const { posted, handle } = make();
  const query = new TextEncoder().encode('digest');
  handle({ kind: 'inspect', requestId: 6, groupId: 3, query }, { kind: 'inspect', requestId: 7, groupId: 99, query });
  const reply = new TextEncoder().encode('digestdigest');
  assert.equal(posted, [{ kind: 'inspected', requestId: 6, status: REPLY_OK, applied: 43, reply }]);
});

test('the answer to an inspection is a copy: the next one does not change it', () => {
  const { posted, handle } = make();
  const ask = (text: string, requestId: number): ControlMessage => ({
    kind: 'inspect',
    requestId,
    groupId: 8,
    query: new TextEncoder().encode(text),
  });
  handle(ask('a', 1), ask('b', 2));
  const texts = posted.map((message) => (message.kind === 'inspected' ? Buffer.from(message.reply).toString() : ''));
  assert.equal(texts, ['aa', 'bb']);
});

test('an inspection while an image is put in place is refused, and ends no worker', () => {
  const { groups, handle, posted } = make();
  groups[0]!.driver.applier.isRestoring = true;
  handle({ kind: 'inspect', requestId: 1, groupId: 3, query: new Uint8Array(4) });
  const [answer] = posted as Extract<WorkerMessage, { kind: 'inspected' }>[];
  assert.equal([answer?.status, answer?.applied], [REPLY_QUERY_FAILED, 43]);
});

test.run();
