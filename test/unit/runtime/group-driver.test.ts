/** The one place with effects: what leaves when, what is dropped, what is applied. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OUTBOX_ACTIONS_MAX } from '../../../src/limits.ts';
import { makeBallot } from '../../../src/paxos/ballot.ts';
import {
  ACCEPT,
  ACCEPTED,
  FETCH,
  HEARTBEAT,
  HEARTBEAT_REPLY,
  LEARNED,
  PREPARE,
  READ_INDEX,
  REPLY_STAMP,
} from '../../../src/paxos/message.ts';
import { READ_BY_LEASE, READ_BY_ROUND } from '../../../src/paxos/read-index.ts';
import { recoverPromise } from '../../../src/paxos/recover.ts';
import { LEADER } from '../../../src/paxos/replica-state.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { LEASE } from '../../support/core.ts';
import { batchOf, DriverKit, type SentFrame } from '../../support/driver-kit.ts';

const BALLOT = makeBallot(1, 2);

/** Follower 0 of three. */
const follower = (): DriverKit => {
  const kit = new DriverKit(0, 3);
  kit.driver.finishRecovery(0);
  return kit;
};

const leader = (members = 3): DriverKit => {
  const kit = new DriverKit(0, members);
  kit.driver.finishRecovery(0);
  kit.lead();
  assert.ok(kit.driver.replica.isLeader);
  return kit;
};

/** A leader that member 1 has granted the lease. */
function leased() {
  const kit = leader();
  const { driver } = kit;
  const round = driver.beginReadRound();
  const ballot = driver.replica.state.promisedBallot;
  kit.receive(HEARTBEAT_REPLY, { from: 1, ballot, aux: round, aux2: REPLY_STAMP * (kit.nowMs + 1) });
  kit.transport.take();
  return { driver, kit };
}

const accept = (kit: DriverKit, slot: number, text: string, commit = 0, ballot = BALLOT): void =>
  kit.receive(ACCEPT, { from: 1, ballot, slot, commit }, batchOf(text));

const kinds = (frames: SentFrame[]): string[] => frames.map(({ kind }) => kind);

const test = suite('runtime/group-driver');

test('a vote is answered once it is durable, not before (S1)', () => {
  const kit = follower();
  accept(kit, 0, 'a');
  kit.driver.onDurable();
  assert.equal(kit.transport.take(), []);
  kit.fixture.log.submit(true);
  kit.fixture.log.poll();
  kit.driver.onDurable();
  assert.equal(kit.transport.take(), [], 'handed over is not durable');
  kit.flush();
  const [answer] = kit.transport.take();
  assert.equal([answer?.kind, answer?.to, answer?.slot, answer?.aux], ['ACCEPTED', 1, 0, 1]);
});

test('a lease is looked at by a clock that is read now, not by the one of before (S21)', () => {
  const { driver, kit } = leased();
  assert.ok(driver.checkLease());
  kit.nowMs += LEASE.leaseMs;
  assert.ok(driver.replica.holdsLease, 'as of the last reading');
  assert.not(driver.checkLease());
});

test('a heartbeat grants the lease from when it came, however long the process had been stopped before (S21)', () => {
  const kit = follower();
  kit.driver.onTick();
  kit.nowMs += 5000;
  kit.receive(HEARTBEAT, { from: 1, ballot: BALLOT, aux: 1, aux2: LEASE.leaseMs });
  kit.nowMs += LEASE.leaseMs;
  kit.driver.onTick();
  kit.flush();
  kit.transport.take();
  const prepare = { from: 2, ballot: makeBallot(2, 3) };
  kit.receive(PREPARE, prepare);
  kit.flush();
  assert.equal(kinds(kit.transport.take()), [], 'its own clock says that the lease may last');
  kit.nowMs += LEASE.leaseMs;
  kit.driver.onTick();
  kit.receive(PREPARE, prepare);
  kit.flush();
  assert.ok(kinds(kit.transport.take()).includes('PROMISE'));
});

test('a restarted member that had promised something passes no candidate for one whole lease', () => {
  const kit = new DriverKit(0, 3);
  recoverPromise(kit.driver.replica.state, BALLOT, 1);
  kit.driver.finishRecovery(0);
  kit.receive(PREPARE, { from: 2, ballot: makeBallot(2, 3) });
  kit.flush();
  assert.equal(kinds(kit.transport.take()), []);
  kit.nowMs += 2 * LEASE.leaseMs;
  kit.driver.onTick();
  kit.receive(PREPARE, { from: 2, ballot: makeBallot(2, 3) });
  kit.flush();
  assert.ok(kinds(kit.transport.take()).includes('PROMISE'));
});

test('a follower asks for a read index, and hears of it', () => {
  const kit = follower();
  kit.receive(HEARTBEAT, { from: 1, ballot: BALLOT, aux: 1 });
  kit.flush();
  kit.transport.take();
  const serial = kit.driver.askReadIndex(READ_BY_ROUND);
  const [question] = kit.transport.take();
  assert.equal([question?.kind, question?.to, question?.aux], ['READ_INDEX', 1, serial]);
});

