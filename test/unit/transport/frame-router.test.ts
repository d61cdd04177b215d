/** Frames find the worker of their group; a full ring holds up its own lane and, after a while, only itself. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { STALL_BULK_MS, STALL_CONTROL_MS } from '../../../src/limits.ts';
import { WORKER_DOORBELL_WORD, WORKER_WORDS } from '../../../src/memory/descriptor.ts';
import { Doorbell, Sleeper, type Waker } from '../../../src/memory/doorbell.ts';
import { makePortableBulk } from '../../../src/memory/portable-bulk.ts';
import { createRing, RingConsumer } from '../../../src/memory/ring.ts';
import { LANE_BULK, LANE_CONTROL } from '../../../src/transport/channel.ts';
import { FrameRouter, UNSOUND } from '../../../src/transport/frame-router.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { FRAME_VALUE_CRC_WORD } from '../../../src/wire/frame.ts';
import { writeFrame } from '../../support/transport-kit.ts';

const test = suite('transport/frame-router');
const PEER = 1;

interface Frame {
  group: number;
  mark: number;
  size?: number;
  from?: number;
}

function make(groups: number[][], ringBytes = 1024) {
  const wakes: number[] = groups.map(() => 0);
  const clock = { ms: 0 };
  const counts = { in: 0, drops: 0 };
  const workers = groups.map((hosted, worker) => {
    const block = new SharedArrayBuffer(WORKER_WORDS * 4);
    const waker: Waker = { park: () => {}, wake: () => void (wakes[worker] = (wakes[worker] as number) + 1) };
    new Sleeper(block, WORKER_DOORBELL_WORD, waker).prepare();
    return {
      groups: hosted,
      doorbell: new Doorbell(block, WORKER_DOORBELL_WORD, waker),
      inboundBulk: createRing(ringBytes),
      inboundControl: createRing(ringBytes),
    };
  });
  const router = new FrameRouter(workers, {
    peer: PEER,
    shards: 8,
    bulk: makePortableBulk(crc32c),
    now: () => clock.ms,
    addIn: (frames) => (counts.in += frames),
    addDropsIn: (frames) => (counts.drops += frames),
  });
  const consumers = workers.map((worker) => [
    new RingConsumer(worker.inboundBulk, 64),
    new RingConsumer(worker.inboundControl, 64),
  ]);
  const take = (worker: number, lane: number): number[] => {
    const found: number[] = [];
    consumers[worker]![lane]!.poll((words, bytes, offset, size) => {
      const mark = words[(offset >> 2) + FRAME_VALUE_CRC_WORD]!;
      for (let at = offset + 64; at < offset + size; at++) assert.is(bytes[at], mark);
      found.push(mark);
    }, 1000);
    return found;
  };
  return { router, take, wakes, clock, counts };
}

/** Frames as they lie in a burst. */
function burst(frames: Frame[]) {
  const size = frames.reduce((sum, { size = 64 }) => sum + Math.ceil(size / 64) * 64, 0);
  const words = new Int32Array(new SharedArrayBuffer(size));
  const bytes = new Uint8Array(words.buffer);
  let at = 0;
  for (const { group, mark, size: length = 64, from = PEER } of frames) {
    words[at >> 2] = length;
    writeFrame(words, at >> 2, from, group, mark, length);
    bytes.fill(mark, at + 64, at + length);
    at += Math.ceil(length / 64) * 64;
  }
  return { words, bytes, size };
}

function route(router: FrameRouter, lane: number, frames: Frame[], from = 0): number {
  const { words, bytes, size } = burst(frames);
  return router.route(lane, words, bytes, from, size - from);
}

test('each frame goes to the worker that hosts its group, values whole', () => {
  const { router, take, wakes, counts } = make([[0, 2], [1]]);
  const frames = [
    { group: 0, mark: 1, size: 100 },
    { group: 1, mark: 2, size: 200 },
    { group: 2, mark: 3, size: 65 },
  ];
  assert.is(route(router, LANE_BULK, frames), 128 + 256 + 128);
  assert.equal(take(0, LANE_BULK), [1, 3]);
  assert.equal(take(1, LANE_BULK), [2]);
  assert.equal(take(0, LANE_CONTROL), []);
  assert.equal(wakes, [1, 1], 'one bell per worker and burst');
  assert.equal(counts, { in: 3, drops: 0 });
});

