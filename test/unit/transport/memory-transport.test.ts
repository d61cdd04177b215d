import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WORKER_DOORBELL_WORD, WORKER_WORDS } from '../../../src/memory/descriptor.ts';
import { Sleeper, type Waker } from '../../../src/memory/doorbell.ts';
import { createRing } from '../../../src/memory/ring.ts';
import { createLinkStatus, LinkStatusWriter } from '../../../src/transport/link-status.ts';
import { type MemoryLink, MemoryTransport } from '../../../src/transport/memory-transport.ts';

const test = suite('transport/memory-transport');

const WORKER_BYTES = WORKER_WORDS * 4;

class CountingWaker implements Waker {
  wakes = 0;
  park(): void {}
  wake(): void {
    this.wakes += 1;
  }
}

interface Node {
  block: SharedArrayBuffer;
  waker: CountingWaker;
  sleeper: Sleeper;
  links: MemoryLink[];
  transport: MemoryTransport;
}

/** `count` members, all linked to each other. */
function makeNodes(count: number): Node[] {
  const blocks = Array.from({ length: count }, () => new SharedArrayBuffer(WORKER_BYTES));
  const wakers = blocks.map(() => new CountingWaker());
  const wakerOf = (block: SharedArrayBuffer): Waker => wakers[blocks.indexOf(block)]!;
  const rings = new Map<string, SharedArrayBuffer>();
  const ring = (from: number, to: number, lane: string, capacity: number): SharedArrayBuffer => {
    const key = `${from}>${to}${lane}`;
    if (!rings.has(key)) rings.set(key, createRing(capacity));
    return rings.get(key)!;
  };
  return blocks.map((block, own) => {
    const links: MemoryLink[] = [];
    for (let peer = 0; peer < count; peer += 1) {
      if (peer === own) continue;
      links.push({
        memberIndex: peer,
        outboundBulk: ring(own, peer, 'bulk', 1024),
        outboundControl: ring(own, peer, 'control', 512),
        inboundBulk: ring(peer, own, 'bulk', 1024),
        inboundControl: ring(peer, own, 'control', 512),
        peerBlock: blocks[peer]!,
      });
    }
    const waker = wakers[own]!;
    const sleeper = new Sleeper(block, WORKER_DOORBELL_WORD, waker);
    return { block, waker, sleeper, links, transport: new MemoryTransport(links, wakerOf) };
  });
}

function send(transport: MemoryTransport, member: number, mark: number, bulk: boolean, size = 64): boolean {
  const offset = transport.claim(member, size, bulk);
  if (offset < 0) return false;
  assert.is(offset % 64, 0);
  transport.outWords[(offset >> 2) + 2] = mark;
  transport.outBytes[offset + size - 1] = mark;
  transport.publish();
  return true;
}

function receive(transport: MemoryTransport, limit = 100): number[] {
  const marks: number[] = [];
  const count = transport.poll((words, bytes, offset, size) => {
    assert.is(words[offset >> 2], size);
    assert.is(bytes[offset + size - 1], words[(offset >> 2) + 2]! & 0xff);
    marks.push(words[(offset >> 2) + 2]!);
  }, limit);
  assert.is(count, marks.length);
  return marks;
}

test('a frame reaches the member it was claimed for, and nobody else', () => {
  const [a, b, c] = makeNodes(3) as [Node, Node, Node];
  assert.ok(send(a.transport, 1, 11, true, 300));
  assert.ok(send(a.transport, 2, 12, false));
  assert.ok(b.transport.hasInbound());
  assert.not.ok(a.transport.hasInbound());
  assert.equal(receive(b.transport), [11]);
  assert.equal(receive(c.transport), [12]);
  assert.ok(send(c.transport, 0, 30, false));
  assert.ok(send(b.transport, 0, 20, true));
  assert.equal(receive(a.transport), [30, 20]);
  assert.not.ok(a.transport.hasInbound());
});

test('control frames of all links overtake bulk frames, order within a lane holds', () => {
  const [a, b, c] = makeNodes(3) as [Node, Node, Node];
  send(a.transport, 2, 1, true);
  send(a.transport, 2, 2, true);
  send(a.transport, 2, 3, false);
  send(b.transport, 2, 4, true);
  send(b.transport, 2, 5, false);
  assert.equal(receive(c.transport), [3, 5, 1, 2, 4]);
});

test('poll takes at most its limit from each link, both lanes together', () => {
  const [a, b, c] = makeNodes(3) as [Node, Node, Node];
  for (let n = 1; n <= 3; n += 1) {
    send(a.transport, 2, n, n === 1);
    send(b.transport, 2, n + 10, true);
  }
  assert.equal(receive(c.transport, 2), [2, 3, 11, 12]);
  assert.equal(receive(c.transport, 2), [1, 13]);
  assert.equal(receive(c.transport, 2), []);
});

