/** A channel over a stream: records in order and whole, bytes released when taken, back-pressure, pings, a last word. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SEND_BYTES_MAX } from '../../../src/limits.ts';
import { makePortableBulk } from '../../../src/memory/portable-bulk.ts';
import { LANE_CONTROL } from '../../../src/transport/channel.ts';
import type { Reason } from '../../../src/transport/reason.ts';
import { SocketChannel } from '../../../src/transport/socket-channel.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { duplexPair, type PairEnd } from '../../support/duplex-pair.ts';
import { until } from '../../support/transport-kit.ts';

const test = suite('transport/socket-channel');

interface End {
  channel: SocketChannel;
  stream: PairEnd;
  received: number[];
  released: number;
  closed: { reason: Reason; detail: string } | undefined;
  notes: string[];
  trips: number[];
  rooms: number;
  /** Bytes taken per call at most. */
  appetite: number;
}

const clock = { ms: 1000 };

function open(stream: PairEnd, lane: number, linkNumber = 3): End {
  const end: Partial<End> = { stream, received: [], released: 0, closed: undefined, notes: [], trips: [], rooms: 0 };
  end.appetite = Number.POSITIVE_INFINITY;
  end.channel = new SocketChannel({
    stream,
    kind: 'tcp',
    linkNumber,
    lane,
    bulk: makePortableBulk(crc32c),
    now: () => clock.ms,
    events: {
      onRecords: (_words, bytes, offset, size) => {
        const taken = Math.min(size, end.appetite as number);
        for (let at = 0; at < taken; at += 64) end.received?.push(bytes[offset + at] as number);
        end.appetite = (end.appetite as number) - taken;
        return taken;
      },
      onReleased: (size) => (end.released = (end.released ?? 0) + size),
      onClosed: (reason, detail) => {
        assert.is(end.closed, undefined, 'closed once');
        end.closed = { reason, detail };
      },
      onNote: (bytes) => end.notes?.push(Buffer.from(bytes).toString()),
      onRoundTrip: (microseconds) => end.trips?.push(microseconds),
      onRoom: () => (end.rooms = (end.rooms ?? 0) + 1),
    },
  });
  return end as End;
}

function pair(lane = LANE_CONTROL): [End, End] {
  const [left, right] = duplexPair();
  return [open(left, lane), open(right, lane)];
}

/** Shared memory with marks in steps of 64 bytes. */
function marks(values: number[]): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(values.length * 64));
  values.forEach((value, index) => {
    bytes.fill(value, index * 64, (index + 1) * 64);
  });
  return bytes;
}

test('ranges arrive in order, and their bytes are released when the stream has taken them', async () => {
  const [a, b] = pair();
  const bytes = marks([1, 2, 3, 4]);
  a.channel.send(bytes, 64, 128);
  a.channel.send(bytes, 192, 64);
  a.channel.send(bytes, 0, 64);
  assert.is(a.released, 0, 'nothing is called from within send');
  a.channel.flush();
  await until(() => b.received.length === 4 && a.released === 256);
  assert.equal(b.received, [2, 3, 4, 1]);
});

test('bytes are not released while the network takes nothing', async () => {
  const [a, b] = pair();
  a.stream.isHeld = true;
  const bytes = marks([7]);
  a.channel.send(bytes, 0, 64);
  a.channel.flush();
  b.channel.ping();
  await until(() => b.trips.length === 0);
  assert.is(a.released, 0);
  a.stream.letGo();
  await until(() => a.released === 64);
  assert.equal(b.received, [7]);
});

test('there is no room beyond what may be in flight, and word when there is again', async () => {
  const [a] = pair(0);
  a.stream.isHeld = true;
  const bytes = new Uint8Array(new SharedArrayBuffer(SEND_BYTES_MAX / 4));
  for (let i = 0; i < 4; i++) {
    assert.ok(a.channel.room() > 0);
    a.channel.send(bytes, 0, bytes.length);
  }
  assert.is(a.channel.room(), 0);
  a.channel.flush();
  a.stream.letGo();
  await until(() => a.rooms > 0);
  assert.ok(a.channel.room() > 0);
});

