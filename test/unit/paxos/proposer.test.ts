/** The proposer's contracts. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Acceptor } from '../../../src/paxos/acceptor.ts';
import { BALLOT_CHOSEN, ballotRound, makeBallot } from '../../../src/paxos/ballot.ts';
import { Learner } from '../../../src/paxos/learner.ts';
import { ACCEPT, ACCEPTED, PROMISE, PROMISE_VOTE, REJECT, VOTE_VALUE } from '../../../src/paxos/message.ts';
import { VALUE_NOOP, VALUE_RECORDED } from '../../../src/paxos/outbox.ts';
import { Proposer } from '../../../src/paxos/proposer.ts';
import { CANDIDATE, FOLLOWER, LEADER } from '../../../src/paxos/replica-state.ts';
import { drain, makeState, message, sent } from '../../support/core.ts';

function make(members = 3) {
  const state = makeState(0, members);
  const acceptor = new Acceptor(state);
  const proposer = new Proposer(state, acceptor, new Learner(state));
  const persist = (): void => {
    state.persistedSequence = state.lastSequence;
    proposer.onPersisted();
  };
  /** Member 1 answers with these votes: [slot, ballot, length]. */
  const promise = (votes: [number, number, number][] = [], commit = 0, claimed = votes.length): number => {
    const attempt = 1;
    for (const [slot, aux, length] of votes) {
      proposer.onPromiseVote(
        message(PROMISE_VOTE, { ballot: proposer.ballot, slot, aux, length, crc: length, commit: attempt }),
      );
    }
    return proposer.onPromise(message(PROMISE, { ballot: proposer.ballot, slot: attempt, aux: claimed, commit }));
  };
  return { state, acceptor, proposer, persist, promise };
}

function lead(votes: [number, number, number][] = []) {
  const parts = make();
  parts.proposer.campaign();
  parts.persist();
  parts.promise(votes);
  return parts;
}

const test = suite('paxos/proposer');

test('P1, I6: a campaign takes a ballot above everything promised and seen', () => {
  const { state, acceptor, proposer } = make();
  acceptor.promise(makeBallot(3, 2));
  state.see(makeBallot(9, 3));
  proposer.campaign();
  assert.is(ballotRound(proposer.ballot), 10);
  assert.is(state.promisedBallot, proposer.ballot);
});

test('P2, I5: PREPARE waits for the own promise', () => {
  const { state, proposer } = make();
  proposer.campaign();
  const prepare = drain(state.outbox).find(({ kind }) => kind === 'PREPARE');
  assert.is(prepare?.sequence, state.promiseSequence);
  assert.ok(state.promiseSequence > 0);
});

test('P13: the own promise counts only once it is durable', () => {
  const { state, proposer, persist, promise } = make();
  proposer.campaign();
  promise();
  assert.is(state.role, CANDIDATE);
  persist();
  assert.is(state.role, LEADER);
});

test('P4, I9: a member counts only when all reports of one answer arrived', () => {
  const { state, proposer, persist, promise } = make();
  proposer.campaign();
  persist();
  promise([[0, 5, 8]], 0, 2);
  assert.is(state.role, CANDIDATE);
});

test('P5, I8: a member that is further puts the candidate off until it has caught up', () => {
  const { state, proposer, persist, promise } = make();
  proposer.campaign();
  persist();
  assert.is(promise([], 7), 7);
  assert.is(state.role, CANDIDATE);
});

test('P6, I7: gaps get no-ops, reported values are fetched before they are proposed', () => {
  const { state, proposer } = lead([[1, makeBallot(1, 2), 8]]);
  const actions = drain(state.outbox);
  assert.ok(actions.some(({ op, slot, flags }) => op === 'PERSIST_VOTE' && slot === 0 && flags === VALUE_NOOP));
  assert.ok(actions.some(({ kind, slot }) => kind === 'FETCH_VOTE' && slot === 1));
  assert.not(proposer.canPropose);
});

test('P6: a value of the highest reported ballot that is held here is proposed at once', () => {
  const { state, acceptor, proposer, persist, promise } = make();
  acceptor.onAccept(message(ACCEPT, { ballot: makeBallot(1, 2), slot: 0, length: 8, crc: 8 }));
  proposer.campaign();
  persist();
  drain(state.outbox);
  promise([[0, makeBallot(1, 2), 8]]);
  assert.ok(drain(state.outbox).some(({ op, flags }) => op === 'PERSIST_VOTE' && flags === VALUE_RECORDED));
});

test('P3: two values reported at one ballot throw', () => {
  const { acceptor, proposer, persist, promise } = make();
  acceptor.onAccept(message(ACCEPT, { ballot: makeBallot(1, 2), slot: 0, length: 8, crc: 8 }));
  proposer.campaign();
  persist();
  assert.throws(() => promise([[0, makeBallot(1, 2), 9]]), /P3/);
});

test('P7: an arriving value is proposed only if it is the demanded one', () => {
  const { state, proposer } = lead([[0, BALLOT_CHOSEN, 8]]);
  drain(state.outbox);
  proposer.onVoteValue(message(VOTE_VALUE, { ballot: proposer.ballot, slot: 0, length: 9, crc: 9 }));
  assert.is(proposer.awaitedValues, 1);
  proposer.onVoteValue(message(VOTE_VALUE, { ballot: proposer.ballot, slot: 0, length: 8, crc: 8 }));
  assert.is(proposer.awaitedValues, 0);
  assert.equal(sent(drain(state.outbox)), ['ACCEPT']);
});

