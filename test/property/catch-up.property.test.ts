/** What a replica serves to others, and what a snapshot does to it: K1, K2, K3, K4, K6, K7, K8, K9 over any state and any question. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Acceptor } from '../../src/paxos/acceptor.ts';
import { makeBallot } from '../../src/paxos/ballot.ts';
import { CatchUp, FETCH_SLOTS_MAX } from '../../src/paxos/catch-up.ts';
import { Learner } from '../../src/paxos/learner.ts';
import { ACCEPT, FETCH, FETCH_VOTE, LEARNED } from '../../src/paxos/message.ts';
import { drain, makeState, message } from '../support/core.ts';

const BALLOT = makeBallot(3, 2);
const LENGTH = 8;

interface Shape {
  commit: number;
  truncation: number;
  /** Slots behind the watermark with a vote in BALLOT. */
  votes: number[];
}

const shape: fc.Arbitrary<Shape> = fc
  .record({ commit: fc.nat(40), share: fc.nat(100), votes: fc.uniqueArray(fc.nat(8), { maxLength: 6 }) })
  .map(({ commit, share, votes }) => ({ commit, truncation: Math.floor((commit * share) / 100), votes }));

function make({ commit, truncation, votes }: Shape) {
  const state = makeState(0);
  const learner = new Learner(state);
  const acceptor = new Acceptor(state);
  const catchUp = new CatchUp(state);
  for (let slot = 0; slot < commit; slot++)
    learner.onLearned(message(LEARNED, { slot, length: LENGTH, crc: slot + 1 }));
  for (const ahead of votes) {
    acceptor.onAccept(message(ACCEPT, { ballot: BALLOT, slot: commit + 1 + ahead, length: LENGTH, crc: 77 + ahead }));
  }
  if (truncation > 0) catchUp.published(truncation, 1000, truncation);
  drain(state.outbox);
  return { state, catchUp };
}

const test = suite('property: catch-up');

test('K8, K9: asked is whoever is ahead, one after the other, for what it told, a bounded number from the own watermark on', () => {
  fc.assert(
    fc.property(shape, fc.array(fc.nat(90), { minLength: 2, maxLength: 2 }), (given, told) => {
      const { state, catchUp } = make(given);
      told.forEach((commit, n) => {
        catchUp.note(n + 1, commit);
      });
      for (let n = 0; n < 12; n++) {
        state.tick += 1;
        catchUp.onTick();
      }
      const ahead = told.flatMap((commit, n) => (commit > given.commit ? [n + 1] : []));
      const questions = drain(state.outbox);
      assert.is(questions.length > 0, ahead.length > 0);
      for (const { kind, to, slot, aux } of questions) {
        const commit = told[Math.log2(to) - 1] as number;
        assert.equal(
          [kind, slot, aux],
          ['FETCH', given.commit, Math.min(commit, given.commit + FETCH_SLOTS_MAX)],
          'K8',
        );
      }
      const asked = questions.map(({ to }) => Math.log2(to));
      if (asked.length > 0) assert.is(told[(asked[0] as number) - 1], Math.max(...told));
      assert.is(new Set(asked.slice(0, ahead.length)).size, Math.min(asked.length, ahead.length), 'K9');
    }),
    { numRuns: 300 },
  );
});

test('K1, K3: what leaves is exactly the asked slots between truncation point and watermark, or an offer of a snapshot', () => {
  fc.assert(
    fc.property(shape, fc.nat(45), fc.nat(30), (given, first, count) => {
      const { state, catchUp } = make(given);
      catchUp.onFetch(message(FETCH, { slot: first, aux: first + count }));
      const actions = drain(state.outbox).map(({ kind, slot }) => [kind, slot]);
      const end = Math.min(first + count, first + FETCH_SLOTS_MAX, given.commit);
      const served = Array.from({ length: Math.max(0, end - first) }, (_, n) => ['LEARNED', first + n]);
      assert.equal(actions, first < given.truncation ? [['SNAPSHOT_OFFER', given.truncation]] : served);
    }),
    { numRuns: 300 },
  );
});

test('K2: the value of a vote leaves only for the vote that was named, and a chosen one as learned', () => {
  fc.assert(
    fc.property(shape, fc.nat(50), fc.boolean(), fc.boolean(), (given, slot, isNamed, isPromised) => {
      const { state, catchUp } = make(given);
      const [voted, promised] = [isNamed ? BALLOT : BALLOT - 1, isPromised ? state.promisedBallot : BALLOT + 1];
      catchUp.onFetchVote(message(FETCH_VOTE, { ballot: promised, slot, aux: voted }));
      const isHeld = given.votes.includes(slot - given.commit - 1);
      const actions = drain(state.outbox).map(({ kind, aux, length }) => [kind, aux, length]);
      if (slot < given.commit) assert.equal(actions, slot < given.truncation ? [] : [['LEARNED', 0, -1]]);
      else assert.equal(actions, isHeld && isNamed && isPromised ? [['VOTE_VALUE', BALLOT, LENGTH]] : []);
    }),
    { numRuns: 300 },
  );
});

test('K7: a damaged snapshot changes what is offered, never what is truncated', () => {
  fc.assert(
    fc.property(shape, fc.nat(45), fc.nat(45), (given, watermark, older) => {
      const { state, catchUp } = make(given);
      fc.pre(watermark >= given.truncation && watermark <= given.commit);
      catchUp.published(watermark, 10, given.truncation);
      if (older > watermark) {
        assert.throws(() => catchUp.withdrawn(older, 5), /K7/);
        return;
      }
      catchUp.withdrawn(older, 5);
      assert.equal([state.truncationPoint, state.snapshotWatermark, state.snapshotBytes], [given.truncation, older, 5]);
      catchUp.onFetch(message(FETCH, { slot: 0, aux: 1 }));
      const offers = drain(state.outbox).filter(({ kind }) => kind === 'SNAPSHOT_OFFER');
      assert.is(offers.length, given.truncation > 0 && older >= given.truncation ? 1 : 0);
    }),
    { numRuns: 300 },
  );
});

test('K4: nothing is truncated beyond the snapshot that holds it, nor beyond what is chosen', () => {
  fc.assert(
    fc.property(shape, fc.nat(45), fc.nat(45), (given, watermark, truncation) => {
      const { state, catchUp } = make(given);
      const isAllowed = watermark >= given.truncation && watermark <= given.commit && truncation <= watermark;
      if (isAllowed) catchUp.published(watermark, 10, truncation);
      else assert.throws(() => catchUp.published(watermark, 10, truncation));
      assert.is(state.truncationPoint, isAllowed ? Math.max(given.truncation, truncation) : given.truncation);
    }),
    { numRuns: 300 },
  );
});

test('K6: installing a snapshot keeps the promise and every vote at or above its watermark (requires K5)', () => {
  fc.assert(
    fc.property(shape, fc.integer({ min: 1, max: 12 }), (given, ahead) => {
      const { state, catchUp } = make(given);
      const promised = state.promisedBallot;
      const watermark = given.commit + ahead;
      catchUp.install(watermark, 10);
      assert.equal([state.promisedBallot, state.commitWatermark], [promised, watermark]);
      for (let slot = watermark; slot < given.commit + 12; slot++) {
        const isVote = given.votes.includes(slot - given.commit - 1);
        assert.is(state.window.voteBallot[state.window.index(slot)], isVote ? BALLOT : 0);
      }
    }),
    { numRuns: 300 },
  );
});

test.run();
