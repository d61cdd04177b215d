/** Three nodes in three processes over loopback: the same calls at each, and nothing acknowledged is lost whoever dies. */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kv } from '../../src/index.ts';
import { Clients, NodeCluster } from '../support/node-cluster.ts';
import { NodeError, type NodeProcess } from '../support/node-process.ts';

const OPTIONS = { shards: 2, workers: 1, machine: 'kv' };
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

const get = async (node: NodeProcess, key: string): Promise<string> =>
  text(kv.decodeReply(await node.read(key, kv.get(key))).value);

async function withNodes(check: (cluster: NodeCluster) => Promise<void>): Promise<void> {
  const cluster = await NodeCluster.make(3, OPTIONS);
  try {
    await cluster.startAll(true);
    await check(cluster);
  } finally {
    await cluster.close();
  }
}

/** Waits until `check` holds; nodes are asked again and again, which takes time by itself. */
async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check()));
}

const test = suite('integration/nodes');

test('a command proposed at any node is read at any other', () =>
  withNodes(async (cluster) => {
    for (let at = 0; at < 3; at++) await cluster.node(at).propose(`k${at}`, kv.put(`k${at}`, `from ${at}`));
    for (let at = 0; at < 3; at++)
      for (let key = 0; key < 3; key++) assert.is(await get(cluster.node(at), `k${key}`), `from ${key}`);
    const status = await cluster.node(0).status();
    assert.ok(status.links.every(({ state }) => state === 'up'));
    assert.ok(status.shards.every(({ leader }) => leader > 0));
  }));

test('clients of all nodes over leader kills: every history is linearizable, nobody waits for ever', () =>
  withNodes(async (cluster) => {
    const clients = new Clients(cluster, 4);
    clients.start(6);
    for (let round = 0; round < 3; round++) {
      await clients.progress(40);
      const asked = cluster.nodes.findIndex((node) => node !== undefined);
      const leader = await cluster.leaderOf(round % 2, asked);
      if (leader < 0) continue;
      await cluster.kill(leader);
      await clients.progress(40);
      await cluster.start(leader);
    }
    await clients.progress(40);
    await clients.stop();
    assert.equal(clients.violations(), []);
  }));

test('a leader that stands still is replaced; when it goes on it answers nothing stale', () =>
  withNodes(async (cluster) => {
    const clients = new Clients(cluster, 2);
    clients.start(6);
    await clients.progress(25);
    const leader = await cluster.leaderOf(0, 0);
    const other = (leader + 1) % 3;
    cluster.node(leader).pause();
    await until(async () => {
      const now = await cluster.leaderOf(0, other);
      return now >= 0 && now !== leader;
    });
    cluster.node(leader).resume();
    await clients.progress(40);
    await clients.stop();
    assert.equal(clients.violations(), []);
  }));

test('all nodes restarted one after the other under load', () =>
  withNodes(async (cluster) => {
    const clients = new Clients(cluster, 3);
    clients.start(6);
    for (let index = 0; index < 3; index++) {
      await clients.progress(25);
      const node = cluster.node(index);
      cluster.nodes[index] = undefined;
      await node.close();
      await clients.progress(25);
      await (await cluster.start(index)).ready();
    }
    await clients.progress(25);
    await clients.stop();
    assert.equal(clients.violations(), []);
  }));

test('what was acknowledged survives the death of all processes at once', () =>
  withNodes(async (cluster) => {
    for (let n = 0; n < 20; n++) await cluster.node(n % 3).propose(`k${n}`, kv.put(`k${n}`, `v${n}`));
    await Promise.all([0, 1, 2].map((index) => cluster.kill(index)));
    await cluster.startAll(false);
    for (let n = 0; n < 20; n++) assert.is(await get(cluster.node(n % 3), `k${n}`), `v${n}`);
  }));

test('a blocked main thread does not cost its node the leadership', () =>
  withNodes(async (cluster) => {
    await cluster.node(0).propose('k', kv.put('k', '1'));
    const leader = await cluster.leaderOf(0, 0);
    const other = (leader + 1) % 3;
    const before = (await cluster.node(other).status()).shards[0]!.ballot;
    await Promise.all([cluster.node(leader).block(2000), cluster.node(other).propose('k', kv.put('k', '2'))]);
    assert.is((await cluster.node(other).status()).shards[0]!.ballot, before);
  }));

test('a second process in a directory, and a lost directory, are refused', () =>
  withNodes(async (cluster) => {
    const codeOf = (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => 'resolved',
        (error: unknown) => (error instanceof NodeError ? error.code : String(error)),
      );
    assert.is(await codeOf(cluster.start(0)), 'ERR_SYNOD_DIRECTORY_LOCKED');
    assert.is(
      await codeOf(cluster.start(0, { directory: join(cluster.directory, 'elsewhere') })),
      'ERR_SYNOD_DIRECTORY_MISMATCH',
    );
    assert.ok(existsSync(join(cluster.directory, 'node-1', 'node.json')));
  }));

test('a node that lost its directory learns everything from the others; the lost one, found again, is refused', () =>
  withNodes(async (cluster) => {
    for (let n = 0; n < 10; n++) await cluster.node(n % 3).propose(`k${n}`, kv.put(`k${n}`, `v${n}`));
    await cluster.kill(2);
    const home = join(cluster.directory, 'node-3');
    renameSync(home, `${home}.lost`);
    const rejoined = await cluster.start(2, { lostReplicas: 'rejoin' });
    await rejoined.propose('k', kv.put('k', 'again'));
    for (let n = 0; n < 10; n++) assert.is(await get(rejoined, `k${n}`), `v${n}`);
    await until(async () => {
      const { shards } = await rejoined.status();
      return shards.every(({ role }) => role !== 'rejoining');
    });
    await rejoined.close();
    renameSync(home, `${home}.replacement`);
    renameSync(`${home}.lost`, home);
    const old = await cluster.start(2);
    await until(async () => (await old.status()).links.every(({ refusals }) => refusals > 0));
    assert.ok((await old.status()).links.every(({ state, reason }) => state !== 'up' && reason === 'wrongIncarnation'));
    await cluster.node(0).propose('k', kv.put('k', 'without it'));
  }));

test.run();