test('a frame of a group that is not hosted here is dropped and counted', () => {
  const { router, counts } = make([[0]]);
  assert.is(route(router, LANE_CONTROL, [{ group: 5, mark: 1 }]), 64);
  assert.is(counts.drops, 1);
});

test('a frame of somebody else, or of no group at all, condemns the burst', () => {
  const { router, take } = make([[0]]);
  assert.is(
    route(router, LANE_CONTROL, [
      { group: 0, mark: 1 },
      { group: 0, mark: 2, from: 2 },
    ]),
    UNSOUND,
  );
  assert.equal(take(0, LANE_CONTROL), [1]);
  assert.is(route(router, LANE_CONTROL, [{ group: 8, mark: 1 }]), UNSOUND);
});

test('a frame that reaches beyond its burst condemns it', () => {
  const { router } = make([[0]]);
  const { words, bytes, size } = burst([{ group: 0, mark: 1, size: 200 }]);
  assert.is(router.route(LANE_BULK, words, bytes, 0, size - 64), UNSOUND);
  words[0] = 0x7fff_ffff;
  assert.is(router.route(LANE_BULK, words, bytes, 0, size), UNSOUND);
});

test('a full ring holds the rest of the burst back until its worker has taken some', () => {
  const { router, take, clock, counts } = make([[0]], 256);
  const frames = [1, 2, 3, 4, 5].map((mark) => ({ group: 0, mark }));
  assert.is(route(router, LANE_BULK, frames), 256);
  clock.ms += STALL_BULK_MS - 1;
  assert.is(route(router, LANE_BULK, frames, 256), 0);
  assert.equal(take(0, LANE_BULK), [1, 2, 3, 4]);
  assert.is(route(router, LANE_BULK, frames, 256), 64);
  assert.equal(take(0, LANE_BULK), [5]);
  assert.is(counts.drops, 0);
});

test('a worker that takes nothing for too long loses its frames, and the others get theirs', () => {
  const { router, take, clock, counts } = make([[0], [1]], 256);
  const frames = [0, 0, 0, 0, 0, 1].map((group, index) => ({ group, mark: index }));
  assert.is(route(router, LANE_BULK, frames), 256);
  clock.ms += STALL_BULK_MS;
  // The ring was full when the fifth frame came first: its patience begins then.
  assert.is(route(router, LANE_BULK, frames, 256), 128);
  assert.equal(take(1, LANE_BULK), [5]);
  assert.is(counts.drops, 1);
  assert.equal(take(0, LANE_BULK), [0, 1, 2, 3]);
  assert.is(route(router, LANE_BULK, [{ group: 0, mark: 9 }]), 64);
  assert.equal(take(0, LANE_BULK), [9], 'a worker that is back gets frames again');
  const again = [1, 2, 3, 4, 5].map((mark) => ({ group: 0, mark }));
  assert.is(route(router, LANE_BULK, again), 256, 'and patience anew');
  assert.is(counts.drops, 1);
});

test('control frames wait less than values', () => {
  const { router, clock, counts } = make([[0]], 256);
  const frames = [1, 2, 3, 4, 5].map((mark) => ({ group: 0, mark }));
  assert.is(route(router, LANE_CONTROL, frames), 256);
  clock.ms += STALL_CONTROL_MS;
  assert.is(route(router, LANE_CONTROL, frames, 256), 64);
  assert.is(counts.drops, 1);
});

test('one lane being full says nothing about the other', () => {
  const { router, take } = make([[0]], 256);
  route(
    router,
    LANE_BULK,
    [1, 2, 3, 4, 5].map((mark) => ({ group: 0, mark })),
  );
  assert.is(route(router, LANE_CONTROL, [{ group: 0, mark: 6 }]), 64);
  assert.equal(take(0, LANE_CONTROL), [6]);
});

test('a frame larger than half the ring is dropped, not waited for', () => {
  const { router, counts } = make([[0]], 256);
  assert.is(route(router, LANE_BULK, [{ group: 0, mark: 1, size: 192 }]), 192);
  assert.is(counts.drops, 1);
});

test.run();
