/**
 * The laws over the whole state: a healthy state passes, and each law fires when the one thing that it guards is broken.
 * I17 is the applier's part: test/property/applier.property.test.ts.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Acceptor } from '../../../src/paxos/acceptor.ts';
import { BALLOT_CHOSEN, makeBallot } from '../../../src/paxos/ballot.ts';
import { checkAcross, checkBasic, checkDelta, type Snapshot, snapshotOf } from '../../../src/paxos/invariants.ts';
import * as M from '../../../src/paxos/message.ts';
import * as O from '../../../src/paxos/outbox.ts';
import { CANDIDATE, LEADER, type ReplicaState } from '../../../src/paxos/replica-state.ts';
import { PROPOSAL_AWAITED, PROPOSAL_CHOSEN, PROPOSAL_OPEN } from '../../../src/paxos/slot-window.ts';
import { drain, makeState, message } from '../../support/core.ts';

const test = suite('paxos/invariants');
const MINE = makeBallot(2, 1);
const THEIRS = makeBallot(1, 2);
const SLOT = 6;

/** Votes of ballot THEIRS in slots 5, 6 and 7; the watermark is 5. */
function voter(self = 0): ReplicaState {
  const state = makeState(self);
  state.window.advance(5);
  state.see(THEIRS);
  const acceptor = new Acceptor(state);
  for (let slot = 5; slot < 8; slot++) {
    acceptor.onAccept(message(M.ACCEPT, { ballot: THEIRS, slot, length: 8, crc: slot, from: 1 }));
  }
  drain(state.outbox);
  return state;
}

/** Leads in ballot MINE and has proposed slots 5, 6 and 7; nothing is durable. */
function leader(): ReplicaState {
  const state = makeState();
  state.window.advance(5);
  state.role = LEADER;
  state.promisedBallot = MINE;
  state.see(MINE);
  const acceptor = new Acceptor(state);
  for (let slot = 5; slot < 8; slot++) {
    acceptor.recordVote(slot, 8, slot, O.VALUE_STAGED);
    state.window.proposal[slot] = PROPOSAL_OPEN;
  }
  drain(state.outbox);
  return state;
}

function emit(state: ReplicaState, kind: number, fields: { ballot?: number; slot?: number; aux?: number }): void {
  const at = state.send(kind, 2, 0);
  state.outbox.words[at + O.A_BALLOT] = fields.ballot ?? 0;
  state.outbox.words[at + O.A_SLOT] = fields.slot ?? 0;
  state.outbox.words[at + O.A_AUX] = fields.aux ?? 0;
}

const named = (law: string): RegExp => new RegExp(`\\b${law}:`);

type Break = (state: ReplicaState) => void;

const OF_A_VOTER: readonly [claim: string, law: string, harm: Break][] = [
  ['the rank of a chosen value as promise', 'I1', (s) => void (s.promisedBallot = BALLOT_CHOSEN)],
  ['a promise below a vote', 'I2', (s) => void (s.promisedBallot = THEIRS - 1)],
  ['a vote without a value', 'I3', (s) => void (s.window.recorded[SLOT] = 0)],
  ['a vote of a sequence that was never given out', 'I4', (s) => void (s.window.voteSequence[SLOT] = 99)],
  ['a promise of a sequence that was never given out', 'I4', (s) => void (s.promiseSequence = 99)],
  ['durability of what was never given out', 'I4', (s) => void (s.persistedSequence = 99)],
  ['a promised ballot that was never seen', 'I6', (s) => void (s.seenBallot = 0)],
  ['a leader heard in a ballot never seen', 'I6', (s) => void (s.heardBallot = MINE)],
  ['an open slot truncated', 'I13', (s) => void (s.truncationPoint = 6)],
  ['a leader window of more than half an acceptor window', 'I16', (s) => void (s.timing.windowSlotsMax = 513)],
  ['a vote above the next slot', 'I16', (s) => void (s.window.voteBallot[9] = THEIRS)],
  ['a learned slot above the next slot', 'I16', (s) => void (s.window.learned[9] = 1)],
  ['a proposal above the next slot', 'I16', (s) => void (s.window.proposal[9] = PROPOSAL_OPEN)],
  [
    'a chosen slot without a value',
    'I12',
    (s) => {
      s.window.voteBallot[SLOT] = 0;
      s.window.recorded[SLOT] = 0;
      s.window.learned[SLOT] = 1;
    },
  ],
  ['a candidate that promised the ballot of another', 'I18', (s) => void (s.role = CANDIDATE)],
  ['an ACCEPT in the ballot of another', 'I6', (s) => emit(s, M.ACCEPT, { ballot: THEIRS })],
  ['a refusal that overtakes the promise it names', 'I4', (s) => emit(s, M.REJECT, { ballot: 1, aux: THEIRS })],
  ['a PROMISE before it is durable', 'I4', (s) => emit(s, M.PROMISE, { ballot: THEIRS })],
  ['ACCEPTED of a vote that is not durable', 'I4', (s) => emit(s, M.ACCEPTED, { ballot: THEIRS, slot: 6, aux: 7 })],
  ['ACCEPTED in a ballot without a vote', 'I4', (s) => emit(s, M.ACCEPTED, { ballot: MINE, slot: 6, aux: 7 })],
  ['an open slot served as chosen', 'I14', (s) => emit(s, M.LEARNED, { slot: 5 })],
  [
    'an open slot applied',
    'I15',
    (s) => {
      s.outbox.words[s.outbox.begin(O.COMMIT, 0, 0) + O.A_COMMIT] = 6;
    },
  ],
];

