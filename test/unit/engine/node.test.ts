/** One node's handle: leaders by id, links, transfers, failures, close. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { GROUP_ERROR_LOG, LANE_NONCE_WORD, ROLE_FOLLOWER, ROLE_LEADER } from '../../../src/memory/descriptor.ts';
import { LaneTap } from '../../../src/runtime/lane-tap.ts';
import { SessionTable } from '../../../src/runtime/session-table.ts';
import type { ControlMessage } from '../../../workers/worker-data.ts';
import { FakeNode } from './fake-node.ts';

async function run(check: (fake: FakeNode) => Promise<void>): Promise<void> {
  const fake = new FakeNode();
  const alive = setInterval(() => {}, 1000);
  try {
    await check(fake);
  } finally {
    await fake.node.close();
    clearInterval(alive);
  }
}

function codeThrown(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return error instanceof SynodError ? error.code : String(error);
  }
  return 'returned';
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: SynodError) => error.code,
  );

const test = suite('node');

test('ready waits until a leader of every shard is known, and no longer than told', () =>
  run(async ({ node, statuses }) => {
    assert.is(await codeOf(node.ready(1)), 'ERR_SYNOD_NO_LEADER');
    const leaders: object[] = [];
    node.on('leader', (event) => leaders.push(event));
    statuses[0]!.setLeaderHint(2);
    statuses[1]!.setRole(ROLE_LEADER);
    await node.ready();
    assert.equal(leaders, [
      { shard: 0, replica: 2, node: 30 },
      { shard: 1, replica: 1, node: 20 },
    ]);
    assert.equal(
      node.status().shards.map(({ leader, preferred }) => [leader, preferred]),
      [
        [30, 10],
        [20, 20],
      ],
    );
  }));

test('a shard led here is handed over by node id; one led elsewhere is asked for there', () =>
  run(async ({ node, statuses, posted }) => {
    assert.is(
      codeThrown(() => node.transferLeadership(0, 10)),
      'ERR_SYNOD_NO_LEADER',
    );
    statuses[0]!.setRole(ROLE_LEADER);
    statuses[1]!.setRole(ROLE_FOLLOWER);
    statuses[1]!.setLeaderHint(0);
    await node.ready();
    node.transferLeadership(0, 10);
    assert.equal(posted, [{ kind: 'transfer', groupId: 0, memberIndex: 0 }]);
    assert.throws(() => node.transferLeadership(1, 30), /led by node 10/);
    assert.is(
      codeThrown(() => node.transferLeadership(2, 30)),
      'ERR_SYNOD_CONFIG',
    );
    assert.is(
      codeThrown(() => node.transferLeadership(0, 2)),
      'ERR_SYNOD_CONFIG',
    );
  }));

test('a peer whose link went down is suspected at once; both ways are told', () =>
  run(async ({ node, posted }) => {
    const told: object[] = [];
    node.on('link', (event) => told.push(event));
    node.onTransportMessage({ kind: 'link', memberIndex: 2, isUp: true, transport: 'tcp', reason: '' });
    node.onTransportMessage({ kind: 'link', memberIndex: 2, isUp: false, transport: 'tcp', reason: 'closed' });
    await Promise.resolve();
    assert.equal(posted, [{ kind: 'suspect', memberIndex: 2 }]);
    assert.equal(told, [
      { node: 30, isUp: true, transport: 'tcp', reason: '' },
      { node: 30, isUp: false, transport: 'tcp', reason: 'closed' },
    ]);
  }));

test('refusals and warnings of the transport are warnings of the node', () =>
  run(async ({ node }) => {
    const warnings: string[] = [];
    node.on('warning', (text) => warnings.push(text));
    node.onTransportMessage({ kind: 'warning', message: 'one' });
    node.onTransportMessage({
      kind: 'refused',
      memberIndex: -1,
      isByPeer: false,
      address: '',
      reason: '',
      message: 'two',
    });
    node.onWorkerMessage({} as never, { kind: 'deviates', groupId: 0, memberIndex: 0, slot: 5 });
    await Promise.resolve();
    assert.equal(warnings.slice(0, 2), ['one', 'two']);
    assert.match(warnings[2]!, /node 10/);
  }));

test('this node is told to stop what deviates here', () =>
  run(async ({ node, posted }) => {
    node.onWorkerMessage({} as never, { kind: 'deviates', groupId: 1, memberIndex: 1, slot: 5 });
    assert.equal(posted, [{ kind: 'deviates', groupId: 1, slot: 5 }]);
  }));

test('when its own part of a shard stops, calls to it here are refused with the reason', () =>
  run(async ({ node, statuses }) => {
    statuses[node.shardOf('k')]!.setError(GROUP_ERROR_LOG, 3, -1);
    await node.nextWake();
    await node.nextWake();
    assert.is(await codeOf(node.propose('k', new Uint8Array(1))), 'ERR_SYNOD_LOG_FAILED');
  }));

test('operations go to the only replica here', () =>
  run(async ({ node, posted, calls, transported }) => {
    node.snapshot(1);
    node.terminateWorker(0);
    node.reloadTls();
    assert.equal(posted, [{ kind: 'snapshot', groupId: 1 }]);
    assert.equal(calls, ['terminate']);
    assert.equal(transported, [{ kind: 'reloadTls' }]);
    assert.is(
      codeThrown(() => node.snapshot(9)),
      'ERR_SYNOD_CONFIG',
    );
    assert.is(await codeOf(node.inspect(9, new Uint8Array(1))), 'ERR_SYNOD_CONFIG');
    assert.is(node.id, 20);
  }));

test('close ends the workers, then the transport, then the directory', async () => {
  const fake = new FakeNode();
  await fake.node.close();
  assert.equal(fake.calls, ['close workers', 'close transport', 'release']);
});

test('S18: what was published when the log here failed may take effect elsewhere: it is not to be tried again', () =>
  run(async ({ node, statuses, posted }) => {
    const shard = node.shardOf('k');
    const failed = node.propose('k', Uint8Array.of(2, 0, 0, 0)).catch((error: SynodError) => error);
    const message = posted.find(({ kind }) => kind === 'lane') as Extract<ControlMessage, { kind: 'lane' }>;
    const { laneId, lane, completions } = message.lane;
    const tap = new LaneTap(laneId, lane, completions, true);
    const words = new Int32Array(lane);
    const sessions = new SessionTable();
    while (!tap.refresh(0, 1)) await node.nextWake();
    assert.ok(tap.reader.take(1 << 15) && tap.reader.confirm());
    sessions.open(words[LANE_NONCE_WORD]!, words[LANE_NONCE_WORD + 1]!, 0);
    tap.complete(sessions, false, 1);
    while (!(tap.reader.take(1 << 15) && tap.reader.confirm())) await node.nextWake();
    statuses[shard]!.setError(GROUP_ERROR_LOG, 3, -1);
    const error = (await failed) as SynodError;
    assert.equal([error.code, error.retryable], ['ERR_SYNOD_OUTCOME_UNKNOWN', false]);
    assert.is((error.cause as SynodError).code, 'ERR_SYNOD_LOG_FAILED');
  }));

test.run();