test('a receiver without room stops the stream and loses nothing', async () => {
  const [a, b] = pair();
  b.appetite = 64;
  const bytes = marks([1, 2, 3]);
  a.channel.send(bytes, 0, 192);
  for (let i = 0; i < 20; i++) a.channel.send(bytes, 128, 64);
  a.channel.flush();
  await until(() => b.channel.isStalled);
  assert.equal(b.received, [1]);
  assert.is(b.channel.silentMs(clock.ms + 60_000), 0, 'who does not listen does not complain of silence');
  b.appetite = 64;
  b.channel.resume();
  assert.equal(b.received, [1, 2]);
  assert.ok(b.channel.isStalled);
  b.appetite = Number.POSITIVE_INFINITY;
  b.channel.resume();
  await until(() => b.received.length === 23);
  assert.equal(b.received.slice(0, 4), [1, 2, 3, 3]);
});

test('a ping is answered and measured', async () => {
  const [a, b] = pair();
  a.channel.ping();
  clock.ms += 1.5;
  await until(() => a.trips.length === 1);
  assert.is(a.trips[0], 1500);
  assert.is(b.trips.length, 0);
});

test('silence is counted from what was heard last', async () => {
  const [a, b] = pair();
  clock.ms += 500;
  assert.is(b.channel.silentMs(clock.ms), 500);
  a.channel.ping();
  await until(() => a.trips.length === 1);
  assert.is(b.channel.silentMs(clock.ms), 0);
});

test('notes arrive as they were sent', async () => {
  const [a, b] = pair();
  a.channel.sendNote(Buffer.from('an offer'));
  await until(() => b.notes.length === 1);
  assert.equal(b.notes, ['an offer']);
});

test('a closing end says why, and the other closes for that reason', async () => {
  const [a, b] = pair();
  a.channel.close('stopping', 'test');
  assert.equal(a.closed, { reason: 'stopping', detail: 'test' });
  await until(() => b.closed !== undefined);
  assert.equal(b.closed, { reason: 'stopping', detail: 'said by the peer' });
  await until(() => a.stream.destroyed && b.stream.destroyed);
});

test('nothing of the ring is sent after it was released by a close', async () => {
  const [a, b] = pair();
  a.stream.isHeld = true;
  const bytes = marks([9]);
  a.channel.send(bytes, 0, 64);
  a.channel.flush();
  a.channel.close('silent', '');
  bytes.fill(1);
  a.stream.letGo();
  await until(() => b.closed !== undefined);
  assert.is(b.closed?.reason, 'closed');
  assert.equal(b.received, []);
});

test('garbage ends the channel, and both ends know', async () => {
  const [left, right] = duplexPair();
  const b = open(right, 0);
  left.on('error', () => {});
  const chunks: Buffer[] = [];
  left.on('data', (chunk: Buffer) => chunks.push(chunk));
  left.write(Buffer.alloc(64, 0x55));
  await until(() => b.closed !== undefined);
  assert.is(b.closed?.reason, 'notSynod');
  await until(() => left.destroyed);
});

test('a burst of another link ends the channel', async () => {
  const [left, right] = duplexPair();
  const a = open(left, 0, 3);
  const b = open(right, 0, 4);
  a.channel.send(marks([1]), 0, 64);
  a.channel.flush();
  await until(() => b.closed !== undefined && a.closed !== undefined);
  assert.is(b.closed?.reason, 'wrongLink');
  assert.is(a.closed?.reason, 'wrongLink');
});

test('pings to a peer that reads nothing do not pile up', () => {
  const [a] = pair();
  a.stream.isHeld = true;
  for (let i = 0; i < 10_000; i++) a.channel.ping();
  assert.ok(a.stream.writableLength <= 128 * 32);
});

test.run();