for (const [claim, law, harm] of OF_A_VOTER) {
  test(`${law} forbids ${claim}`, () => {
    const state = voter();
    const limit = state.timing.windowSlotsMax;
    checkBasic(state);
    harm(state);
    try {
      assert.throws(() => checkBasic(state), named(law));
    } finally {
      state.timing.windowSlotsMax = limit;
    }
  });
}

const OF_A_LEADER: readonly [claim: string, law: string, harm: Break][] = [
  [
    'a PREPARE that overtakes the own promise',
    'I5',
    (s) => {
      s.promiseSequence = s.lastSequence;
      emit(s, M.PREPARE, { ballot: MINE });
    },
  ],
  ['an ACCEPT in a ballot that is not promised', 'I5', (s) => emit(s, M.ACCEPT, { ballot: MINE + 2 ** 20 })],
  ['waiting for a value that nobody reported', 'I7', (s) => void (s.window.proposal[SLOT] = PROPOSAL_AWAITED)],
  ['a proposal in another ballot than the vote', 'I10', (s) => void (s.window.voteBallot[SLOT] = THEIRS)],
  ['an accept quorum that chooses nothing', 'I10', (s) => void (s.window.acceptedMembers[SLOT] = 0b110)],
  ['a chosen slot that is not learned', 'I10', (s) => void (s.window.proposal[SLOT] = PROPOSAL_CHOSEN)],
  ['counting the own vote before it is durable', 'I10', (s) => void (s.window.acceptedMembers[SLOT] = 0b001)],
  ['leading with a promise to another', 'I18', (s) => void (s.promisedBallot = makeBallot(3, 2))],
];

for (const [claim, law, harm] of OF_A_LEADER) {
  test(`${law} forbids ${claim} while leading`, () => {
    const state = leader();
    state.see(makeBallot(9, 2));
    checkBasic(state);
    harm(state);
    assert.throws(() => checkBasic(state), named(law));
  });
}

const NUMBERS: readonly [key: keyof Snapshot, law: string][] = [
  ['promisedBallot', 'I1'],
  ['seenBallot', 'I6'],
  ['lastSequence', 'I4'],
  ['persistedSequence', 'I4'],
  ['commitWatermark', 'I13'],
  ['truncationPoint', 'I13'],
  ['nextSlot', 'I13'],
  ['tick', 'I13'],
  ['heardBallot', 'I11'],
  ['heardCommit', 'I11'],
];

for (const [key, law] of NUMBERS) {
  test(`${law} forbids that ${key} goes back`, () => {
    const after = snapshotOf(voter());
    const before = { ...after, [key]: (after[key] as number) + 1 };
    assert.throws(() => checkDelta(before, after), named(law));
    checkDelta(after, after);
  });
}

test('I11: the watermark may be lower in a higher ballot', () => {
  const before = snapshotOf(voter());
  checkDelta({ ...before, heardBallot: 1, heardCommit: 9 }, { ...before, heardBallot: 2, heardCommit: 3 });
});

/** A snapshot before and one after `change`. */
function changed(change: Break, prepare: Break = () => {}): [Snapshot, Snapshot] {
  const state = voter();
  prepare(state);
  const before = snapshotOf(state);
  change(state);
  return [before, snapshotOf(state)];
}

const learn: Break = ({ window }) => void (window.learned[SLOT] = 1);
const overwrite: Break = ({ window }) => void (window.valueCrc[SLOT] = 77);
const revote: Break = ({ window }) => void (window.voteBallot[SLOT] = MINE);
const both =
  (one: Break, other: Break): Break =>
  (state) => {
    one(state);
    other(state);
  };

test('I2 forbids that an open slot forgets its vote, or its ballot goes back', () => {
  assert.throws(() => checkDelta(...changed(({ window }) => void (window.recorded[SLOT] = 0))), /I2/);
  assert.throws(() => checkDelta(...changed(({ window }) => void (window.voteBallot[SLOT] = 1))), /I2/);
});

test('I3 allows another value only with a higher ballot or as the chosen one', () => {
  assert.throws(() => checkDelta(...changed(overwrite)), /I3/);
  checkDelta(...changed(both(overwrite, revote)));
  checkDelta(...changed(both(overwrite, learn)));
});

test('I12 forbids that a chosen slot changes or is no longer known chosen', () => {
  assert.throws(() => checkDelta(...changed(both(overwrite, revote), learn)), /I12/);
  assert.throws(() => checkDelta(...changed(({ window }) => void (window.learned[SLOT] = 0), learn)), /I12/);
  checkDelta(...changed(revote, learn));
});

test('a slot below the new watermark is no longer compared', () => {
  checkDelta(...changed(({ window }) => window.advance(8), learn));
});

test('I18 wants a serial for every leadership, one at a time', () => {
  const before = snapshotOf(voter());
  assert.throws(() => checkDelta(before, { ...before, role: LEADER }), /I18/);
  assert.throws(() => checkDelta(before, { ...before, role: LEADER, leadershipSerial: 2 }), /I18/);
  checkDelta(before, { ...before, role: LEADER, leadershipSerial: 1 });
});

test('I3 forbids two values at one ballot and slot in two replicas', () => {
  const [one, other] = [voter(0), voter(2)];
  checkAcross([one, other]);
  overwrite(other);
  assert.throws(() => checkAcross([one, other]), /I3/);
  revote(other);
  checkAcross([one, other]);
});

test('I12 forbids two chosen values in one slot', () => {
  const [one, other] = [voter(0), voter(2)];
  learn(one);
  learn(other);
  checkAcross([one, other]);
  overwrite(other);
  assert.throws(() => checkAcross([makeState(1), one, other]), /I12/);
});

test('I6 forbids two leaders in one ballot', () => {
  const [one, other] = [leader(), leader()];
  assert.throws(() => checkAcross([one, other]), /I6/);
});

test.run();
