/** The acceptor's end of a lease: whom it binds to whom, and for how long. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LeasePromise } from '../../../src/paxos/lease-promise.ts';
import { LEASE, makeState } from '../../support/core.ts';

/** Lasts a little longer than this on the acceptor's clock: 100 ms, by 1.01 / 0.99, and the rounding. */
const BOUND_MS = (100 * 1.01) / 0.99 + 1;

function make(members = 3, terms = LEASE) {
  const state = makeState(0, members);
  state.promisedBallot = 7;
  state.clock[0] = 1000;
  const promise = new LeasePromise(state, terms);
  const at = (ms: number): void => {
    state.clock[0] = ms;
  };
  return { state, promise, at };
}

const test = suite('paxos/lease-promise');

test('G2: a grant counts from receipt and outlasts the lease by the drift of both clocks', () => {
  const { promise, at } = make();
  assert.is(promise.grant(1, 7, 100), 1001);
  at(1000 + BOUND_MS);
  assert.not(promise.allows(2, 0));
  at(1000 + BOUND_MS + 0.01);
  assert.ok(promise.allows(2, 0));
});

test('a second grant prolongs the first and never shortens it', () => {
  const { promise, at } = make();
  promise.grant(1, 7, 100);
  at(1010);
  promise.grant(1, 7, 10);
  at(1000 + BOUND_MS);
  assert.not(promise.allows(2, 0));
  promise.grant(1, 7, 100);
  at(1000 + 2 * BOUND_MS);
  assert.not(promise.allows(2, 0));
});

test('G1: a lease is granted at the promised ballot only', () => {
  const { promise } = make();
  assert.throws(() => promise.grant(1, 6, 100), /G1/);
});

test('G3: nothing longer than the own terms is granted, nor what nobody asked for', () => {
  const { promise } = make();
  assert.is(promise.grant(1, 7, 100.5), 0);
  assert.is(promise.grant(1, 7, 0), 0);
  assert.ok(promise.allows(2, 0));
  assert.is(make(3, { ...LEASE, leaseMs: 0 }).promise.grant(1, 7, 100), 0);
});

test('G4: while bound, the holder passes and nobody else', () => {
  const { promise } = make();
  promise.grant(1, 7, 100);
  assert.ok(promise.allows(1, 0));
  assert.not(promise.allows(2, 0));
  assert.not(promise.allows(2, 6), 'who made way led an earlier ballot');
  assert.ok(promise.allows(2, 7));
  assert.ok(promise.allows(2, 8), 'a later leader was elected: the earlier lease was over by then');
});

test('the lease of a later leader replaces that of an earlier one', () => {
  const { state, promise } = make();
  promise.grant(1, 7, 100);
  state.promisedBallot = 9;
  promise.grant(2, 9, 100);
  assert.not(promise.allows(1, 0));
  assert.ok(promise.allows(2, 0));
  assert.not(promise.allows(1, 7));
});

test('a restarted acceptor passes nobody for one whole lease', () => {
  const { promise, at } = make();
  promise.restart();
  assert.not(promise.allows(1, 0));
  assert.not(promise.allows(-1, 0));
  assert.not(promise.allowsCampaign(0));
  assert.not(promise.allows(1, 6));
  assert.ok(promise.allows(1, 7), 'a leader gave up whatever was granted up to its ballot');
  at(1000 + BOUND_MS);
  assert.not(promise.allows(1, 0));
  at(1000 + BOUND_MS + 0.01);
  assert.ok(promise.allows(1, 0));
});

test('but where nothing was ever promised, nothing was granted', () => {
  const { state, promise } = make();
  state.promisedBallot = 0;
  promise.restart();
  assert.ok(promise.allows(1, 0));
  const alone = make(1);
  alone.promise.restart();
  assert.ok(alone.promise.allowsCampaign(0));
});

test('a candidate waits a little longer than its own promise, unless the leader made way', () => {
  const { promise, at } = make();
  promise.grant(1, 7, 100);
  assert.not(promise.allowsCampaign(0));
  assert.not(promise.allowsCampaign(6));
  assert.ok(promise.allowsCampaign(7));
  at(1000 + BOUND_MS + 1);
  assert.not(promise.allowsCampaign(0));
  at(1000 + BOUND_MS + 7);
  assert.ok(promise.allowsCampaign(0));
});

test.run();
