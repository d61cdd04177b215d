/** Nodes over real sockets: every frame whole, in order and at its worker; a slow worker or peer holds up itself. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PEER_RING_BYTES, SEND_BYTES_MAX } from '../../src/limits.ts';
import { openNodes, type TestNode, until } from '../support/transport-kit.ts';

const test = suite('integration/transport-links');
let nodes: TestNode[] = [];

test.after.each(async () => {
  for (const node of nodes) await node.close();
  nodes = [];
});

const allUp = (): boolean =>
  nodes.every((node) => nodes.every((peer) => peer === node || node.link(peer.data.memberIndex).state === 'up'));

test('three nodes carry values and control frames between all pairs, each lane in order', async () => {
  nodes = await openNodes([0, 1, 2].map((memberIndex) => ({ memberIndex, memberCount: 3 })));
  await until(allUp);
  const COUNT = 400;
  const sizes = [64, 100, 4096, 70_000];
  let sent = 0;
  await until(() => {
    while (sent < COUNT) {
      const size = sizes[sent % sizes.length] as number;
      const isTaken = nodes.every((node) =>
        nodes.every((peer) => peer === node || node.send(peer.data.memberIndex, sent % 2, sent, size)),
      );
      assert.ok(isTaken, 'the rings hold what is sent here');
      sent += 1;
      if (sent % 50 === 0) break;
    }
    for (const node of nodes) node.poll();
    return nodes.every((node) => node.arrivals.length === 2 * COUNT);
  });
  for (const node of nodes) {
    for (const peer of nodes) {
      for (const isBulk of [false, true]) {
        const marks = node.arrivals
          .filter(({ from, size }) => from === peer.data.memberIndex && size > 64 === isBulk)
          .map(({ mark }) => mark);
        assert.equal(
          marks,
          [...marks].sort((a, b) => a - b),
        );
      }
    }
  }
});

test('nodes with different numbers of workers find each other’s groups', async () => {
  const groups = [
    [[0, 1, 2, 3]],
    [
      [0, 2],
      [1, 3],
    ],
    [[0], [1], [2], [3]],
  ];
  nodes = await openNodes(groups.map((hosted, memberIndex) => ({ memberIndex, memberCount: 3, groups: hosted })));
  await until(allUp);
  for (const node of nodes) {
    for (const peer of nodes) {
      if (peer === node) continue;
      for (let group = 0; group < 4; group++)
        assert.ok(node.send(peer.data.memberIndex, group, group, 64 + group * 64));
    }
  }
  await until(() => {
    for (const node of nodes) node.poll();
    return nodes.every(({ arrivals }) => arrivals.length === 8);
  });
  for (const { arrivals } of nodes) assert.ok(arrivals.every(({ group, mark }) => group === mark));
});

test('a worker that takes nothing neither stops control frames nor, for long, other workers; memory is the rings', async () => {
  nodes = await openNodes([
    { memberIndex: 0, memberCount: 2, groups: [[0, 1]] },
    { memberIndex: 1, memberCount: 2, groups: [[0], [1]] },
  ]);
  const [a, b] = nodes as [TestNode, TestNode];
  await until(allUp);
  let taken = 0;
  // Group 0 is fed until its ring here, the sockets and its ring there are full and its worker is given up.
  await until(() => {
    while (a.send(1, 0, taken, 60_000)) taken += 1;
    b.poll(1);
    return b.link(0).dropsIn > 0;
  });
  assert.ok(taken * 60_000 < 4 * PEER_RING_BYTES + 8 * SEND_BYTES_MAX, `${taken} frames of 60,000 bytes were taken`);
  assert.ok(a.send(1, 1, 1));
  await until(() => b.poll(1) > 0);
  assert.is(a.link(1).state, 'up', 'nobody lost the connection over it');
  await until(() => {
    a.send(1, 1, 2, 1000);
    b.poll(1);
    return b.arrivals.some(({ group, size }) => group === 1 && size === 1000);
  });
});

test('a node that stops reading costs the others nothing but its own link', async () => {
  nodes = await openNodes([0, 1, 2].map((memberIndex) => ({ memberIndex, memberCount: 3 })));
  const [a, b, c] = nodes as [TestNode, TestNode, TestNode];
  await until(allUp);
  let got = 0;
  await until(() => {
    while (a.send(1, 0, 1, 50_000));
    if (a.send(2, 0, 2, 5000)) got += 1;
    c.poll();
    return c.arrivals.length > 500;
  });
  assert.ok(got >= 500);
  b.poll();
});

test('a restarted node is back under a new connection, and nothing of before arrives after', async () => {
  nodes = await openNodes([0, 1].map((memberIndex) => ({ memberIndex, memberCount: 2 })));
  const [a, b] = nodes as [TestNode, TestNode];
  await until(allUp);
  for (let mark = 0; mark < 50; mark++) a.send(1, 0, mark, 30_000);
  await b.close();
  await until(() => a.link(1).state !== 'up');
  assert.not.ok(a.send(1, 0, 999));
  const [again] = await openNodes([{ memberIndex: 1, memberCount: 2, overrides: { bootCounter: 2 } }]);
  nodes = [a, again as TestNode];
  a.built.links.readdress(1, '127.0.0.1', (again as TestNode).port);
  await until(() => a.link(1).state === 'up' && (again as TestNode).link(0).state === 'up');
  assert.ok(a.send(1, 0, 1000));
  await until(() => (again as TestNode).poll() > 0);
  assert.equal(
    (again as TestNode).arrivals.map(({ mark }) => mark),
    [1000],
  );
  assert.ok(a.messages.some((message) => message.kind === 'seen' && message.bootCounter === 2));
});

test('a plain node runs without the addon', async () => {
  nodes = await openNodes([0, 1].map((memberIndex) => ({ memberIndex, memberCount: 2, native: 'off' as const })));
  await until(allUp);
  nodes[0]!.send(1, 0, 5, 9000);
  await until(() => nodes[1]!.poll() > 0);
  assert.is(nodes[1]!.arrivals[0]!.size, 9000);
});

test.run();
