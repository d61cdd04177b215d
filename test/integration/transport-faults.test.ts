/** Links through a network that misbehaves (test/support/fault-proxy): noticed in time, made anew, memory bounded. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PEER_RING_BYTES, SEND_BYTES_MAX } from '../../src/limits.ts';
import { FaultMesh } from '../support/fault-proxy.ts';
import { openNodes, type TestNode, until } from '../support/transport-kit.ts';

const test = suite('integration/transport-faults');
let nodes: TestNode[] = [];
let mesh: FaultMesh;

/** `count` nodes, a proxy between any two of them, all links up. */
async function open(count: number): Promise<void> {
  nodes = await openNodes(
    Array.from({ length: count }, (_, memberIndex) => ({ memberIndex, memberCount: count })),
    async (from, to) => {
      if (from === 0 && to === 1) mesh = await FaultMesh.open(nodesPorts());
      return mesh.port(from, to);
    },
    (opened) => {
      nodes = opened;
    },
  );
  await until(allUp);
}

const nodesPorts = (): number[] => nodes.map(({ port }) => port);
const allUp = (): boolean => nodes.every((node) => nodes.every((peer) => peer === node || state(node, peer) === 'up'));
const state = (node: TestNode, peer: TestNode): string => node.link(peer.data.memberIndex).state;

test.after.each(async () => {
  for (const node of nodes) await node.close();
  await mesh.close();
});

/** A frame sent now arrives. */
async function arrives(from: number, to: number, mark: number): Promise<void> {
  const [source, target] = [nodes[from] as TestNode, nodes[to] as TestNode];
  await until(() => source.send(to, 0, mark));
  await until(
    () => target.poll() >= 0 && target.arrivals.some((arrival) => arrival.mark === mark && arrival.from === from),
  );
}

test('connections that are reset, again and again, are made anew, and frames flow after each', async () => {
  await open(2);
  for (let round = 1; round <= 5; round++) {
    const { connects } = nodes[0]!.link(1);
    mesh.between(0, 1).reset();
    await until(() => nodes[0]!.link(1).connects > connects && allUp());
    await arrives(0, 1, 1000 + round);
    await arrives(1, 0, 2000 + round);
  }
  assert.ok(nodes[0]!.link(1).connects >= 6);
});

test('a network that swallows everything, or one way alone, is noticed by both ends, and its return too', async () => {
  await open(3);
  mesh.between(0, 1).block();
  mesh.blockOneWay(0, 2);
  mesh.blockOneWay(2, 1);
  const isDown = (one: number, other: number): boolean =>
    state(nodes[one]!, nodes[other]!) !== 'up' && state(nodes[other]!, nodes[one]!) !== 'up';
  await until(() => isDown(0, 1) && isDown(0, 2) && isDown(1, 2));
  assert.is(nodes[2]!.link(0).reason, 'silent', 'who does not hear ends it');
  assert.is(nodes[1]!.link(2).reason, 'silent');
  assert.not.ok(nodes[0]!.send(1, 0, 1), 'nothing is kept for its return');
  mesh.heal();
  await until(allUp);
  await arrives(0, 1, 7);
  await arrives(2, 1, 8);
});

test('one cut pair leaves the other pairs alone', async () => {
  await open(3);
  mesh.between(0, 2).block();
  await until(() => state(nodes[0]!, nodes[2]!) !== 'up' && state(nodes[2]!, nodes[0]!) !== 'up');
  await arrives(0, 1, 3);
  await arrives(1, 2, 4);
  assert.is(nodes[0]!.link(1).connects, 1);
  assert.is(nodes[1]!.link(2).connects, 1);
});

test('delay is not loss: links stay up at 150 ms each way, and are measured', async () => {
  await open(2);
  mesh.set({ delayMs: 150, jitterMs: 20 });
  await until(() => nodes[0]!.link(1).rttUs > 290_000);
  await arrives(0, 1, 5);
  assert.is(nodes[0]!.link(1).connects, 1);
});

test('a full pipe holds back what is sent to it and nobody else, and control frames overtake the values in it', async () => {
  await open(3);
  mesh.between(0, 1).set({ bytesPerSecond: 1 << 22 });
  let taken = 0;
  const feed = (): void => {
    while (nodes[0]!.send(1, 0, taken, 100_000)) taken += 1;
    nodes[1]!.poll();
  };
  // Full from end to end: the ring takes no more.
  feed();
  await until(() => {
    feed();
    return nodes[0]!.link(1).bulkRttUs > 300_000;
  });
  const underWay = (): number => taken - nodes[1]!.arrivals.filter(({ size }) => size > 64).length;
  // The ring here, what sockets and proxy hold.
  assert.ok(underWay() * 100_000 < 2 * PEER_RING_BYTES + 8 * SEND_BYTES_MAX, `${underWay()} frames are under way`);
  assert.ok(nodes[0]!.send(1, 0, 1 << 20));
  const before = taken;
  await until(() => nodes[1]!.poll() >= 0 && nodes[1]!.arrivals.some(({ mark }) => mark === 1 << 20));
  assert.ok(underWay() > 10, `${underWay()} of ${before} values were overtaken`);
  assert.ok(nodes[0]!.link(1).rttUs < nodes[0]!.link(1).bulkRttUs / 5, JSON.stringify(nodes[0]!.link(1)));
  await arrives(0, 2, 9);
  assert.is(nodes[0]!.link(1).connects, 1, 'slow is not silent');
});

test('a peer that is found elsewhere is dialled there', async () => {
  await open(2);
  const other = await FaultMesh.open(nodesPorts());
  nodes[0]!.built.links.readdress(1, '127.0.0.1', other.port(0, 1));
  mesh.between(0, 1).isRefusing = true;
  mesh.between(0, 1).reset();
  await until(() => other.between(0, 1).connections >= 2 && allUp());
  await arrives(0, 1, 6);
  await other.close();
});

test.run();
