/** Read indexes: questions of members that do not lead, and the leader's answers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Prng } from '../../../src/base/prng.ts';
import { READ_INDEX, READ_INDEX_REPLY } from '../../../src/paxos/message.ts';
import { READ_BY_LEASE, READ_BY_ROUND, ReadIndex } from '../../../src/paxos/read-index.ts';
import { LEADER } from '../../../src/paxos/replica-state.ts';
import { drain, makeState, message } from '../../support/core.ts';

const NONCE = 77;
const drawing = (number: number): Prng => ({ range: () => number }) as unknown as Prng;

/** A member whose leader is member 1. */
function make() {
  const state = makeState();
  state.leaderHint = 1;
  const reads = new ReadIndex(state, drawing(NONCE));
  const asked = (): number[] =>
    drain(state.outbox)
      .filter(({ kind }) => kind === 'READ_INDEX')
      .map(({ aux }) => aux);
  const reply = (serial: number, index: number, mode = READ_BY_ROUND, nonce = NONCE): void =>
    reads.onReply(message(READ_INDEX_REPLY, { from: 1, slot: mode, commit: index, aux: serial, aux2: nonce }));
  return { state, reads, asked, reply };
}

function leader() {
  const state = makeState();
  state.role = LEADER;
  const reads = new ReadIndex(state, drawing(NONCE));
  const ask = (from: number, serial: number, index: number, round: number, mode = READ_BY_ROUND): void =>
    reads.onQuestion(message(READ_INDEX, { from, slot: mode, aux: serial, aux2: 5 }), index, round);
  const answers = (): number[][] =>
    drain(state.outbox).map(({ kind, to, aux, commit, slot }) => {
      assert.is(kind, 'READ_INDEX_REPLY');
      return [to, aux, commit, slot];
    });
  return { state, reads, ask, answers };
}

const test = suite('paxos/read-index');

test('a question is answered by its index', () => {
  const { reads, asked, reply } = make();
  const serial = reads.ask(READ_BY_ROUND);
  assert.equal(asked(), [serial]);
  assert.ok(reads.answered(READ_BY_ROUND) < serial);
  reply(serial, 40);
  assert.ok(reads.answered(READ_BY_ROUND) >= serial);
  assert.is(reads.indexOf(READ_BY_ROUND), 40);
});

test('reads that come while a question is open share the next one (S20)', () => {
  const { reads, asked, reply } = make();
  const first = reads.ask(READ_BY_ROUND);
  const second = reads.ask(READ_BY_ROUND);
  assert.is(reads.ask(READ_BY_ROUND), second);
  assert.ok(second > first);
  assert.equal(asked(), [first], 'the second waits');
  reply(first, 40);
  assert.ok(reads.answered(READ_BY_ROUND) < second);
  assert.equal(asked(), [second]);
  reply(second, 41);
  assert.ok(reads.answered(READ_BY_ROUND) >= second);
});

test('R2: only the newest question of this life is answered, once', () => {
  const { state, reads, asked, reply } = make();
  const first = reads.ask(READ_BY_ROUND);
  reply(first, 9, READ_BY_ROUND, NONCE + 1);
  assert.ok(reads.answered(READ_BY_ROUND) < first, 'another life');
  state.tick += state.timing.retryTicks;
  reads.onTick();
  const [, second] = asked() as [number, number];
  reply(first, 9);
  assert.ok(reads.answered(READ_BY_ROUND) < first, 'a question that was given up');
  reply(second, 10);
  assert.is(reads.indexOf(READ_BY_ROUND), 10);
  reply(second, 11);
  assert.is(reads.indexOf(READ_BY_ROUND), 10, 'twice');
  assert.throws(() => reply(second + 1, 12), /R1/);
});

test('a lost question is asked again as a new one, also when another leads', () => {
  const { state, reads, asked } = make();
  const first = reads.ask(READ_BY_ROUND);
  asked();
  state.tick += state.timing.retryTicks - 1;
  reads.onTick();
  assert.equal(asked(), []);
  state.tick += 1;
  reads.onTick();
  const [second] = asked() as [number];
  assert.ok(second > first);
  state.tick += 1;
  state.leaderHint = 2;
  reads.onTick();
  assert.ok((asked()[0] as number) > second);
});

test('without a leader nothing is sent before there is one', () => {
  const { state, reads, asked } = make();
  state.leaderHint = -1;
  const serial = reads.ask(READ_BY_ROUND);
  assert.equal(asked(), []);
  state.leaderHint = 2;
  state.tick += 1;
  reads.onTick();
  assert.ok((asked()[0] as number) > serial);
});

test('questions by lease and by round do not wait for each other', () => {
  const { reads, asked, reply } = make();
  const round = reads.ask(READ_BY_ROUND);
  const lease = reads.ask(READ_BY_LEASE);
  assert.is(asked().length, 2);
  reply(lease, 12, READ_BY_LEASE);
  assert.ok(reads.answered(READ_BY_LEASE) >= lease);
  assert.ok(reads.answered(READ_BY_ROUND) < round);
});

test('serials of a later life lie above those of an earlier one', () => {
  const { state, reads } = make();
  state.clock[0] = 1000;
  const last = reads.ask(READ_BY_ROUND);
  const next = new ReadIndex(state, drawing(NONCE + 1));
  state.clock[0] = 1001;
  assert.ok(next.ask(READ_BY_ROUND) > last);
});

test('I23, R4, R5: a leader answers when the round that began after the question is confirmed, with the index of then', () => {
  const { reads, ask, answers } = leader();
  ask(1, 5, 30, 8);
  ask(2, 6, 31, 9, READ_BY_LEASE);
  reads.onConfirmed(7);
  assert.equal(answers(), []);
  reads.onConfirmed(8);
  assert.equal(answers(), [[0b010, 5, 30, READ_BY_ROUND]]);
  reads.onConfirmed(9);
  assert.equal(answers(), [[0b100, 6, 31, READ_BY_LEASE]]);
  reads.onConfirmed(10);
  assert.equal(answers(), [], 'once');
});

test('under a lease it answers at once', () => {
  const { ask, answers } = leader();
  ask(1, 5, 30, 0, READ_BY_LEASE);
  assert.equal(answers(), [[0b010, 5, 30, READ_BY_LEASE]]);
});

test('a second question of a member replaces its first', () => {
  const { reads, ask, answers } = leader();
  ask(1, 5, 30, 8);
  ask(1, 6, 33, 9);
  reads.onConfirmed(9);
  assert.equal(answers(), [[0b010, 6, 33, READ_BY_ROUND]]);
});

test('a new leadership answers nothing that an earlier one was asked', () => {
  const { reads, ask, answers } = leader();
  ask(1, 5, 30, 8);
  reads.clear();
  reads.onConfirmed(99);
  assert.equal(answers(), []);
});

test('R3: who does not lead knows no index; R4: nor is one below what is chosen', () => {
  const { state, ask } = leader();
  state.window.advance(3);
  assert.throws(() => ask(1, 5, 2, 8), /R4/);
  state.role = 1;
  assert.throws(() => ask(1, 5, 30, 8), /R3/);
});

test.run();
