/** Outbound rings in turns onto one channel; bytes back when the channel says so; nothing old after a loss. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BURST_BYTES_TARGET } from '../../../src/limits.ts';
import { TYPE_FRAME } from '../../../src/memory/descriptor.ts';
import { createRing, RingProducer } from '../../../src/memory/ring.ts';
import type { Channel } from '../../../src/transport/channel.ts';
import { LanePump } from '../../../src/transport/lane-pump.ts';

const test = suite('transport/lane-pump');

class FakeChannel implements Channel {
  readonly kind = 'tcp';
  readonly linkNumber = 1;
  readonly sent: number[] = [];
  readonly sizes: number[] = [];
  bursts = 1000;
  flushes = 0;

  room(): number {
    return this.bursts > 0 ? 1 << 20 : 0;
  }

  send(bytes: Uint8Array, offset: number, size: number): void {
    this.bursts -= 1;
    this.sizes.push(size);
    this.sent.push(bytes[offset + 8] as number);
  }

  flush(): void {
    this.flushes += 1;
  }

  resume(): void {}
  close(): void {}
}

function make(workers = 2, ringBytes = 1 << 12) {
  const rings = Array.from({ length: workers }, () => createRing(ringBytes));
  const producers = rings.map((ring) => new RingProducer(ring, 64));
  const meter = {
    frames: 0,
    bytes: 0,
    addOut: (frames: number, bytes: number) => {
      meter.frames += frames;
      meter.bytes += bytes;
    },
  };
  const put = (worker: number, mark: number, size = 64): boolean => {
    const producer = producers[worker] as RingProducer;
    const offset = producer.claim(size, TYPE_FRAME);
    if (offset < 0) return false;
    producer.bytes[offset + 8] = mark;
    producer.publish();
    return true;
  };
  return { pump: new LanePump(rings, meter), put, meter, channel: new FakeChannel() };
}

test('what waits in a ring leaves as one burst', () => {
  const { pump, put, channel, meter } = make();
  for (let mark = 1; mark <= 5; mark++) put(0, mark);
  assert.is(pump.pump(channel), 1);
  assert.equal(channel.sizes, [320]);
  assert.is(channel.flushes, 1);
  assert.equal({ frames: meter.frames, bytes: meter.bytes }, { frames: 5, bytes: 320 });
});

test('a busy ring does not keep the others waiting', () => {
  const { pump, put, channel } = make(2, BURST_BYTES_TARGET * 4);
  for (let i = 0; i < 3; i++) put(0, 1, BURST_BYTES_TARGET);
  put(1, 2);
  pump.pump(channel);
  assert.equal(channel.sent, [1, 2, 1, 1]);
});

test('a channel without room is not given more, and nothing is lost', () => {
  const { pump, put, channel } = make();
  channel.bursts = 1;
  put(0, 1);
  put(1, 2);
  assert.is(pump.pump(channel), 1);
  assert.not.ok(pump.isDue(channel));
  channel.bursts = 5;
  assert.ok(pump.isDue(channel));
  assert.is(pump.pump(channel), 1);
  assert.equal(channel.sent, [1, 2]);
});

test('a ring gets its bytes back in the order in which they were sent, in parts too', () => {
  const { pump, put, channel } = make(1, 256);
  assert.ok(put(0, 1, 128) && put(0, 2, 128));
  pump.pump(channel);
  assert.not.ok(put(0, 3));
  pump.release(channel, 64);
  assert.ok(put(0, 3));
  pump.release(channel, 192);
  assert.throws(() => pump.release(channel, 64), /only what was sent/);
});

test('a lane changes its channel only when the old one has nothing in flight', () => {
  const { pump, put, channel } = make(1);
  const faster = new FakeChannel();
  put(0, 1);
  pump.pump(channel);
  put(0, 2);
  assert.is(pump.pump(faster), 0);
  assert.not.ok(pump.isDue(faster));
  pump.release(channel, 64);
  assert.is(pump.pump(faster), 1);
  pump.release(channel, 64);
  assert.equal(faster.sent, [2], 'a late word of the old channel releases nothing');
  pump.release(faster, 64);
});

test('what a lost channel had in flight is free, and what waits is dropped and counted', () => {
  const { pump, put, channel } = make(1, 256);
  put(0, 1, 128);
  pump.pump(channel);
  put(0, 2);
  put(0, 3);
  pump.lose(channel);
  assert.is(pump.discard(), 2);
  assert.not.ok(pump.hasWaiting());
  assert.ok(put(0, 4, 128) && put(0, 5), 'the whole ring is free');
});

test.run();
