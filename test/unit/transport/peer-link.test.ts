/** One peer: up with two lanes, down with either, old frames never carried over, faster channels and back. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TYPE_FRAME, WORKER_DOORBELL_WORD, WORKER_WORDS } from '../../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell } from '../../../src/memory/doorbell.ts';
import { makePortableBulk } from '../../../src/memory/portable-bulk.ts';
import { createRing, RingConsumer, RingProducer } from '../../../src/memory/ring.ts';
import type {
  Channel,
  ChannelEvents,
  ChannelKind,
  ChannelUpgrader,
  UpgradeLink,
  UpgradeSession,
} from '../../../src/transport/channel.ts';
import { createLinkStatus, LinkStatusWriter, readLinkStatus } from '../../../src/transport/link-status.ts';
import { PeerLink } from '../../../src/transport/peer-link.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { FRAME_VALUE_CRC_WORD } from '../../../src/wire/frame.ts';
import { duplexPair, lineOver, type PairEnd } from '../../support/duplex-pair.ts';
import { until, writeFrame } from '../../support/transport-kit.ts';

const test = suite('transport/peer-link');

const clock = { ms: 0 };

/** The end of the link at member `own`, whose peer is the other of 0 and 1. */
function makeEnd(own: number, upgraders: ChannelUpgrader[] = []) {
  const peer = 1 - own;
  const block = createLinkStatus();
  const rings = [0, 1, 2, 3].map(() => createRing(1 << 12)) as [
    SharedArrayBuffer,
    SharedArrayBuffer,
    SharedArrayBuffer,
    SharedArrayBuffer,
  ];
  const workerBlock = new SharedArrayBuffer(WORKER_WORDS * 4);
  const log: string[] = [];
  const link = new PeerLink({
    memberIndex: peer,
    shards: 2,
    workers: [
      {
        groups: [0, 1],
        doorbell: new Doorbell(workerBlock, WORKER_DOORBELL_WORD, new AtomicsWaker(workerBlock)),
        outboundBulk: rings[0],
        outboundControl: rings[1],
        inboundBulk: rings[2],
        inboundControl: rings[3],
      },
    ],
    bulk: makePortableBulk(crc32c),
    status: new LinkStatusWriter(block, peer),
    upgraders,
    now: () => clock.ms,
    nextLinkNumber: () => 99,
    wake: () => {},
    onUp: (kind) => log.push(`up ${kind}`),
    onDown: (reason, _detail, isViolation) => log.push(`down ${reason}${isViolation ? ' violation' : ''}`),
  });
  const out = [new RingProducer(rings[0], 64), new RingProducer(rings[1], 64)];
  const inbound = [new RingConsumer(rings[2], 64), new RingConsumer(rings[3], 64)];
  const send = (lane: number, mark: number, from = own): void => {
    const ring = out[lane] as RingProducer;
    const offset = ring.claim(64, TYPE_FRAME);
    assert.ok(offset > 0);
    writeFrame(ring.words, offset >> 2, from, 0, mark, 64);
    ring.publish();
  };
  const take = (lane: number): number[] => {
    const marks: number[] = [];
    inbound[lane]!.poll((words, _bytes, offset) => marks.push(words[(offset >> 2) + FRAME_VALUE_CRC_WORD]!), 100);
    return marks;
  };
  return { link, log, send, take, status: () => readLinkStatus(block, peer) };
}

type End = ReturnType<typeof makeEnd>;

function connect(a: End, b: End, linkNumber = 5): { streams: PairEnd[] } {
  const [bulkA, bulkB] = duplexPair();
  const [controlA, controlB] = duplexPair();
  a.link.establish({ lines: [lineOver(bulkA), lineOver(controlA)], linkNumber, isDialer: true });
  b.link.establish({ lines: [lineOver(bulkB), lineOver(controlB)], linkNumber, isDialer: false });
  return { streams: [bulkA, controlA] };
}

