/** Sessions that outlive the process of their client, over groups that run on this thread. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import { parseToken, sessionToken } from '../../../src/engine/session.ts';
import { FakeCluster } from './fake-cluster.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: SynodError) => error.code,
  );

const test = suite('engine/session');

test('a token names shard and secret, and nothing else passes for one', () => {
  assert.equal(parseToken(sessionToken(3, 2 ** 52 + 5), 4), { shard: 3, nonce: 2 ** 52 + 5 });
  for (const token of [
    '',
    'synod-session.0.',
    'synod-session.0.0',
    'synod-session.4.1',
    'synod-session.0.ffffffffffffff',
    'synod-session.0.1 ',
  ])
    assert.throws(() => parseToken(token, 4), /token/);
});

test('a session goes on with its numbers where the one before left it', () =>
  FakeCluster.run(async ({ cluster, groups }) => {
    const first = await cluster.session({ key: 'a' });
    assert.equal([first.lastApplied, first.lastNumber], [0, 0]);
    for (let n = 1; n <= 3; n++) await first.propose(bytes(n, 1, 0, 0));
    assert.is(first.lastNumber, 3);
    first.detach();
    assert.is(await codeOf(first.propose(bytes(9))), 'ERR_SYNOD_CLOSED');
    const second = await cluster.session({ token: first.token });
    assert.equal([second.shard, second.lastApplied, second.token], [first.shard, 3, first.token]);
    assert.equal(await second.propose(bytes(4, 1, 0, 0)), bytes(4, 1, 0, 0));
    assert.is(second.lastNumber, 4);
    assert.equal([...groups[0]!.replicas[0]!.machine.applied.values()], [1, 1, 1, 1]);
  }));

test('a session that goes on elsewhere is over here, and says so', () =>
  FakeCluster.run(async ({ cluster }) => {
    const first = await cluster.session({ key: 'a' });
    await first.propose(bytes(1, 1, 0, 0));
    await cluster.session({ token: first.token });
    assert.is(await codeOf(first.propose(bytes(2, 1, 0, 0))), 'ERR_SYNOD_SESSION_EXPIRED');
  }));

test('a closed session cannot be resumed, nor one that never was', () =>
  FakeCluster.run(async ({ cluster, groups, until }) => {
    const session = await cluster.session({ key: 'a' });
    session.close();
    session.close();
    await until(() => groups[0]!.replicas[0]!.sessions.count === 0);
    assert.is(await codeOf(cluster.session({ token: session.token })), 'ERR_SYNOD_SESSION_EXPIRED');
    assert.is(await codeOf(cluster.session({ token: sessionToken(0, 77) })), 'ERR_SYNOD_SESSION_EXPIRED');
    assert.is(await codeOf(cluster.session({ token: 'mine' })), 'ERR_SYNOD_CONFIG');
  }));

test('one that is not opened in time is given up', () =>
  FakeCluster.run(async ({ cluster, groups }) => {
    groups[0]!.leader = -1;
    assert.is(await codeOf(cluster.session({ key: 'a', timeout: 1 })), 'ERR_SYNOD_TIMEOUT');
  }));

test('what is in flight when a session is let go is of unknown outcome', () =>
  FakeCluster.run(async ({ cluster, groups }) => {
    const session = await cluster.session({ key: 'a' });
    groups[0]!.leader = -1;
    const pending = codeOf(session.propose(bytes(1, 1, 0, 0)));
    await Promise.resolve();
    session.detach();
    assert.is(await pending, 'ERR_SYNOD_OUTCOME_UNKNOWN');
  }));

test('closing the handle ends its own sessions and keeps those with a token', async () => {
  let count = -1;
  await FakeCluster.run(async ({ cluster, groups }) => {
    await cluster.propose('a', bytes(1, 1, 0, 0));
    await cluster.session({ key: 'a' });
    assert.is(groups[0]!.replicas[0]!.sessions.count, 2);
    await cluster.close();
    count = groups[0]!.replicas[0]!.sessions.count;
  });
  assert.is(count, 1);
});

test.run();
