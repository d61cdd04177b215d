/** Linearizable reads: one round per batch, answered once it is confirmed and applied. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LANE_READS, LANE_WRITES, REPLY_OK, REPLY_TOO_LARGE, TYPE_QUERY } from '../../../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../../../src/memory/lane.ts';
import { createRing, RingConsumer } from '../../../src/memory/ring.ts';
import { Applier } from '../../../src/runtime/applier.ts';
import type { GroupDriver } from '../../../src/runtime/group-driver.ts';
import { LaneTap } from '../../../src/runtime/lane-tap.ts';
import { ReadQueue } from '../../../src/runtime/read-queue.ts';
import { SessionTable } from '../../../src/runtime/session-table.ts';
import type { Command, Reply } from '../../../src/runtime/state-machine.ts';
import { portableBulk } from '../../support/in-thread-cluster.ts';
import { ListMachine, put, takeCompletions } from '../../support/lane-kit.ts';

const SERIAL = 4;

/** Answers a query with its own first word. */
class EchoMachine extends ListMachine {
  replyBytes = 8;
  override query(query: Command, reply: Reply): void {
    reply.words[reply.offset >> 2] = query.words[query.offset >> 2] as number;
    reply.length = this.replyBytes;
  }
}

/** What a read queue asks of its driver. */
class FakeDriver {
  readonly machine = new EchoMachine();
  readonly applier = new Applier(this.machine, new SessionTable());
  readonly replica = { confirmedRound: 0, readIndex: 10 };
  appliedWatermark = 10;
  rounds = 0;
  beginReadRound(): number {
    this.rounds += 1;
    return this.rounds;
  }
}

function make(ringBytes = 1 << 14, laneBytes = 1 << 12) {
  const lane = createLane(laneBytes, LANE_READS, 1);
  const ring = createRing(ringBytes);
  const tap = new LaneTap(1, lane, ring);
  const driver = new FakeDriver();
  const queue = new ReadQueue(tap, driver as unknown as GroupDriver, portableBulk, 1024);
  const writer = new LaneWriter(lane);
  const consumer = new RingConsumer(ring);
  const route = (): void => {
    writer.route(0, SERIAL);
    tap.refresh(0, SERIAL);
  };
  const ask = (...values: number[]): void => {
    for (const value of values) put(writer, value, TYPE_QUERY);
  };
  route();
  return { tap, driver, queue, writer, consumer, route, ask };
}

const words = (consumer: RingConsumer): (number | undefined)[] =>
  takeCompletions(consumer).replies.map(({ word }) => word);

const test = suite('runtime/read-queue');

test('queries that wait together share one round, and are answered in order', () => {
  const { driver, queue, consumer, ask } = make();
  ask(11, 12, 13);
  assert.is(queue.work(), 1);
  assert.is(driver.rounds, 1);
  driver.replica.confirmedRound = 1;
  assert.is(queue.work(), 3);
  assert.equal(takeCompletions(consumer).replies, [
    { number: 1, status: REPLY_OK, word: 11 },
    { number: 2, status: REPLY_OK, word: 12 },
    { number: 3, status: REPLY_OK, word: 13 },
  ]);
  assert.is(queue.work(), 0, 'and none of them again');
});

test('nothing is answered before the round is confirmed', () => {
  const { driver, queue, consumer, ask } = make();
  driver.rounds = 6;
  driver.replica.confirmedRound = 6;
  ask(1);
  queue.work();
  assert.is(queue.work(), 0, 'an earlier round confirms no later read');
  assert.equal(words(consumer), []);
  driver.replica.confirmedRound = 7;
  assert.is(queue.work(), 1);
});

