/** Linearizable reads: one round per batch, answered once it is confirmed and applied. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromWords } from '../../../src/base/bits.ts';
import {
  LANE_READS,
  LANE_READS_LEASE,
  LANE_READS_SESSION,
  LANE_READS_STALE,
  LANE_WRITES,
  REPLY_OK,
  REPLY_TOO_LARGE,
  RUN_WATERMARK_WORD,
  TYPE_QUERY,
} from '../../../src/memory/descriptor.ts';
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
  /** What a follower was asked for and told, by mode. */
  readonly questions = [0, 0];
  readonly answers = [0, 0];
  readonly indexes = [0, 0];
  readonly replica = {
    confirmedRound: 0,
    readIndex: 10,
    isLeader: true,
    holdsLease: false,
    state: { leadershipSerial: SERIAL, hasState: true },
    reads: {
      answered: (mode: number): number => this.answers[mode] as number,
      indexOf: (mode: number): number => this.indexes[mode] as number,
    },
  };
  appliedWatermark = 10;
  rounds = 0;
  /** Whether the lease still holds after the queries ran. */
  lasts = true;
  checkLease(): boolean {
    return this.lasts;
  }
  askReadIndex(mode: number): number {
    this.questions[mode]! += 1;
    return this.questions[mode] as number;
  }
  beginReadRound(): number {
    this.rounds += 1;
    return this.rounds;
  }
}

function make(ringBytes = 1 << 14, laneBytes = 1 << 12, kind = LANE_READS) {
  const lane = createLane(laneBytes, kind, 1);
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

const makeKind = (kind: number) => make(1 << 14, 1 << 12, kind);

test('a follower asks the leader for the index, and waits until all below it is applied', () => {
  const { driver, queue, consumer, ask } = make();
  driver.replica.isLeader = false;
  ask(1, 2);
  queue.work();
  assert.equal([driver.rounds, driver.questions], [0, [1, 0]]);
  ask(3);
  assert.is(queue.work(), 0, 'no answer yet');
  driver.answers[0] = 1;
  driver.indexes[0] = 12;
  assert.is(queue.work(), 0, 'nor is everything applied');
  driver.appliedWatermark = 12;
  driver.indexes[0] = 99;
  queue.work();
  assert.equal(words(consumer), [1, 2], 'the index is that of its own question');
  queue.work();
  assert.equal(driver.questions, [2, 0], 'what came later is asked for anew');
});

test('a batch begins anew when its replica gets to lead, or leads no more, or leads again', () => {
  const { driver, queue, consumer, ask } = make();
  driver.replica.isLeader = false;
  ask(1);
  queue.work();
  driver.replica.isLeader = true;
  driver.answers[0] = 1;
  assert.is(queue.work(), 0);
  assert.is(driver.rounds, 1);
  driver.replica.confirmedRound = 1;
  driver.replica.state.leadershipSerial += 1;
  assert.is(queue.work(), 0, 'a round of an earlier leadership says nothing');
  assert.is(driver.rounds, 2);
  driver.replica.isLeader = false;
  driver.replica.confirmedRound = 2;
  assert.is(queue.work(), 0);
  assert.equal(driver.questions, [2, 0]);
  driver.answers[0] = 2;
  queue.work();
  assert.equal(words(consumer), [1]);
});

test('under a lease nobody is asked, and the lease is looked at again after the queries (S21)', () => {
  const { driver, queue, consumer, ask } = makeKind(LANE_READS_LEASE);
  driver.replica.holdsLease = true;
  ask(1, 2);
  assert.ok(queue.work() > 0);
  assert.equal([driver.rounds, words(consumer)], [0, [1, 2]]);
  driver.lasts = false;
  ask(3);
  queue.work();
  assert.equal(words(consumer), [], 'what was read under a lease that ran out is thrown away');
  assert.equal([driver.rounds, queue.leasesLost], [1, 1]);
  driver.replica.confirmedRound = 1;
  queue.work();
  assert.equal(words(consumer), [3]);
});

test('a lease read waits for everything below its index too, and for a round where no lease is held', () => {
  const { driver, queue, consumer, ask } = makeKind(LANE_READS_LEASE);
  driver.replica.holdsLease = true;
  driver.replica.readIndex = 11;
  ask(1);
  queue.work();
  assert.equal(words(consumer), []);
  driver.replica.state.leadershipSerial += 1;
  driver.replica.holdsLease = false;
  driver.appliedWatermark = 11;
  queue.work();
  assert.equal([driver.rounds, words(consumer)], [1, []]);
  driver.replica.confirmedRound = 1;
  queue.work();
  assert.equal(words(consumer), [1]);
});

test('at a follower a lease read asks by lease', () => {
  const { driver, queue, ask } = makeKind(LANE_READS_LEASE);
  driver.replica.isLeader = false;
  ask(1);
  queue.work();
  assert.equal(driver.questions, [0, 1]);
});

test('a session read waits for the floor of its lane, wherever it runs', () => {
  for (const isLeader of [true, false]) {
    const { driver, queue, writer, consumer, ask } = makeKind(LANE_READS_SESSION);
    driver.replica.isLeader = isLeader;
    writer.setFloor(2 ** 40);
    ask(1);
    queue.work();
    driver.appliedWatermark = 2 ** 40 - 1;
    assert.is(queue.work(), 0);
    driver.appliedWatermark = 2 ** 40;
    queue.work();
    assert.equal([driver.rounds, driver.questions, words(consumer)], [0, [0, 0], [1]]);
  }
});

test('a stale read is answered at once, but not by a replica that has no state yet', () => {
  const { driver, queue, consumer, ask } = makeKind(LANE_READS_STALE);
  driver.replica.isLeader = false;
  driver.replica.state.hasState = false;
  ask(1);
  queue.work();
  assert.equal(words(consumer), []);
  driver.replica.state.hasState = true;
  queue.work();
  assert.equal([driver.rounds, driver.questions, words(consumer)], [0, [0, 0], [1]]);
});

test('answers say at which watermark they were read', () => {
  const { driver, queue, consumer, ask } = makeKind(LANE_READS_STALE);
  driver.appliedWatermark = 2 ** 33 + 5;
  ask(1);
  queue.work();
  const at = consumer.next();
  const run = consumer.next() >> 2;
  assert.ok(at >= 0, 'the route mark');
  assert.is(
    fromWords(consumer.words[run + RUN_WATERMARK_WORD]!, consumer.words[run + RUN_WATERMARK_WORD + 1]!),
    2 ** 33 + 5,
  );
});

test('answers stand in few runs', () => {
  const { queue, consumer, ask } = makeKind(LANE_READS_STALE);
  ask(...Array.from({ length: 50 }, (_, n) => n));
  queue.work();
  assert.is(takeCompletions(consumer).runs, 1);
});

test('what finds no room in the ring is answered later, once', () => {
  const { driver, queue, consumer, ask } = make(1024);
  const asked = Array.from({ length: 150 }, (_, n) => n);
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