test('P8: nothing is proposed by a follower', () => {
  assert.throws(() => make().proposer.propose(8, 1), /P8/);
});

test('P9, I8: new values go above the suffix of phase 1, in order', () => {
  const { proposer } = lead();
  assert.equal([proposer.propose(8, 1), proposer.propose(8, 2)], [0, 1]);
});

test('I16: the window bounds what is in flight', () => {
  const { state, proposer } = lead();
  for (let n = 0; n < 64; n++) {
    assert.ok(proposer.canPropose);
    proposer.propose(8, n);
    drain(state.outbox);
  }
  assert.not(proposer.canPropose);
});

test('ACCEPT leaves at once, in parallel with the own write (S1)', () => {
  const { state, proposer } = lead();
  drain(state.outbox);
  proposer.propose(8, 1);
  assert.is(drain(state.outbox).find(({ kind }) => kind === 'ACCEPT')?.sequence, 0);
});

test('P11, I10: chosen exactly with an accept quorum of durable votes', () => {
  const { state, proposer, persist } = lead();
  proposer.propose(8, 1);
  const accepted = message(ACCEPTED, { ballot: proposer.ballot, slot: 0, aux: 1 });
  proposer.onAccepted(accepted);
  assert.is(state.commitWatermark, 0, 'the own vote is not durable yet');
  persist();
  assert.is(state.commitWatermark, 1);
});

test('P10: votes of another ballot do not count', () => {
  const { state, proposer, persist } = lead();
  proposer.propose(8, 1);
  persist();
  proposer.onAccepted(message(ACCEPTED, { ballot: proposer.ballot - 1, slot: 0, aux: 1 }));
  assert.is(state.commitWatermark, 0);
});

test('P17: a report that comes twice does not complete an answer (I9)', () => {
  const { state, proposer, persist, promise } = make();
  proposer.campaign();
  persist();
  promise(
    [
      [0, 5, 8],
      [0, 5, 8],
    ],
    0,
    2,
  );
  assert.is(state.role, CANDIDATE);
});

test('one member that answers twice is one member', () => {
  const { state, proposer } = lead();
  proposer.propose(8, 1);
  for (let n = 0; n < 2; n++) proposer.onAccepted(message(ACCEPTED, { ballot: proposer.ballot, slot: 0, aux: 1 }));
  assert.is(state.commitWatermark, 0);
});

test('P14: a higher promise elsewhere ends the leadership, a refusal of another ballot nothing', () => {
  const { state, proposer } = lead();
  proposer.onReject(message(REJECT, { ballot: proposer.ballot - 1, aux: proposer.ballot + 2 ** 20 }));
  assert.is(state.role, LEADER);
  proposer.onReject(message(REJECT, { ballot: proposer.ballot, aux: proposer.ballot + 2 ** 20 }));
  assert.is(state.role, FOLLOWER);
});

test('I10: the own vote counts once its own record is durable, not that of the one before', () => {
  const { state, proposer, persist } = lead();
  persist();
  proposer.propose(8, 1);
  const first = state.lastSequence;
  proposer.propose(8, 2);
  state.persistedSequence = first;
  proposer.onPersisted();
  proposer.onAccepted(message(ACCEPTED, { ballot: proposer.ballot, slot: 0, aux: 2 }));
  assert.is(state.commitWatermark, 1);
  persist();
  assert.is(state.commitWatermark, 2);
});

test('A17: a member that cannot answer any more ends a candidacy, not a leadership', () => {
  const { state, proposer } = lead();
  const refuse = () => proposer.onReject(message(REJECT, { ballot: proposer.ballot, aux: proposer.ballot }));
  refuse();
  assert.is(state.role, LEADER);
  proposer.stepDown();
  proposer.campaign();
  refuse();
  assert.is(state.role, FOLLOWER);
});

test('P15: who steps down proposes nothing; its promise and its votes stay', () => {
  const { state, proposer } = lead();
  const slot = proposer.propose(8, 1);
  proposer.stepDown();
  assert.not(proposer.canPropose);
  assert.is(state.promisedBallot, proposer.ballot);
  assert.is(state.window.voteBallot[state.window.index(slot)], proposer.ballot);
});

test('P16: an unanswered ACCEPT is sent again to those who did not vote, so many at once', () => {
  const { state, proposer } = lead();
  proposer.propose(8, 1);
  proposer.onAccepted(message(ACCEPTED, { ballot: proposer.ballot, slot: 0, aux: 1 }));
  drain(state.outbox);
  state.tick += 10;
  proposer.onTick();
  const [again] = drain(state.outbox);
  assert.equal([again?.kind, again?.to], ['ACCEPT', 0b100]);
  for (let n = 0; n < 40; n++) {
    proposer.propose(8, n + 2);
    drain(state.outbox);
  }
  state.tick += 10;
  proposer.onTick();
  assert.is(sent(drain(state.outbox)).length, 16);
});

test.run();
