/** The leader's end of a lease: from when it counts, whose grants it needs, and which clocks it believes. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lease } from '../../../src/paxos/lease.ts';
import { CANDIDATE, FOLLOWER, LEADER } from '../../../src/paxos/replica-state.ts';
import { LEASE, makeState } from '../../support/core.ts';

function make(members = 3, terms = LEASE) {
  const state = makeState(0, members);
  state.role = LEADER;
  const lease = new Lease(state, terms);
  lease.begin();
  const at = (ms: number): void => {
    state.clock[0] = ms;
  };
  /** Round `round` leaves at `sent` and is granted by `from`, whose clock runs `ahead` ms before this one, at `answered`. */
  const grant = (from: number, round: number, sent: number, answered = sent, ahead = 0): void => {
    at(sent);
    lease.onRound(round);
    at(answered);
    lease.onGrant(from, round, Math.floor(answered + ahead) + 1);
  };
  return { state, lease, at, grant };
}

const test = suite('paxos/lease');

test('B2: a lease counts from the time of sending, not from that of the answer (S21)', () => {
  const { lease, at, grant } = make();
  grant(1, 1, 1000, 1060);
  assert.ok(lease.holds());
  at(1099.9);
  assert.ok(lease.holds());
  at(1100);
  assert.not(lease.holds());
});

test('a later round prolongs it, a late answer to an earlier one does not shorten it', () => {
  const { lease, at, grant } = make();
  grant(1, 1, 1000);
  grant(1, 2, 1050);
  at(1060);
  lease.onGrant(1, 1, 1061);
  at(1149);
  assert.ok(lease.holds());
  at(1150);
  assert.not(lease.holds());
});

test('I22, B3: grants must meet every prepare quorum: of five members two besides the leader', () => {
  const { lease, grant } = make(5);
  grant(1, 1, 1000);
  assert.not(lease.holds());
  grant(2, 2, 1001);
  assert.ok(lease.holds());
});

test('grants that do not last at the same time do not add up', () => {
  const { lease, grant } = make(5);
  grant(1, 1, 1000);
  grant(2, 2, 1100);
  assert.not(lease.holds());
});

test('a single member grants its own lease', () => {
  const { lease, at } = make(1);
  at(5000);
  assert.ok(lease.holds());
});

test('who does not lead holds none', () => {
  const { state, lease, grant } = make();
  grant(1, 1, 1000);
  for (const role of [FOLLOWER, CANDIDATE]) {
    state.role = role;
    assert.not(lease.holds());
  }
});

test('B1: a grant to somebody who does not lead is a mistake', () => {
  const { state, lease } = make();
  state.role = FOLLOWER;
  assert.throws(() => lease.onGrant(1, 1, 1), /B1/);
});

test('an answer that grants nothing, or to a round that is forgotten, gives no lease', () => {
  const { lease, at, grant } = make();
  at(1000);
  lease.onRound(1);
  lease.onGrant(1, 1, 0);
  assert.not(lease.holds());
  grant(2, 1025, 1000);
  lease.begin();
  lease.onGrant(1, 1025, 1001);
  assert.not(lease.holds(), 'a round of an earlier leadership');
  for (let round = 1; round <= 1025; round++) lease.onRound(round);
  lease.onGrant(1, 1, 1001);
  assert.not(lease.holds(), 'a round whose time was overwritten');
});

test('without leases, or with a clock that stands still in suspend, nothing is asked for', () => {
  for (const terms of [
    { ...LEASE, leaseMs: 0 },
    { ...LEASE, countsSuspend: false },
  ]) {
    const { lease, grant } = make(3, terms);
    assert.is(lease.askedMs, 0);
    grant(1, 1, 1000);
    assert.not(lease.holds());
  }
});

test('a lease that was given up is over for the whole leadership', () => {
  const { lease, grant } = make();
  grant(1, 1, 1000);
  lease.revoke();
  assert.not(lease.holds());
  assert.is(lease.askedMs, 0);
  grant(1, 2, 1010);
  assert.not(lease.holds());
  lease.begin();
  grant(1, 3, 1020);
  assert.ok(lease.holds());
});

test('a clock that runs off faster than the bound counts no more (scenario 34)', () => {
  for (const rate of [1.05, 2, 0.5]) {
    const { lease, grant } = make();
    for (let n = 0; n < 40; n++) grant(1, n + 1, 1000 + 50 * n, 1001 + 50 * n, (rate - 1) * 50 * n);
    assert.is(lease.doubtedMembers, 0b010, `rate ${rate}`);
    assert.not(lease.holds());
    grant(2, 99, 3000);
    assert.ok(lease.holds(), 'another member may still grant it');
  }
});

test('a clock that jumps counts no more, in either direction', () => {
  for (const jump of [500, -500]) {
    const { lease, grant } = make();
    grant(1, 1, 1000, 1001, 40);
    grant(1, 2, 1050, 1051, 40 + jump);
    assert.not(lease.holds());
  }
});

test('a clock within the bound is believed, wherever it stands and however long answers take', () => {
  const { lease, grant } = make();
  for (let n = 0; n < 1000; n++) {
    const sent = 1000 + 50 * n;
    grant(1, n + 1, sent, sent + ((n * 7) % 45), 1e9 + 0.015 * 50 * n);
    assert.is(lease.doubtedMembers, 0);
  }
  assert.ok(lease.holds());
});

test('terms that bound nothing are refused', () => {
  assert.throws(() => make(3, { ...LEASE, driftPpm: 1e6 }), /bounds nothing/);
  assert.throws(() => make(3, { ...LEASE, leaseMs: -1 }), /negative/);
});

test.run();