test('frames of both lanes arrive on their lanes', async () => {
  const [a, b] = [makeEnd(0), makeEnd(1)];
  connect(a, b);
  a.send(0, 1);
  a.send(1, 2);
  b.send(1, 3);
  assert.ok(a.link.isDue());
  a.link.turn();
  b.link.turn();
  const found = { bulk: [] as number[], control: [] as number[], back: [] as number[] };
  await until(() => {
    found.bulk.push(...b.take(0));
    found.control.push(...b.take(1));
    found.back.push(...a.take(1));
    return found.bulk.length + found.control.length + found.back.length === 3;
  });
  assert.equal(found, { bulk: [1], control: [2], back: [3] });
  assert.is(a.status().state, 'up');
  assert.is(a.status().framesOut, 2);
  assert.is(b.status().framesIn, 2);
});

test('one lane that ends takes the other with it, on both sides', async () => {
  const [a, b] = [makeEnd(0), makeEnd(1)];
  const { streams } = connect(a, b);
  streams[0]!.destroy();
  await until(() => !a.link.isUp && !b.link.isUp);
  assert.is(a.status().state, 'down');
  assert.equal(a.log, ['up tcp', 'down closed']);
  await until(() => streams[1]!.destroyed);
});

test('frames of the time before a connection are dropped and counted, never carried over', async () => {
  const [a, b] = [makeEnd(0), makeEnd(1)];
  a.send(0, 1);
  a.send(1, 2);
  connect(a, b);
  assert.is(a.status().dropsOut, 2);
  a.send(1, 3);
  a.link.turn();
  const found: number[] = [];
  await until(() => found.push(...b.take(1)) > 0);
  assert.equal(found, [3]);
});

test('a link that is down drops what is sent to it', () => {
  const a = makeEnd(0);
  a.send(1, 1);
  assert.ok(a.link.isDue());
  a.link.turn();
  assert.not.ok(a.link.isDue());
  assert.is(a.status().dropsOut, 1);
});

test('a new connection replaces the one that stands', async () => {
  const [a, b] = [makeEnd(0), makeEnd(1)];
  const first = connect(a, b, 5);
  connect(a, b, 6);
  await until(() => first.streams.every((stream) => stream.destroyed));
  assert.is(a.link.linkNumber, 6);
  assert.is(a.status().connects, 2);
  a.send(1, 4);
  a.link.turn();
  const found: number[] = [];
  await until(() => found.push(...b.take(1)) > 0);
  assert.equal(found, [4]);
});

test('a frame in the name of another member ends the link as a violation', async () => {
  const [a, b] = [makeEnd(0), makeEnd(1)];
  connect(a, b);
  a.send(1, 1, 7);
  a.link.turn();
  await until(() => !b.link.isUp && !a.link.isUp);
  assert.equal(b.log, ['up tcp', 'down malformed violation']);
  assert.equal(a.log, ['up tcp', 'down malformed'], 'the other end is told, and has nothing to accuse');
});

test('silence ends the link', async () => {
  const [a, b] = [makeEnd(0), makeEnd(1)];
  connect(a, b);
  a.link.check(clock.ms + 500, 1000);
  assert.ok(a.link.isUp);
  a.link.check(clock.ms + 1001, 1000);
  assert.not.ok(a.link.isUp);
  assert.is(a.status().reason, 'silent');
  await until(() => !b.link.isUp);
  assert.is(b.status().reason, 'silent');
});

test('pings measure both lanes', async () => {
  const [a, b] = [makeEnd(0), makeEnd(1)];
  connect(a, b);
  a.link.ping();
  clock.ms += 2;
  await until(() => a.status().rttUs > 0 && a.status().bulkRttUs > 0);
  assert.is(a.status().rttUs, 2000);
});

