/** What phase 1 remembers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PROMISE_VOTE } from '../../../src/paxos/message.ts';
import { PromiseLedger } from '../../../src/paxos/promise-ledger.ts';
import { makeState, message } from '../../support/core.ts';

function make() {
  const state = makeState();
  const ledger = new PromiseLedger(state);
  ledger.begin();
  const vote = (from: number, slot: number, aux: number, attempt: number): void =>
    ledger.onPromiseVote(message(PROMISE_VOTE, { from, slot, aux, commit: attempt, length: aux, crc: aux }));
  return { state, ledger, vote };
}

const test = suite('paxos/promise-ledger');

test('I7: keeps the report of the highest ballot, whatever the order', () => {
  for (const order of [
    [3, 7],
    [7, 3],
  ]) {
    const { state, vote } = make();
    vote(1, 0, order[0] as number, 1);
    vote(2, 0, order[1] as number, 1);
    assert.is(state.window.reportedBallot[0], 7);
    assert.is(state.window.reportedLength[0], 7);
  }
});

test('knows everybody who holds the highest value', () => {
  const { state, vote } = make();
  vote(1, 0, 7, 1);
  vote(2, 0, 7, 1);
  assert.is(state.window.reportedHolders[0], 0b110);
});

test('a duplicate report counts once', () => {
  const { ledger, vote } = make();
  vote(1, 0, 7, 1);
  vote(1, 0, 7, 1);
  assert.is(ledger.reportsOf(1), 1);
});

test('I9: a new attempt starts the count anew, an older one is not counted', () => {
  const { ledger, vote } = make();
  vote(1, 0, 7, 1);
  vote(1, 1, 7, 1);
  vote(1, 0, 7, 2);
  assert.is(ledger.reportsOf(1), 1);
  vote(1, 2, 7, 1);
  assert.is(ledger.reportsOf(1), 1);
});

test('the end lies behind the highest reported slot', () => {
  const { ledger, vote } = make();
  vote(1, 4, 7, 1);
  vote(1, 2, 7, 1);
  assert.is(ledger.end, 5);
});

test.run();