test('a full ring refuses and is counted per member; the other lane and the other member go on', () => {
  const [a, b] = makeNodes(3) as [Node, Node];
  while (a.transport.hasRoom(1, 256)) assert.ok(send(a.transport, 1, 7, true, 256));
  assert.not.ok(send(a.transport, 1, 7, true, 256));
  assert.not.ok(send(a.transport, 1, 7, true, 256));
  assert.is(a.transport.droppedFrames(1), 2);
  assert.ok(send(a.transport, 1, 8, false));
  assert.ok(send(a.transport, 2, 9, true, 256));
  assert.is(a.transport.droppedFrames(2), 0);
  assert.equal(receive(b.transport), [8, 7, 7, 7, 7]);
  assert.ok(a.transport.hasRoom(1, 256));
});

test('a member without a link is a link that is down', () => {
  const [a] = makeNodes(2) as [Node];
  assert.is(a.transport.claim(0, 64, true), -1);
  assert.is(a.transport.claim(5, 64, false), -1);
  assert.not.ok(a.transport.hasRoom(5, 64));
  assert.is(a.transport.droppedFrames(5), 1);
  assert.throws(() => a.transport.claim(15, 64, true), /no such member/);
});

test('flush wakes a sleeping peer once for all its frames, and only those that got some', () => {
  const [a, b, c] = makeNodes(3) as [Node, Node, Node];
  b.sleeper.prepare();
  c.sleeper.prepare();
  for (let n = 0; n < 4; n += 1) send(a.transport, 1, n, n % 2 === 0);
  assert.is(b.waker.wakes, 0);
  a.transport.flush();
  assert.is(b.waker.wakes, 1);
  assert.is(c.waker.wakes, 0);
  b.sleeper.prepare();
  a.transport.flush();
  assert.is(b.waker.wakes, 1);
});

test('abandoned frames are never seen and ring nobody', () => {
  const [a, b] = makeNodes(2) as [Node, Node];
  b.sleeper.prepare();
  assert.ok(a.transport.claim(1, 128, true) > 0);
  a.transport.abandon();
  a.transport.abandon();
  a.transport.flush();
  assert.is(b.waker.wakes, 0);
  assert.ok(a.transport.claim(1, 64, false) > 0, 'another lane may be claimed after abandon');
  a.transport.abandon();
  assert.not.ok(b.transport.hasInbound());
  assert.ok(send(a.transport, 1, 5, true));
  assert.equal(receive(b.transport), [5]);
});

test('several frames of one lane may be published together, frames of two lanes may not', () => {
  const [a, b] = makeNodes(2) as [Node, Node];
  for (const mark of [1, 2]) {
    const offset = a.transport.claim(1, 64, true);
    a.transport.outWords[(offset >> 2) + 2] = mark;
    a.transport.outBytes[offset + 63] = mark;
  }
  assert.throws(() => a.transport.claim(1, 64, false), /publish one lane/);
  assert.not.ok(b.transport.hasInbound());
  a.transport.publish();
  assert.equal(receive(b.transport), [1, 2]);
  assert.throws(() => a.transport.publish(), /nothing was claimed/);
});

test('a replacement worker goes on with the frames that were not handed over', () => {
  const [a, b] = makeNodes(2) as [Node, Node];
  for (let n = 1; n <= 3; n += 1) send(a.transport, 1, n, true);
  assert.equal(receive(b.transport, 1), [1]);
  assert.equal(receive(new MemoryTransport(b.links, () => b.waker)), [2, 3]);
});

test('frames to a node whose link is down are refused and counted, and flow when it is up again', () => {
  const [a, b] = makeNodes(2) as [Node, Node];
  const linkStatus = createLinkStatus();
  const status = new LinkStatusWriter(linkStatus, 1);
  const transport = new MemoryTransport([{ ...a.links[0]!, linkStatus }], () => a.waker);
  assert.not.ok(send(transport, 1, 1, true));
  assert.not.ok(transport.hasRoom(1, 64));
  assert.is(transport.droppedFrames(1), 1);
  status.setConnecting();
  assert.not.ok(send(transport, 1, 2, false));
  status.setUp('tcp', 7);
  assert.ok(transport.hasRoom(1, 64));
  assert.ok(send(transport, 1, 3, true));
  status.setDown();
  assert.not.ok(send(transport, 1, 4, true));
  assert.equal(receive(b.transport), [3]);
});

test('the kind of waker is chosen by who sits at the other end', () => {
  const [a] = makeNodes(2) as [Node];
  const kinds: string[] = [];
  const note = (_block: SharedArrayBuffer, kind: string): Waker => {
    kinds.push(kind);
    return a.waker;
  };
  new MemoryTransport([a.links[0]!], note);
  new MemoryTransport([{ ...a.links[0]!, wakeKind: 'eventLoop' }], note);
  assert.equal(kinds, ['thread', 'eventLoop']);
});

test('two links to one member are refused', () => {
  const [a] = makeNodes(2) as [Node];
  assert.throws(() => new MemoryTransport([...a.links, ...a.links], () => a.waker), /one link per member/);
});

test.run();
