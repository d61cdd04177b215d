/** The composed replica: dispatch, followership, rounds. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../../src/base/prng.ts';
import { makeBallot } from '../../../src/paxos/ballot.ts';
import { Configuration } from '../../../src/paxos/configuration.ts';
import {
  ACCEPT,
  HEARTBEAT,
  HEARTBEAT_REPLY,
  LEARNED,
  M_EPOCH,
  M_FROM,
  PREPARE,
  PROMISE,
  REPLY_BURDENED,
  STATUS_QUERY,
} from '../../../src/paxos/message.ts';
import { Replica } from '../../../src/paxos/replica.ts';
import { drain, message, sent, TIMING } from '../../support/core.ts';

function make(): Replica {
  return new Replica({
    configuration: new Configuration(1, [1, 2, 3], 0),
    timing: TIMING,
    prng: new Prng(1),
    isPreferred: true,
    sameValue: () => true,
  });
}

/** Makes the replica leader with the promise of member 1. */
function lead(replica: Replica): number {
  replica.tick();
  drain(replica.outbox);
  replica.step(message(10, { from: 1 }));
  drain(replica.outbox);
  replica.persisted(replica.state.lastSequence);
  drain(replica.outbox);
  replica.step(message(PROMISE, { from: 1, ballot: replica.state.promisedBallot, slot: 1 }));
  return replica.state.promisedBallot;
}

const test = suite('paxos/replica');

test('a message of another epoch, of itself or of nobody is ignored', () => {
  const replica = make();
  for (const [field, value] of [
    [M_EPOCH, 2],
    [M_FROM, 0],
    [M_FROM, 3],
    [M_FROM, -1],
  ] as const) {
    const words = message(PREPARE, { ballot: makeBallot(1, 2) });
    words[field] = value;
    replica.step(words);
    assert.is(replica.outbox.count, 0);
  }
  assert.is(replica.state.promisedBallot, 0);
});

test('a leadership announces itself with a heartbeat', () => {
  const replica = make();
  lead(replica);
  assert.ok(replica.isLeader);
  assert.equal(sent(drain(replica.outbox)), ['HEARTBEAT']);
});

test('P12, I11: a leader that learns another value than its own, or one that it never proposed, leads no longer', () => {
  const cases = [
    { slot: 0, crc: 2, leads: false },
    { slot: 0, crc: 1, leads: true },
    { slot: 7, crc: 2, leads: false },
  ];
  for (const { slot, crc, leads } of cases) {
    const replica = make();
    lead(replica);
    drain(replica.outbox);
    replica.propose(8, 1);
    drain(replica.outbox);
    replica.step(message(LEARNED, { from: 2, slot, length: 8, crc }));
    assert.is(replica.isLeader, leads, `slot ${slot} with value ${crc}`);
    assert.is(replica.commitWatermark, slot === 0 ? 1 : 0);
  }
});

test('who lacks an image neither campaigns nor holds up a candidate that it cannot help', () => {
  const replica = make();
  const { state } = replica;
  state.window.advance(9);
  state.truncationPoint = 9;
  state.lacksImage = true;
  for (let n = 0; n < 5 * TIMING.electionTimeoutTicks; n++) {
    replica.tick();
    assert.not(sent(drain(replica.outbox)).includes('STATUS_QUERY'));
  }
  replica.step(message(PREPARE, { ballot: makeBallot(3, 2), slot: 5 }));
  assert.equal(drain(replica.outbox), []);
  replica.step(message(STATUS_QUERY, { commit: 5 }));
  assert.is(drain(replica.outbox)[0]?.commit, 5);
  replica.step(message(PREPARE, { ballot: makeBallot(3, 2), slot: 9 }));
  assert.ok(sent(drain(replica.outbox)).includes('PROMISE'));
});

test('H2, S20: a heartbeat is answered at promise = ballot only, once that promise is durable', () => {
  const replica = make();
  const ballot = makeBallot(3, 2);
  replica.step(message(HEARTBEAT, { ballot, aux: 7 }));
  const answer = drain(replica.outbox).find(({ kind }) => kind === 'HEARTBEAT_REPLY');
  assert.equal([answer?.ballot, answer?.aux, answer?.sequence], [ballot, 7, replica.state.promiseSequence]);
  replica.step(message(HEARTBEAT, { ballot: makeBallot(2, 3), from: 2 }));
  assert.equal(sent(drain(replica.outbox)), ['REJECT']);
});

test('an answer says where the log is a burden, and the leader does not hand over to such a member', () => {
  const follower = make();
  follower.state.isBurdened = true;
  follower.step(message(HEARTBEAT, { ballot: makeBallot(3, 2), aux: 7 }));
  const answer = drain(follower.outbox).find(({ kind }) => kind === 'HEARTBEAT_REPLY');
  assert.is(answer?.aux2, REPLY_BURDENED);
  const replica = make();
  const ballot = lead(replica);
  drain(replica.outbox);
  const round = replica.beginReadRound();
  drain(replica.outbox);
  replica.step(message(HEARTBEAT_REPLY, { from: 1, ballot, aux: round, aux2: REPLY_BURDENED }));
  assert.is(replica.successor, 2);
});

test('a leader that hears a higher ballot follows', () => {
  const replica = make();
  const ballot = lead(replica);
  drain(replica.outbox);
  replica.step(message(ACCEPT, { from: 2, ballot: ballot + 2 ** 20, slot: 0, length: 8, crc: 1 }));
  assert.not(replica.isLeader);
  assert.is(replica.state.leaderHint, 2);
});

test('I19: a read round is confirmed by the answer of a quorum', () => {
  const replica = make();
  const ballot = lead(replica);
  drain(replica.outbox);
  const round = replica.beginReadRound();
  drain(replica.outbox);
  assert.ok(replica.confirmedRound < round);
  replica.step(message(HEARTBEAT_REPLY, { from: 2, ballot, aux: round }));
  assert.is(replica.confirmedRound, round);
});

test('I13, I15: the read index covers what phase 1 found', () => {
  const replica = make();
  replica.step(message(ACCEPT, { from: 1, ballot: makeBallot(1, 2), slot: 4, length: 8, crc: 1 }));
  drain(replica.outbox);
  replica.state.leaderHint = -1;
  replica.suspect(1);
  for (let n = 0; n < 80 && !sent(drain(replica.outbox)).includes('STATUS_QUERY'); n++) replica.tick();
  replica.step(message(10, { from: 2 }));
  drain(replica.outbox);
  replica.persisted(replica.state.lastSequence);
  drain(replica.outbox);
  replica.step(message(PROMISE, { from: 2, ballot: replica.state.promisedBallot, slot: 1 }));
  assert.ok(replica.isLeader);
  assert.is(replica.readIndex, 5);
});

test('the outbox must be drained between inputs', () => {
  const replica = make();
  replica.tick();
  assert.ok(replica.outbox.count > 0);
  assert.throws(() => replica.tick(), /drained/);
});

test('a transfer asks the target, and only a leader can', () => {
  const replica = make();
  replica.transfer(1);
  assert.is(replica.outbox.count, 0);
  lead(replica);
  drain(replica.outbox);
  replica.transfer(1);
  assert.equal(sent(drain(replica.outbox)), ['TRANSFER']);
});

test.run();
