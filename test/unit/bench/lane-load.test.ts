import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CommandTable } from '../../../bench/command-table.ts';
import { LaneLoad, type LoadLane, type OnCompleted } from '../../../bench/lane-load.ts';
import { Histogram } from '../../../src/base/histogram.ts';

const PAYLOAD = 64;
const test = suite('bench lane load');

/** Takes `capacity` commands and answers them, oldest first, `perPoll` at a time. */
class FakeLane implements LoadLane {
  readonly words = new Int32Array(1 << 16);
  readonly published: string[] = [];
  readonly capacity: number;
  readonly perPoll: number;
  readonly status: number;
  claimed: number[] = [];
  inFlight = 0;
  #next = 8;

  constructor(capacity: number, perPoll: number, status = 0) {
    this.capacity = capacity;
    this.perPoll = perPoll;
    this.status = status;
  }

  claim(bytes: number): number {
    if (this.inFlight + this.claimed.length >= this.capacity) return -1;
    const offset = this.#next;
    this.#next = (this.#next + bytes) % (this.words.byteLength - bytes);
    this.claimed.push(offset);
    return offset;
  }

  publish(): void {
    for (const offset of this.claimed) {
      this.published.push(Buffer.from(this.words.buffer, offset, PAYLOAD).toString('hex'));
    }
    this.inFlight += this.claimed.length;
    this.claimed = [];
  }

  poll(onCompleted: OnCompleted, limit: number): number {
    const count = Math.min(limit, this.perPoll, this.inFlight);
    const reply = new Uint8Array(64);
    for (let i = 0; i < count; i++) onCompleted(i, this.status, reply, 0, 64);
    this.inFlight -= count;
    return count;
  }
}

function load(lane: FakeLane, inFlightMax: number, latency = new Histogram()): LaneLoad {
  return new LaneLoad(lane, CommandTable.ofOneShard(64, PAYLOAD, 1), inFlightMax, latency);
}

test('the lane is kept full, up to the bound', () => {
  const lane = new FakeLane(1000, 5);
  const subject = load(lane, 20);
  assert.is(subject.turn(true), 20);
  assert.is(lane.inFlight, 20);
  assert.is(subject.turn(true), 10, 'five polled, five filled');
  assert.is(subject.inFlight, 20);
  assert.is(subject.acknowledged, 5);
});

test('a full lane ends the pass', () => {
  const lane = new FakeLane(7, 100);
  assert.is(load(lane, 20).turn(true), 7);
});

test('a closed load only polls', () => {
  const lane = new FakeLane(100, 100);
  const subject = load(lane, 10);
  subject.turn(true);
  assert.is(subject.turn(false), 10);
  assert.is(subject.inFlight, 0);
  assert.is(subject.turn(false), 0);
});

test('every completion has a latency; other replies are refusals', () => {
  const latency = new Histogram();
  const subject = load(new FakeLane(100, 100, 3), 10, latency);
  subject.turn(true);
  subject.turn(false);
  assert.is(latency.count, 10);
  assert.is(subject.refused, 10);
  assert.is(subject.acknowledged, 0);
});

test('commands are written before they are published, and differ', () => {
  const lane = new FakeLane(100, 100);
  load(lane, 32).turn(true);
  assert.is(lane.published.length, 32);
  assert.ok(new Set(lane.published).size > 16, 'random keys and kinds');
  assert.not.ok(lane.published.includes('00'.repeat(PAYLOAD)));
});

test.run();