test('a leader answers one under its lease at once, by a clock read after it came, else after a round', () => {
  const { driver, kit } = leased();
  const ask = (serial: number): string[] => {
    kit.receive(READ_INDEX, { from: 2, slot: READ_BY_LEASE, aux: serial, aux2: 9 });
    return kinds(kit.transport.take());
  };
  assert.equal(ask(1), ['READ_INDEX_REPLY']);
  kit.nowMs += LEASE.leaseMs;
  assert.ok(driver.replica.holdsLease, 'as of the last reading');
  assert.equal(ask(2), ['HEARTBEAT', 'HEARTBEAT']);
});

test('so is a promise', () => {
  const kit = follower();
  kit.receive(PREPARE, { from: 1, ballot: BALLOT });
  assert.equal(kit.transport.take(), []);
  kit.flush();
  assert.equal(kinds(kit.transport.take()), ['PROMISE']);
});

test('votes for consecutive slots are answered as one range', () => {
  const kit = follower();
  for (let slot = 0; slot < 10; slot++) accept(kit, slot, `value ${slot}`);
  kit.flush();
  const frames = kit.transport.take();
  assert.equal(
    frames.map(({ kind, slot, aux }) => [kind, slot, aux]),
    [['ACCEPTED', 0, 10]],
  );
});

test('a value that does not match its checksum is dropped and never voted for (S24)', () => {
  const kit = follower();
  const value = batchOf('a');
  kit.receive(ACCEPT, { from: 1, ballot: BALLOT, crc: crc32c(value, 0, value.length, 0) ^ 1 }, value);
  kit.flush();
  assert.equal([kit.transport.take(), kit.driver.dropped], [[], 1]);
  accept(kit, 0, 'a');
  kit.flush();
  assert.equal(kinds(kit.transport.take()), ['ACCEPTED']);
});

test('the same value again at a higher ballot is voted for without its bytes', () => {
  const kit = follower();
  accept(kit, 0, 'a');
  const before = kit.fixture.log.appendedPosition;
  accept(kit, 0, 'a', 0, makeBallot(2, 2));
  assert.is(kit.fixture.log.appendedPosition - before, 64);
  kit.flush();
  assert.is(kit.transport.take().at(-1)?.ballot, makeBallot(2, 2));
});

test('another value at the same ballot and slot is an error, also behind an equal checksum', () => {
  const kit = follower();
  const value = batchOf('a');
  const other = value.slice();
  // The polynomial itself: a difference that CRC32C does not see.
  for (const [n, byte] of [0xf1, 0x76, 0xec, 0x05, 0x01].entries()) other[30 + n]! ^= byte;
  assert.is(crc32c(value, 0, value.length, 0), crc32c(other, 0, other.length, 0));
  for (let n = 0; n < 2; n++) kit.receive(ACCEPT, { from: 1, ballot: BALLOT }, value);
  assert.throws(() => kit.receive(ACCEPT, { from: 1, ballot: BALLOT }, other), /value/);
});

test('chosen slots are applied in order, a bounded number at a time', () => {
  const kit = follower();
  for (let slot = 0; slot < 5; slot++) accept(kit, slot, `value ${slot}`);
  kit.flush();
  assert.is(kit.driver.applyChosen(100), 0, 'voted for is not chosen');
  kit.receive(HEARTBEAT, { from: 1, ballot: BALLOT, commit: 5 });
  assert.equal([kit.driver.applyChosen(3), kit.driver.applyChosen(3), kit.driver.applyChosen(3)], [3, 2, 0]);
  assert.equal([kit.driver.appliedWatermark, kit.observer.applied], [5, [3, 5]]);
});

test('a learned value is recorded and applied, and gives no vote away', () => {
  const kit = follower();
  kit.receive(HEARTBEAT, { from: 1, ballot: BALLOT, commit: 1 });
  kit.receive(LEARNED, { from: 2, slot: 0, commit: 1 }, batchOf('learned'));
  kit.flush();
  assert.not(kinds(kit.transport.take()).includes('ACCEPTED'));
  assert.is(kit.driver.applyChosen(10), 1);
  kit.receive(FETCH, { from: 2, slot: 0, aux: 1 });
  assert.ok(kit.transport.take()[0]?.value.includes('learned'), 'and is passed on from its record');
});

test('a full tail drops the frame whole, and the sender tries again', () => {
  const kit = follower();
  const { log } = kit.fixture;
  const stage = log.stage.bind(log);
  log.stage = () => -1;
  accept(kit, 0, 'a');
  assert.is(kit.driver.dropped, 1);
  log.stage = stage;
  accept(kit, 0, 'a');
  kit.flush();
  assert.equal(kinds(kit.transport.take()), ['ACCEPTED']);
});