test('nothing is answered before all below the read index is applied', () => {
  const { driver, queue, consumer, ask } = make();
  driver.replica.readIndex = 2 ** 33;
  ask(1);
  queue.work();
  driver.replica.confirmedRound = 1;
  driver.appliedWatermark = 2 ** 33 - 1;
  assert.is(queue.work(), 0);
  driver.appliedWatermark = 2 ** 33;
  driver.replica.readIndex = 2 ** 34;
  assert.is(queue.work(), 1, 'the index is that of the round');
  assert.equal(words(consumer), [1]);
});

test('a query that comes after its round began waits for the next one', () => {
  const { driver, queue, consumer, ask } = make();
  ask(1);
  queue.work();
  ask(2);
  driver.replica.confirmedRound = 1;
  queue.work();
  assert.equal(words(consumer), [1]);
  assert.is(queue.work(), 1);
  assert.is(driver.rounds, 2);
  assert.is(queue.work(), 0);
  driver.replica.confirmedRound = 2;
  queue.work();
  assert.equal(words(consumer), [2]);
});

test('a batch of an earlier route is forgotten: the client asks again', () => {
  const { driver, queue, consumer, route, ask } = make();
  ask(1);
  queue.work();
  driver.replica.confirmedRound = 1;
  route();
  assert.is(queue.work(), 1, 'read again, in a new round');
  assert.is(driver.rounds, 2);
  assert.equal(words(consumer), []);
  driver.replica.confirmedRound = 2;
  queue.work();
  assert.equal(words(consumer), [1]);
});

test('a lane that is routed elsewhere is neither read nor answered', () => {
  const { tap, driver, queue, writer, consumer, ask } = make();
  ask(1);
  queue.work();
  driver.replica.confirmedRound = 1;
  writer.route(1, SERIAL);
  tap.refresh(0, SERIAL);
  assert.is(queue.work(), 0);
  assert.equal(words(consumer), []);
});

test('nor is one of a leadership that is over, although its route still stands', () => {
  const { tap, driver, queue, consumer, ask } = make();
  ask(1);
  queue.work();
  driver.replica.confirmedRound = 1;
  tap.refresh(0, SERIAL + 1);
  assert.is(queue.work(), 0);
  assert.equal(words(consumer), []);
});

test('what finds no room in the ring is answered later, once', () => {
  const { driver, queue, consumer, ask } = make(1024);
  const asked = Array.from({ length: 60 }, (_, n) => n);
  ask(...asked);
  queue.work();
  driver.replica.confirmedRound = 1;
  const found: (number | undefined)[] = [];
  let turns = 0;
  for (; found.length < asked.length && turns < 200; turns++) {
    queue.work();
    found.push(...words(consumer));
  }
  assert.equal(found, asked);
  assert.ok(turns > 2, 'the ring was full');
});

test('an answer too large for the ring is told, not written', () => {
  const { driver, queue, consumer, ask } = make(1024);
  driver.machine.replyBytes = 300;
  ask(1);
  queue.work();
  driver.replica.confirmedRound = 1;
  queue.work();
  assert.equal(takeCompletions(consumer).replies, [{ number: 1, status: REPLY_TOO_LARGE, word: undefined }]);
});

test('queries over the end of the lane are answered too', () => {
  const { driver, queue, writer, consumer, ask } = make(1 << 14, 256);
  for (let n = 0; n < 100; n++) {
    ask(n, n + 1000);
    for (let turn = 0; turn < 3; turn++) {
      queue.work();
      driver.replica.confirmedRound = driver.rounds;
      queue.work();
    }
    assert.equal(words(consumer), [n, n + 1000]);
    writer.free(2);
  }
});

test('serves a lane of reads only, and knows which', () => {
  const { tap, queue, driver } = make();
  assert.ok(queue.serves(tap));
  const writes = new LaneTap(1, createLane(1 << 12, LANE_WRITES, 1), createRing(1024));
  assert.not(queue.serves(writes));
  const open = () => new ReadQueue(writes, driver as unknown as GroupDriver, portableBulk, 1024);
  assert.throws(open, /lane of reads/);
});

test.run();
