/** The channel over a link of the addon: nothing lost, nothing overtaken, nothing kept that was let go. A double stands for the addon. */
import { constants } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CONTROL_BURST_BYTES_MAX, FABRIC_SILENT_MS_MAX } from '../../../src/limits.ts';
import type { Channel } from '../../../src/transport/channel.ts';
import { LANE_CONTROL } from '../../../src/transport/channel.ts';
import { type MailboxBinding, MailboxChannel, RegionIds } from '../../../src/transport/mailbox-channel.ts';

const { EBADMSG, ECONNRESET } = constants.errno;
const HANDLE = 5;

/** A link whose peer is the test. */
class FakeLink implements MailboxBinding {
  readonly regions: Uint8Array[] = [];
  /** What `linkSend` answers; 1 = taken. */
  sendResult = 1;
  room = 1;
  released = 0;
  isQuiet = true;
  closes = 0;
  readonly sent: { offset: number; length: number }[] = [];
  /** Bursts that arrive with the next poll, or an errno. */
  arriving: Uint8Array[] = [];
  failure = 0;

  attach(view: Uint8Array): number {
    this.regions.push(view);
    return this.regions.length - 1;
  }
  detach(): void {}
  linkHasRoom(): number {
    return this.room;
  }
  linkSend(_link: number, _id: number, offset: number, length: number): number {
    if (this.sendResult === 1) this.sent.push({ offset, length });
    return this.sendResult;
  }
  linkReleased(): number {
    return this.released;
  }
  linkArm(): boolean {
    return this.isQuiet;
  }
  linkReason(): number {
    return this.failure;
  }
  linkClose(link: number): void {
    assert.is(link, HANDLE);
    this.closes += 1;
  }
  linkPoll(_link: number, id: number): number {
    if (this.failure !== 0) return this.failure;
    const target = this.regions[id] as Uint8Array;
    let at = 0;
    for (const burst of this.arriving.splice(0)) {
      new DataView(target.buffer).setInt32(at, burst.length, true);
      target.set(burst, at + 64);
      at += 64 + burst.length;
    }
    return at;
  }
}

class Bench {
  readonly link = new FakeLink();
  readonly ring = new Uint8Array(new SharedArrayBuffer(1 << 16));
  readonly received: number[] = [];
  readonly closed: string[] = [];
  released = 0;
  /** Bytes that the receiver takes of what it is offered. */
  takes = Number.POSITIVE_INFINITY;
  now = 0;
  readonly channel: MailboxChannel;

  constructor(kind: 'shm' | 'rdma' = 'rdma') {
    this.channel = new MailboxChannel({
      binding: this.link,
      kind,
      provider: 'tcp',
      link: HANDLE,
      linkNumber: 9,
      lane: LANE_CONTROL,
      regions: new RegionIds(this.link),
      now: () => this.now,
      events: {
        onRecords: (_words, bytes, offset, size) => {
          const taken = Math.min(size, this.takes);
          for (let at = offset; at < offset + taken; at += 64) this.received.push(bytes[at] as number);
          return taken;
        },
        onReleased: (size) => {
          this.released += size;
        },
        onClosed: (reason) => this.closed.push(reason),
      },
    });
  }
}

/** Frames of 64 bytes that begin with these numbers. */
function frames(...marks: number[]): Uint8Array {
  const bytes = new Uint8Array(64 * marks.length);
  for (const [index, mark] of marks.entries()) bytes[64 * index] = mark;
  return bytes;
}

const test = suite('transport/mailbox-channel');

test('a channel has room for a largest burst or for none', () => {
  const { channel, link } = new Bench();
  assert.is(channel.room(), CONTROL_BURST_BYTES_MAX);
  link.room = 0;
  assert.is(channel.room(), 0);
});

test('bytes sent from shared memory of this host are free when the turn is flushed, others when the card says so', () => {
  const shm = new Bench('shm');
  shm.channel.send(shm.ring, 256, 128);
  shm.link.released = 1;
  assert.is(shm.released, 0, 'nothing is called from within send');
  shm.channel.flush();
  assert.is(shm.released, 128);

  const rdma = new Bench('rdma');
  rdma.channel.send(rdma.ring, 256, 128);
  rdma.channel.send(rdma.ring, 384, 64);
  rdma.channel.flush();
  assert.is(rdma.released, 0);
  rdma.link.released = 2;
  assert.ok(rdma.channel.poll() > 0);
  assert.is(rdma.released, 192);
});