/** An upgrader whose channels hand ranges straight to the other end; `wires[member]` are the two ends. */
class FakeUpgrader implements ChannelUpgrader {
  readonly kind: ChannelKind = 'shm';
  link: UpgradeLink | undefined = undefined;
  readonly notes: string[] = [];
  downgrades = 0;
  isClosed = false;
  begin(link: UpgradeLink): UpgradeSession {
    this.link = link;
    return {
      onNote: (bytes) => this.notes.push(Buffer.from(bytes).toString()),
      poll: () => 0,
      onDowngraded: () => {
        this.downgrades += 1;
      },
      onTick: () => {},
      close: () => {
        this.isClosed = true;
      },
    };
  }
  close(): void {}
}

class DirectChannel implements Channel {
  readonly kind = 'shm';
  readonly linkNumber = 12;
  events: ChannelEvents | undefined = undefined;
  other: DirectChannel | undefined = undefined;
  sent = 0;
  isClosed = false;
  room(): number {
    return this.isClosed ? 0 : 1 << 16;
  }
  send(bytes: Uint8Array, offset: number, size: number): void {
    this.sent += 1;
    this.other?.events?.onRecords(new Int32Array(bytes.buffer), bytes, offset, size);
    setImmediate(() => this.events?.onReleased(size));
  }
  flush(): void {}
  resume(): void {}
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.events?.onClosed('closed', '');
  }
}

/** Both ends on direct channels. */
function upgraded() {
  const upgraders = [new FakeUpgrader(), new FakeUpgrader()] as const;
  const [a, b] = [makeEnd(0, [upgraders[0]]), makeEnd(1, [upgraders[1]])];
  connect(a, b);
  const channels = upgraders.map((upgrader) => {
    const pair = [new DirectChannel(), new DirectChannel()] as const;
    pair.forEach((channel, lane) => {
      channel.events = upgrader.link!.eventsOf(lane, () => channel);
    });
    return pair;
  });
  for (const lane of [0, 1] as const) {
    channels[0]![lane].other = channels[1]![lane];
    channels[1]![lane].other = channels[0]![lane];
  }
  upgraders[0].link!.adopt(channels[0]!);
  upgraders[1].link!.adopt(channels[1]!);
  return { a, b, channels, upgraders };
}

test('notes reach the upgrader of the same kind at the other end', async () => {
  const { upgraders } = upgraded();
  upgraders[0].link!.sendNote(Buffer.from('key 5'));
  await until(() => upgraders[1].notes.length === 1);
  assert.equal(upgraders[1].notes, ['key 5']);
  assert.ok(upgraders[0].link!.isDialer);
  assert.not.ok(upgraders[1].link!.isDialer);
});

test('adopted channels carry the frames, and the status names them', () => {
  const { a, b, channels } = upgraded();
  a.send(0, 8);
  a.link.turn();
  assert.equal(b.take(0), [8]);
  assert.is(channels[0]![0].sent, 1);
  assert.is(a.status().transport, 'shm');
});

test('when they fail the sockets carry the frames again, and the link stays up', async () => {
  const { a, b, channels, upgraders } = upgraded();
  a.send(0, 1);
  a.link.turn();
  channels[0]![1].close();
  assert.is(upgraders[0].downgrades, 1);
  assert.ok(channels[0]![0].isClosed, 'both lanes go together');
  assert.is(a.status().transport, 'tcp');
  assert.is(a.status().state, 'up');
  b.take(0);
  a.send(0, 2);
  a.link.turn();
  const found: number[] = [];
  await until(() => found.push(...b.take(0)) > 0);
  assert.equal(found, [2]);
});

test('when the link goes, its upgrade goes', async () => {
  const { a, b, channels, upgraders } = upgraded();
  a.link.disconnect('stopping', '');
  assert.ok(upgraders[0].isClosed);
  assert.ok(channels[0]![0].isClosed);
  await until(() => !b.link.isUp);
  assert.ok(upgraders[1].isClosed);
});

test.run();
