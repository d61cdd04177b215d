/** A leader's rounds against a plain list of who answered what and when: Q2 (confirmed rounds), Q3 (contact), R5 (questions that wait for rounds). */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../src/base/prng.ts';
import { LeaderContact } from '../../src/paxos/leader-contact.ts';
import { Lease } from '../../src/paxos/lease.ts';
import { READ_INDEX } from '../../src/paxos/message.ts';
import { READ_BY_ROUND, ReadIndex } from '../../src/paxos/read-index.ts';
import { LEADER } from '../../src/paxos/replica-state.ts';
import { drain, LEASE, makeState, message, TIMING } from '../support/core.ts';

const MEMBERS = 5;
const QUORUM = 3;
const BALLOT = 5;

type Step = readonly [verb: 'round' | 'answer' | 'time' | 'question' | 'again', member: number, count: number];

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom('round', 'answer', 'answer', 'answer', 'time', 'question', 'again'),
  fc.integer({ min: 1, max: MEMBERS - 1 }),
  fc.nat(30),
);

function make() {
  const state = makeState(0, MEMBERS);
  state.promisedBallot = BALLOT;
  state.role = LEADER;
  const contact = new LeaderContact(state, new Lease(state, LEASE));
  contact.reset();
  return { state, contact, reads: new ReadIndex(state, new Prng(1)) };
}

class Ledger {
  rounds = 0;
  tick = 0;
  first = 0;
  confirmed = 0;
  readonly newest = new Array<number>(MEMBERS).fill(0);
  readonly heardAt = new Array<number>(MEMBERS).fill(0);
  /** Questions by member: the round that each waits for. */
  readonly waiting = new Map<number, number>();

  answer(member: number, round: number): void {
    this.heardAt[member] = this.tick;
    this.newest[member] = Math.max(this.newest[member] as number, round);
    const ranked = [...this.newest].sort((a, b) => b - a);
    this.confirmed = Math.max(this.confirmed, ranked[QUORUM - 1] as number);
  }

  reset(): void {
    this.first = this.rounds;
    this.confirmed = this.rounds;
    this.newest.fill(0);
    this.heardAt.fill(this.tick);
    this.waiting.clear();
  }

  /** Members in contact, this one included. */
  get heard(): number {
    return this.heardAt.filter((at, m) => m === 0 || this.tick - at <= TIMING.electionTimeoutTicks).length;
  }
}

const test = suite('property: leader-contact');

test('Q2, Q3, R5: a round is confirmed by a quorum that answered it or a later one; contact lasts a timeout; questions wait for their round', () => {
  let confirmations = 0;
  let replies = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
      const { state, contact, reads } = make();
      const ledger = new Ledger();
      for (const [verb, member, count] of steps) {
        if (verb === 'time') {
          ledger.tick += count;
          state.tick += count;
        } else if (verb === 'round') {
          ledger.rounds += 1;
          ledger.answer(0, contact.beginRound(BALLOT));
        } else if (verb === 'answer') {
          const round = Math.max(0, ledger.rounds - (count % 4));
          ledger.answer(member, round);
          contact.onReply(member, round, false);
        } else if (verb === 'again') {
          if (count % 10 !== 0) continue;
          contact.reset();
          reads.clear();
          ledger.reset();
        } else {
          ledger.rounds += 1;
          const round = contact.beginRound(BALLOT);
          ledger.answer(0, round);
          ledger.waiting.set(member, round);
          reads.onQuestion(message(READ_INDEX, { from: member, slot: READ_BY_ROUND, aux: 1, aux2: 1 }), 0, round);
        }
        drain(state.outbox);
        assert.is(contact.confirmedRound, ledger.confirmed, 'Q2');
        assert.is(contact.hasQuorum(), ledger.heard >= QUORUM, 'Q3');
        reads.onConfirmed(contact.confirmedRound);
        const due = [...ledger.waiting].filter(([, round]) => round <= ledger.confirmed).map(([from]) => 1 << from);
        const answered = drain(state.outbox).map(({ to }) => to);
        assert.equal(
          answered,
          due.sort((a, b) => a - b),
          'R5',
        );
        for (const [from, round] of ledger.waiting) if (round <= ledger.confirmed) ledger.waiting.delete(from);
        confirmations += ledger.confirmed > ledger.first ? 1 : 0;
        replies += answered.length;
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(confirmations > 300 && replies > 100, `${confirmations} confirmations, ${replies} replies`);
});

test.run();