test('a burst that the provider does not take at once waits alone, and goes first', () => {
  const { channel, link, ring } = new Bench();
  link.sendResult = 0;
  channel.send(ring, 256, 64);
  assert.is(channel.room(), 0);
  assert.is(link.sent.length, 0);
  link.sendResult = 1;
  channel.poll();
  assert.equal(link.sent, [{ offset: 256, length: 64 }]);
  assert.is(channel.room(), CONTROL_BURST_BYTES_MAX);
});

test('bursts in flight are bounded', () => {
  const { channel, link, ring } = new Bench();
  let sent = 0;
  while (channel.room() > 0 && sent < 10_000) {
    channel.send(ring, 256, 64);
    sent += 1;
  }
  assert.is(sent, 256);
  link.released = 1;
  channel.poll();
  assert.is(channel.room(), CONTROL_BURST_BYTES_MAX);
});

test('what arrives is handed over in order, burst by burst', () => {
  const { channel, link, received } = new Bench();
  link.arriving = [frames(1, 2), frames(3)];
  assert.ok(channel.poll() > 0);
  assert.equal(received, [1, 2, 3]);
  assert.is(channel.poll(), 0);
});

test('a receiver without room is offered the rest again, and nothing new before', () => {
  const bench = new Bench();
  const { channel, link, received } = bench;
  bench.takes = 64;
  link.arriving = [frames(1, 2, 3), frames(4)];
  channel.poll();
  assert.equal(received, [1]);
  assert.ok(channel.isStalled);
  link.arriving = [frames(5)];
  channel.poll();
  assert.equal(received, [1]);
  bench.takes = Number.POSITIVE_INFINITY;
  channel.resume();
  assert.equal(received, [1, 2, 3, 4]);
  channel.poll();
  assert.equal(received, [1, 2, 3, 4, 5]);
});

test('a turn that finds nothing arms the link, and counts as work where something came meanwhile', () => {
  const { channel, link } = new Bench();
  assert.is(channel.poll(), 0);
  link.isQuiet = false;
  assert.is(channel.poll(), 1);
});

test('a link that fails closes the channel once, with the reason', () => {
  for (const [failure, reason] of [
    [-EBADMSG, 'checksum'],
    [-ECONNRESET, 'closed'],
  ] as const) {
    const { channel, link, closed } = new Bench();
    link.failure = failure;
    channel.poll();
    channel.poll();
    channel.close('stopping', '');
    assert.equal(closed, [reason]);
    assert.is(link.closes, 1);
    assert.is(channel.room(), 0);
  }
});

test('a send that fails is told with the next turn, not from within', () => {
  const { channel, link, ring, closed } = new Bench();
  link.sendResult = -ECONNRESET;
  channel.send(ring, 256, 64);
  assert.equal(closed, []);
  assert.is(channel.room(), 0);
  channel.poll();
  assert.equal(closed, ['closed']);
});

test('a burst that is no multiple of frames is not handed over', () => {
  const { channel, link, received, closed } = new Bench();
  link.arriving = [new Uint8Array(65)];
  channel.poll();
  assert.equal(received, []);
  assert.equal(closed, ['malformed']);
});

test('a channel on which nothing arrives any more ends itself; one that has nothing to send does not', () => {
  const bench = new Bench();
  const { channel, link, ring, closed } = bench;
  bench.now = 10 * FABRIC_SILENT_MS_MAX;
  channel.check(bench.now);
  channel.send(ring, 256, 64);
  bench.now += FABRIC_SILENT_MS_MAX;
  channel.check(bench.now);
  link.released = 1;
  channel.poll();
  channel.send(ring, 256, 64);
  bench.now += FABRIC_SILENT_MS_MAX;
  channel.check(bench.now);
  assert.equal(closed, []);
  bench.now += 1;
  channel.check(bench.now);
  assert.equal(closed, ['silent']);
});

test('a ring is attached once, whoever sends from it', () => {
  const { channel, link, ring } = new Bench();
  const before = link.regions.length;
  channel.send(ring, 256, 64);
  channel.send(ring, 320, 64);
  assert.is(link.regions.length, before + 1);
  const asChannel: Channel = channel;
  assert.is(asChannel.provider, 'tcp');
});

test.run();
