/** Commands of a client at a node that follows: applied once, in order, answered by its own replica, whatever gets lost. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { InThreadCluster } from '../../support/in-thread-cluster.ts';
import { ListMachine } from '../../support/lane-kit.ts';
import { NodeClient } from '../../support/node-clients.ts';

const listOf = (cluster: InThreadCluster, m: number): number[] => (cluster.members[m]!.machine as ListMachine).list;

/** Three nodes; member 0 leads. */
function nodes(): InThreadCluster {
  const cluster = new InThreadCluster(3, () => new ListMachine(), 1, true);
  cluster.ticks(20);
  assert.is(cluster.leader(), 0);
  return cluster;
}

function opened(cluster: InThreadCluster, m: number, nonce = 7): NodeClient {
  const client = new NodeClient(cluster, m, nonce);
  cluster.settle();
  assert.ok(client.poll(), 'the session opens through the leader');
  return client;
}

const test = suite('runtime/forwarder');

test('a follower passes commands on, and answers them itself when it applies them', () => {
  const cluster = nodes();
  const client = opened(cluster, 1);
  for (let n = 1; n <= 5; n++) client.put(n);
  cluster.settle();
  client.poll();
  assert.equal(listOf(cluster, 0), [1, 2, 3, 4, 5]);
  assert.equal(
    client.replies.map(({ number, word }) => [number, word]),
    [1, 2, 3, 4, 5].map((n) => [n, n]),
  );
});

test('an answer waits for no heartbeat of the clock: without a tick the follower learns that it is chosen', () => {
  const cluster = nodes();
  const client = opened(cluster, 2);
  client.put(9);
  cluster.settle();
  client.poll();
  assert.is(client.replies.length, 1);
});

test('clients at every node share the log', () => {
  const cluster = nodes();
  const clients = [0, 1, 2].map((m) => opened(cluster, m, 10 + m));
  for (let n = 0; n < 30; n++) clients[n % 3]!.put(n);
  cluster.settle();
  for (const client of clients) client.poll();
  assert.equal(
    [...listOf(cluster, 0)].sort((a, b) => a - b),
    Array.from({ length: 30 }, (_, n) => n),
  );
  for (const client of clients) assert.is(client.replies.length, 10);
  cluster.ticks(10);
  for (const m of [1, 2]) assert.equal(listOf(cluster, m), listOf(cluster, 0));
});

test('commands that were under way to a leader that died are sent to the next one, once each', () => {
  const cluster = nodes();
  const client = opened(cluster, 1);
  client.put(1);
  cluster.settle();
  for (let n = 2; n <= 4; n++) client.put(n);
  // The follower's turn: its frames reach a ring that nobody reads any more.
  cluster.turn(new Set([0, 2]));
  const down = new Set([0]);
  cluster.ticks(200, down);
  assert.ok(cluster.leader(down) > 0);
  client.poll();
  assert.equal(listOf(cluster, 1), [1, 2, 3, 4]);
  assert.equal(
    client.replies.map(({ number }) => number),
    [1, 2, 3, 4],
  );
});

test('a node that begins to lead proposes what its own clients had forwarded', () => {
  const cluster = nodes();
  const client = opened(cluster, 1);
  client.put(1);
  cluster.turn(new Set([0, 2]));
  cluster.members[0]!.driver.transfer(1);
  cluster.ticks(200);
  assert.is(cluster.leader(), 1);
  client.poll();
  assert.equal(listOf(cluster, 1), [1]);
  assert.is(client.replies.length, 1);
});

test('a frame that gets lost costs a while, not the command', () => {
  const cluster = nodes();
  const client = opened(cluster, 1);
  const lost = cluster.members[0]!.driver.onForward;
  cluster.members[0]!.driver.onForward = () => {};
  client.put(1);
  cluster.settle();
  client.put(2);
  cluster.settle();
  cluster.members[0]!.driver.onForward = lost;
  cluster.ticks(10);
  assert.equal(listOf(cluster, 0), []);
  cluster.ticks(40);
  client.poll();
  assert.equal(listOf(cluster, 0), [1, 2]);
  assert.is(client.replies.length, 2);
});

test('what arrives twice is applied once', () => {
  const cluster = nodes();
  const client = opened(cluster, 1);
  const { driver } = cluster.members[0]!;
  const take = driver.onForward;
  driver.onForward = (message, bytes, offset) => {
    take(message, bytes, offset);
    take(message, bytes, offset);
  };
  for (let n = 1; n <= 3; n++) client.put(n);
  cluster.settle();
  client.poll();
  assert.equal(listOf(cluster, 0), [1, 2, 3]);
  assert.is(client.replies.length, 3);
});

test.run();