test('records that are not durable are bounded: then frames are dropped, until some are', () => {
  const kit = follower();
  const prepare = (round: number): void => kit.receive(PREPARE, { from: 1, ballot: makeBallot(round, 2) });
  let round = 1;
  for (; kit.driver.dropped === 0 && round < 5 * OUTBOX_ACTIONS_MAX; round++) prepare(round);
  assert.is(kit.driver.dropped, 1);
  kit.driver.onTick();
  kit.flush();
  prepare(round);
  assert.is(kit.driver.dropped, 1);
});

test('a leader sends its ACCEPT before its own log is durable, with the value', () => {
  const kit = leader();
  const slot = kit.propose(batchOf('early'));
  const frames = kit.transport.take();
  assert.equal(
    frames.map(({ to, kind, slot, bulk }) => [to, kind, slot, bulk]),
    [1, 2].map((to) => [to, 'ACCEPT', slot, true]),
  );
  for (const { value } of frames) assert.is(value, Buffer.from(batchOf('early')).toString('latin1'));
});

test('a leader counts its own vote once its own log is durable', () => {
  const kit = leader();
  const ballot = kit.driver.replica.state.promisedBallot;
  const slot = kit.propose(batchOf('a'));
  kit.receive(ACCEPTED, { from: 1, ballot, slot, aux: slot + 1 });
  assert.is(kit.driver.replica.commitWatermark, slot);
  kit.flush();
  assert.is(kit.driver.replica.commitWatermark, slot + 1);
  assert.is(kit.observer.commits.at(-1), slot + 1);
});

test('alone in its group a replica leads and chooses by itself', () => {
  const kit = leader(1);
  assert.is(kit.observer.roles.at(-1), LEADER);
  const slot = kit.propose(batchOf('a'));
  kit.flush();
  kit.driver.applyChosen(10);
  assert.is(kit.driver.appliedWatermark, slot + 1);
});

test('it proposes only while a quorum of rings has room', () => {
  const kit = leader();
  assert.ok(kit.driver.canPropose(1000));
  kit.transport.full.add(1);
  assert.ok(kit.driver.canPropose(1000), 'itself and one more');
  kit.transport.full.add(2);
  assert.not(kit.driver.canPropose(1000));
});

test('a frame without room is counted and left to the protocol', () => {
  const kit = leader();
  kit.transport.full.add(1);
  kit.propose(batchOf('a'));
  assert.equal(
    kit.transport.take().map(({ to }) => to),
    [2],
  );
});

test('a leader compares the digest of a member with its own of the same watermark', () => {
  const kit = leader();
  const ballot = kit.driver.replica.state.promisedBallot;
  const slot = kit.propose(batchOf('a'));
  kit.receive(ACCEPTED, { from: 1, ballot, slot, aux: slot + 1 });
  kit.flush();
  kit.driver.applyChosen(10);
  const at = kit.driver.appliedWatermark;
  const reply = (from: number, slot: number, crc: number): void =>
    kit.receive(HEARTBEAT_REPLY, { from, ballot, slot, crc });
  reply(1, at, kit.applier.digest);
  reply(2, at, kit.applier.digest ^ 1);
  reply(2, at + 1, 0);
  reply(2, 0, 1);
  assert.equal(kit.observer.digests, [
    [1, at, true],
    [2, at, false],
  ]);
});

test('heartbeats tell how far their sender applied, and its digest', () => {
  const kit = follower();
  accept(kit, 0, 'a');
  kit.flush();
  kit.receive(HEARTBEAT, { from: 1, ballot: BALLOT, commit: 1 });
  kit.driver.applyChosen(10);
  kit.transport.take();
  kit.receive(HEARTBEAT, { from: 1, ballot: BALLOT, commit: 1 });
  const [reply] = kit.transport.take();
  assert.equal([reply?.kind, reply?.slot], ['HEARTBEAT_REPLY', 1]);
});

test('a recovered replica answers from its records, at once, and applies what was chosen', () => {
  const first = follower();
  accept(first, 0, 'kept');
  first.flush();
  first.receive(HEARTBEAT, { from: 1, ballot: BALLOT, commit: 1 });
  const second = new DriverKit(0, 3, first.fixture);
  const state = second.driver.replica.state;
  state.promisedBallot = BALLOT;
  state.lastSequence = 7;
  state.window.advance(1);
  second.driver.recoverIndex(0, first.fixture.log.durablePosition - 4096 + 64);
  second.driver.finishRecovery(12);
  assert.equal([state.persistedSequence, state.leadershipSerial, second.observer.commits], [7, 12, [1]]);
  assert.is(second.driver.applyChosen(10), 1);
  second.receive(HEARTBEAT, { from: 1, ballot: BALLOT });
  assert.equal(kinds(second.transport.take()), ['HEARTBEAT_REPLY']);
});

test.run();
