/** The acceptor's contracts, one by one. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ACCEPTOR_WINDOW_SLOTS } from '../../../src/limits.ts';
import { Acceptor } from '../../../src/paxos/acceptor.ts';
import { BALLOT_CHOSEN, makeBallot } from '../../../src/paxos/ballot.ts';
import { ACCEPT, PREPARE } from '../../../src/paxos/message.ts';
import { VALUE_NOOP, VALUE_RECORDED, VALUE_STAGED } from '../../../src/paxos/outbox.ts';
import { recoverPromise } from '../../../src/paxos/recover.ts';
import { drain, makeState, message, sent } from '../../support/core.ts';

const LOW = makeBallot(1, 2);
const HIGH = makeBallot(2, 3);

function make(isSame?: () => boolean) {
  const state = makeState(0, 3, isSame);
  return { state, acceptor: new Acceptor(state) };
}

const accept = (ballot: number, slot: number, length = 10, crc = 5) => message(ACCEPT, { ballot, slot, length, crc });
const prepare = (ballot: number, slot = 0) => message(PREPARE, { ballot, slot, aux2: 9 });

const test = suite('paxos/acceptor');

test('A2, A3: a promise is persisted anew under its own sequence', () => {
  const { state, acceptor } = make();
  assert.is(acceptor.promise(LOW), 1);
  assert.is(acceptor.promise(HIGH), 2);
  assert.is(state.promisedBallot, HIGH);
  assert.equal(
    drain(state.outbox).map(({ op, ballot, sequence }) => [op, ballot, sequence]),
    [
      ['PERSIST_PROMISE', LOW, 1],
      ['PERSIST_PROMISE', HIGH, 2],
    ],
  );
});

test('promising the same ballot again persists nothing and inherits the sequence', () => {
  const { state, acceptor } = make();
  acceptor.promise(LOW);
  drain(state.outbox);
  assert.is(acceptor.promise(LOW), 1);
  assert.is(state.outbox.count, 0);
});

test('A1, I1: a promise never decreases', () => {
  const { acceptor } = make();
  acceptor.promise(HIGH);
  assert.throws(() => acceptor.promise(LOW), /A1/);
});

test('A5: a lower PREPARE is rejected and changes nothing', () => {
  const { state, acceptor } = make();
  acceptor.promise(HIGH);
  drain(state.outbox);
  assert.not(acceptor.onPrepare(prepare(LOW)));
  assert.is(state.promisedBallot, HIGH);
  const [reject] = drain(state.outbox);
  assert.equal([reject?.kind, reject?.aux], ['REJECT', HIGH]);
});

test('A6: a promise reports every vote at or above the asked slot, and how many', () => {
  const { state, acceptor } = make();
  for (const slot of [0, 1, 3]) acceptor.onAccept(accept(LOW, slot));
  drain(state.outbox);
  acceptor.onPrepare(prepare(HIGH, 1));
  const actions = drain(state.outbox);
  const votes = actions.filter(({ kind }) => kind === 'PROMISE_VOTE');
  assert.equal(
    votes.map(({ slot, aux, commit }) => [slot, aux, commit]),
    [
      [1, LOW, 9],
      [3, LOW, 9],
    ],
  );
  assert.is(actions.at(-1)?.kind, 'PROMISE');
  assert.is(actions.at(-1)?.aux, 2);
});

test('a value known to be chosen is reported above every ballot', () => {
  const { state, acceptor } = make();
  acceptor.onAccept(accept(LOW, 0));
  state.window.learned[0] = 1;
  drain(state.outbox);
  acceptor.onPrepare(prepare(HIGH));
  assert.is(drain(state.outbox).find(({ kind }) => kind === 'PROMISE_VOTE')?.aux, BALLOT_CHOSEN);
});

test('A7, I4: every answer of phase 1 waits for all that was persisted', () => {
  const { state, acceptor } = make();
  acceptor.onAccept(accept(LOW, 0));
  drain(state.outbox);
  acceptor.onPrepare(prepare(HIGH));
  for (const action of drain(state.outbox)) if (action.op === 'SEND') assert.is(action.sequence, state.lastSequence);
});

test('A17, I9: an attempt is answered once, a later one anew, an earlier one never', () => {
  const { state, acceptor } = make();
  const ask = (attempt: number) => {
    acceptor.onPrepare(message(PREPARE, { ballot: HIGH, aux2: attempt }));
    return sent(drain(state.outbox));
  };
  assert.equal(ask(2), ['PROMISE']);
  assert.equal(ask(2), []);
  assert.equal(ask(1), []);
  assert.equal(ask(3), ['PROMISE']);
});

test('A17: after a restart the promised ballot is refused, and a fresh one is answered', () => {
  const { state, acceptor } = make();
  recoverPromise(state, LOW, 1);
  acceptor.onPrepare(prepare(LOW));
  assert.equal(
    drain(state.outbox).map(({ kind, ballot, aux }) => [kind, ballot, aux]),
    [['REJECT', LOW, LOW]],
  );
  acceptor.onPrepare(prepare(HIGH));
  assert.equal(sent(drain(state.outbox)), ['PROMISE']);
});

test('A9: a lower ACCEPT is rejected without a vote', () => {
  const { state, acceptor } = make();
  acceptor.promise(HIGH);
  drain(state.outbox);
  assert.not(acceptor.onAccept(accept(LOW, 0)));
  assert.equal(sent(drain(state.outbox)), ['REJECT']);
  assert.is(state.window.recorded[0], 0);
});

test('A10: below the commit watermark there is no vote, and the sender learns the watermark', () => {
  const { state, acceptor } = make();
  state.window.advance(5);
  acceptor.onAccept(accept(LOW, 4));
  const [answer] = drain(state.outbox);
  assert.equal([answer?.kind, answer?.slot, answer?.aux, answer?.commit], ['ACCEPTED', 4, 4, 5]);
});

test('A10, I16: above the window nothing happens', () => {
  const { state, acceptor } = make();
  acceptor.onAccept(accept(LOW, ACCEPTOR_WINDOW_SLOTS));
  assert.is(state.outbox.count, 0);
});

test('A11, I2: a vote is at the ballot and raises the promise to it', () => {
  const { state, acceptor } = make();
  acceptor.onAccept(accept(LOW, 0));
  assert.is(state.window.voteBallot[0], LOW);
  assert.is(state.promisedBallot, LOW);
  assert.equal([state.window.valueLength[0], state.window.valueCrc[0]], [10, 5]);
});

test('A12, I3: another value at the same ballot and slot throws, by length, checksum or bytes', () => {
  for (const [length, crc, isSame] of [
    [11, 5, true],
    [10, 6, true],
    [10, 5, false],
  ] as const) {
    const { acceptor } = make(() => isSame);
    acceptor.onAccept(accept(LOW, 0));
    assert.throws(() => acceptor.onAccept(accept(LOW, 0, length, crc)), /A12/);
  }
});

test('A13, I12: a chosen slot is voted for only with the chosen value', () => {
  const { state, acceptor } = make();
  acceptor.onAccept(accept(LOW, 0));
  state.window.learned[0] = 1;
  drain(state.outbox);
  assert.ok(acceptor.onAccept(accept(HIGH, 0, 99, 99)));
  assert.is(state.outbox.count, 0);
  assert.is(state.window.voteBallot[0], LOW);
});

test('A14, I4: ACCEPTED waits for the record of its vote, also for a duplicate', () => {
  const { state, acceptor } = make();
  acceptor.onAccept(accept(LOW, 0));
  acceptor.onAccept(accept(LOW, 1));
  acceptor.onAccept(accept(LOW, 0));
  const answers = drain(state.outbox).filter(({ kind }) => kind === 'ACCEPTED');
  assert.equal(
    answers.map(({ slot, aux, sequence }) => [slot, aux, sequence]),
    [
      [0, 1, 1],
      [1, 2, 2],
      [0, 1, 1],
    ],
  );
});

test('a vote again for the same value records a header only', () => {
  const { state, acceptor } = make();
  acceptor.onAccept(accept(LOW, 0));
  acceptor.onAccept(accept(HIGH, 0));
  const votes = drain(state.outbox).filter(({ op }) => op === 'PERSIST_VOTE');
  assert.equal(
    votes.map(({ flags }) => flags),
    [VALUE_STAGED, VALUE_RECORDED],
  );
});

test('a no-op has no staged value', () => {
  const { state, acceptor } = make();
  acceptor.onAccept(accept(LOW, 0, 0, 0));
  assert.is(drain(state.outbox)[0]?.flags, VALUE_NOOP);
});

test('A15: one vote per ballot and slot', () => {
  const { acceptor } = make();
  acceptor.promise(LOW);
  acceptor.recordVote(0, 10, 5, VALUE_STAGED);
  assert.throws(() => acceptor.recordVote(0, 10, 5, VALUE_STAGED), /A15/);
});

test('A4, A8: each handler takes its own kind of message only', () => {
  const { acceptor } = make();
  assert.throws(() => acceptor.onPrepare(accept(LOW, 0)), /A4/);
  assert.throws(() => acceptor.onAccept(prepare(LOW)), /A8/);
});

test('A16: each vote has a persist sequence of its own', () => {
  const { state, acceptor } = make();
  acceptor.promise(LOW);
  acceptor.recordVote(0, 10, 5, VALUE_STAGED);
  acceptor.recordVote(1, 10, 5, VALUE_STAGED);
  const sequences = drain(state.outbox).map(({ sequence }) => sequence);
  assert.equal(sequences, [1, 2, 3]);
  assert.equal([state.window.voteSequence[0], state.window.voteSequence[1]], [2, 3]);
});

test.run();
