/**
 * A proposer of five members against a plain plan: who promised, what was reported, what is proposed, who voted. After each call
 * role, proposals and watermark are what the plan says: P1, P2 (campaign), P3, P4, P5, P6, P17 (phase 1), P7, P12 (values of others),
 * P9, P10, P11 (phase 2), P13 (durability), P14, P15 (its end), P16 (time); requires P8 holds throughout.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Acceptor } from '../../src/paxos/acceptor.ts';
import { BALLOT_CHOSEN, makeBallot } from '../../src/paxos/ballot.ts';
import { Learner } from '../../src/paxos/learner.ts';
import { ACCEPTED, LEARNED, PROMISE, PROMISE_VOTE, REJECT, VOTE_VALUE } from '../../src/paxos/message.ts';
import { Proposer } from '../../src/paxos/proposer.ts';
import { CANDIDATE, FOLLOWER, LEADER, type ReplicaState } from '../../src/paxos/replica-state.ts';
import { command, followsModel } from '../support/commands.ts';
import { type Action, drain, makeState, message, TIMING } from '../support/core.ts';

const MEMBERS = 5;
const QUORUM = 3;
const LENGTH = 8;
const SEEN = makeBallot(5, 2);
const RETRY_SLOTS = 16;
const PEERS = 2 ** MEMBERS - 2;

interface Held {
  ballot: number;
  crc: number;
}

interface Proposal {
  crc: number;
  isAwaited: boolean;
  isChosen: boolean;
  voters: Set<number>;
}

class Plan {
  role = FOLLOWER;
  ballot = SEEN;
  attempt = 0;
  commit = 0;
  next = 0;
  proposed = 100;
  readonly promised = new Set<number>();
  readonly answered = new Set<number>();
  /** Best report per slot of this candidacy. */
  readonly reports = new Map<number, Held>();
  readonly own = new Map<number, Held>();
  readonly proposals = new Map<number, Proposal>();

  get isOpen(): boolean {
    return this.role === LEADER && ![...this.proposals.values()].some(({ isAwaited }) => isAwaited);
  }

  report(slot: number, held: Held): void {
    if (held.ballot > (this.reports.get(slot)?.ballot ?? 0)) this.reports.set(slot, held);
  }

  propose(slot: number, crc: number): void {
    this.own.set(slot, { ballot: this.ballot, crc });
    this.proposals.set(slot, { crc, isAwaited: false, isChosen: false, voters: new Set() });
    this.next = Math.max(this.next, slot + 1);
  }

  vote(slot: number, member: number): void {
    const proposal = this.proposals.get(slot);
    if (proposal === undefined || proposal.isAwaited || proposal.isChosen) return;
    proposal.voters.add(member);
    if (proposal.voters.size < QUORUM) return;
    proposal.isChosen = true;
    this.own.set(slot, { ballot: BALLOT_CHOSEN, crc: proposal.crc });
  }

  advance(): void {
    for (; this.own.get(this.commit)?.ballot === BALLOT_CHOSEN; this.commit++) {
      for (const map of [this.own, this.proposals, this.reports]) map.delete(this.commit);
    }
    this.next = Math.max(this.next, this.commit);
  }

  stepDown(): void {
    this.role = FOLLOWER;
  }
}

interface Real {
  state: ReplicaState;
  proposer: Proposer;
  learner: Learner;
}

/** One bit per member. */
function membersOf(voters: Iterable<number>): number {
  return [...voters].reduce((members, member) => members | (1 << member), 0);
}

function check(plan: Plan, { state, proposer }: Real, law: string): void {
  assert.is(state.role, plan.role, law);
  assert.is(state.commitWatermark, plan.commit, law);
  assert.is(state.window.nextSlot, plan.next, law);
  assert.is(proposer.isOpen, plan.isOpen, law);
  for (let slot = plan.commit; slot < plan.next; slot++) {
    const i = state.window.index(slot);
    assert.is(state.window.recorded[i], plan.own.has(slot) ? 1 : 0, law);
    assert.is(state.window.valueCrc[i], plan.own.get(slot)?.crc ?? 0, law);
    assert.is(state.window.learned[i], plan.own.get(slot)?.ballot === BALLOT_CHOSEN ? 1 : 0, 'P11');
    const proposal = plan.proposals.get(slot);
    if (plan.role !== LEADER || proposal === undefined || proposal.isChosen) continue;
    assert.is(state.window.acceptedMembers[i], membersOf(proposal.voters), 'P10');
  }
}

type PlanCommand = fc.Command<Plan, Real>;

const campaign = (): PlanCommand =>
  command(
    'campaign',
    (plan, real) => {
      real.proposer.campaign();
      assert.ok(real.proposer.ballot > plan.ballot, 'P1');
      plan.ballot = real.proposer.ballot;
      plan.role = CANDIDATE;
      plan.attempt += 1;
      for (const memory of [plan.promised, plan.answered, plan.reports, plan.proposals]) memory.clear();
      const sends = drain(real.state.outbox).filter(({ op }) => op === 'SEND');
      const wanted = ['PREPARE', plan.ballot, plan.commit, real.state.lastSequence];
      assert.equal(
        sends.map(({ kind, ballot, slot, sequence }) => [kind, ballot, slot, sequence]),
        [wanted],
        'P2',
      );
      check(plan, real, 'P1');
    },
    (plan) => plan.role !== LEADER,
  );

/** What a new leader does: per slot of the suffix the value of the highest ballot, a question for it, or a no-op. */
function lead(plan: Plan, actions: Action[]): void {
  plan.role = LEADER;
  const end = Math.max(plan.next, ...[...plan.reports.keys()].map((slot) => slot + 1));
  const wanted: unknown[] = [];
  for (let slot = plan.commit; slot < end; slot++) {
    const mine = plan.own.get(slot);
    const best = mine?.ballot === BALLOT_CHOSEN ? mine : plan.reports.get(slot);
    if (best === undefined || best.crc === 0 || best.crc === mine?.crc) {
      plan.propose(slot, best?.crc ?? 0);
      if (mine?.ballot === BALLOT_CHOSEN) plan.own.set(slot, mine);
      wanted.push(['ACCEPT', slot, best === undefined || best.crc === 0 ? 0 : LENGTH]);
    } else {
      plan.proposals.set(slot, { crc: best.crc, isAwaited: true, isChosen: false, voters: new Set() });
      plan.next = Math.max(plan.next, slot + 1);
      wanted.push(['FETCH_VOTE', slot, 0]);
    }
  }
  const sends = actions.filter(({ op }) => op === 'SEND');
  assert.equal(
    sends.map(({ kind, slot, length }) => [kind, slot, length]),
    wanted,
    'P6',
  );
}

function maybeLead(plan: Plan, real: Real): void {
  const actions = drain(real.state.outbox);
  const isElected = plan.role === CANDIDATE && plan.promised.has(0) && plan.promised.size >= QUORUM;
  if (isElected) lead(plan, actions);
  else assert.is(actions.filter(({ op }) => op === 'SEND').length, 0, 'P4, P5');
}

const persist = (): PlanCommand =>
  command('persist', (plan, real) => {
    real.state.persistedSequence = real.state.lastSequence;
    if (plan.role === CANDIDATE && !plan.promised.has(0)) {
      plan.promised.add(0);
      for (const [slot, held] of plan.own) plan.report(slot, held);
    }
    real.proposer.onPersisted();
    maybeLead(plan, real);
    // Votes of a leader that was elected by this call are not durable yet.
    if (plan.role === LEADER && real.state.persistedSequence === real.state.lastSequence) countOwn(plan);
    plan.advance();
    check(plan, real, 'P11, P13');
  });

function countOwn(plan: Plan): void {
  for (let slot = plan.commit; plan.proposals.get(slot)?.isAwaited === false; slot++) plan.vote(slot, 0);
}

interface Answer {
  from: number;
  votes: [slot: number, round: number][];
  lost: number;
  commit: number;
}

/** One value per ballot and slot (P3). */
const crcOf = (slot: number, round: number): number => 10 * round + slot;

const answer = ({ from, votes, lost, commit }: Answer): PlanCommand =>
  command(
    `answer of ${from}: ${votes.join(' ')}, ${lost} lost, at ${commit}`,
    (plan, real) => {
      plan.answered.add(from);
      const told = votes.filter(([slot]) => slot >= plan.commit);
      for (const [slot, round] of told.slice(lost)) {
        const held = { ballot: makeBallot(round, 3), crc: crcOf(slot, round) };
        plan.report(slot, held);
        const fields = { from, ballot: plan.ballot, slot, commit: plan.attempt, length: LENGTH };
        const vote = message(PROMISE_VOTE, { ...fields, aux: held.ballot, crc: held.crc });
        real.proposer.onPromiseVote(vote);
        real.proposer.onPromiseVote(vote);
      }
      const fields = { from, ballot: plan.ballot, slot: plan.attempt, commit, aux: told.length };
      const ahead = real.proposer.onPromise(message(PROMISE, fields));
      assert.is(ahead, commit > plan.commit ? commit : -1, 'P5');
      if (commit <= plan.commit && Math.min(lost, told.length) === 0) plan.promised.add(from);
      maybeLead(plan, real);
      check(plan, real, 'P4, P6, P17');
    },
    (plan) => plan.role === CANDIDATE && !plan.answered.has(from),
  );

const voteValue = (slot: number, isRight: boolean): PlanCommand =>
  command(`value of ${slot}, ${isRight ? 'right' : 'wrong'}`, (plan, real) => {
    const proposal = plan.proposals.get(slot);
    const crc = (proposal?.crc ?? 0) + (isRight ? 0 : 1);
    real.proposer.onVoteValue(message(VOTE_VALUE, { ballot: plan.ballot, slot, length: LENGTH, crc }));
    const isTaken = plan.role === LEADER && proposal?.isAwaited === true && isRight && slot >= plan.commit;
    if (isTaken) plan.propose(slot, crc);
    assert.is(drain(real.state.outbox).length, isTaken ? 2 : 0, 'P7');
    check(plan, real, 'P7');
  });

const accepted = (from: number, slot: number, count: number, isCurrent: boolean): PlanCommand =>
  command(`${from} voted in ${slot} and ${count} more, ${isCurrent ? 'now' : 'earlier'}`, (plan, real) => {
    const ballot = isCurrent ? plan.ballot : plan.ballot - 1;
    real.proposer.onAccepted(message(ACCEPTED, { from, ballot, slot, aux: slot + 1 + count }));
    if (plan.role === LEADER && isCurrent) {
      for (let at = slot; at <= slot + count; at++) plan.vote(at, from);
      plan.advance();
    }
    drain(real.state.outbox);
    check(plan, real, 'P10, P11');
  });

const propose = (): PlanCommand =>
  command(
    'propose',
    (plan, real) => {
      plan.proposed += 1;
      const slot = real.proposer.propose(LENGTH, plan.proposed);
      assert.is(slot, plan.next, 'P9');
      plan.propose(slot, plan.proposed);
      drain(real.state.outbox);
      check(plan, real, 'P9');
    },
    (plan) => plan.isOpen,
  );

const reject = (isHigher: boolean, isCurrent: boolean): PlanCommand =>
  command(`reject, ${isHigher ? 'higher' : 'lower'}, of ${isCurrent ? 'this' : 'another'} ballot`, (plan, real) => {
    const aux = plan.ballot + (isHigher ? 1 : -1);
    real.proposer.onReject(message(REJECT, { ballot: isCurrent ? plan.ballot : plan.ballot - 1, aux }));
    drain(real.state.outbox);
    if (isHigher && isCurrent) plan.stepDown();
    check(plan, real, 'P14');
  });

const stepDown = (): PlanCommand =>
  command('step down', (plan, real) => {
    const { promisedBallot } = real.state;
    real.proposer.stepDown();
    drain(real.state.outbox);
    plan.stepDown();
    assert.is(real.state.promisedBallot, promisedBallot, 'P15');
    check(plan, real, 'P15');
  });

/** Time for one retry passes: who is asked again is exactly who has not answered. */
const retry = (): PlanCommand =>
  command(
    'retry',
    (plan, real) => {
      real.state.tick += TIMING.retryTicks;
      real.proposer.onTick();
      const sends = drain(real.state.outbox).filter(({ op }) => op === 'SEND');
      const wanted = [...plan.proposals].filter(([, { isChosen }]) => !isChosen).sort(([a], [b]) => a - b);
      assert.equal(
        sends.map(({ kind, slot, to }) => [kind, slot, to]),
        wanted.slice(0, RETRY_SLOTS).map(([at, { voters }]) => ['ACCEPT', at, PEERS & ~membersOf(voters)]),
        'P16',
      );
      check(plan, real, 'P16');
    },
    (plan) => plan.role === LEADER && plan.isOpen,
  );

const learn = (slot: number, isOwn: boolean): PlanCommand =>
  command(
    `learn ${slot}, ${isOwn ? 'the planned value' : 'another'}`,
    (plan, real) => {
      const proposal = plan.role === LEADER ? plan.proposals.get(slot) : undefined;
      const crc = isOwn ? (proposal?.crc ?? plan.own.get(slot)?.crc ?? 0) : 99;
      const words = message(LEARNED, { slot, crc, length: crc === 0 ? 0 : LENGTH });
      real.proposer.onLearnedElsewhere(words);
      real.learner.onLearned(words);
      drain(real.state.outbox);
      const isRefuted = proposal === undefined || (!proposal.isAwaited && !proposal.isChosen && proposal.crc !== crc);
      if (plan.role === LEADER && isRefuted) plan.stepDown();
      else if (proposal?.isAwaited === true) Object.assign(proposal, { isAwaited: false, isChosen: true });
      plan.own.set(slot, { ballot: BALLOT_CHOSEN, crc });
      plan.next = Math.max(plan.next, slot + 1);
      plan.advance();
      check(plan, real, 'P12');
    },
    (plan) => slot >= plan.commit && plan.own.get(slot)?.ballot !== BALLOT_CHOSEN,
  );

function make(): { model: Plan; real: Real } {
  const state = makeState(0, MEMBERS);
  state.see(SEEN);
  const learner = new Learner(state);
  return { model: new Plan(), real: { state, learner, proposer: new Proposer(state, new Acceptor(state), learner) } };
}

const peer = fc.integer({ min: 1, max: MEMBERS - 1 });
const slot = fc.nat(5);
const votes = fc.uniqueArray(fc.tuple(slot, fc.integer({ min: 1, max: 3 })), { maxLength: 4, selector: ([s]) => s });
const answers = fc.record({
  from: peer,
  votes,
  lost: fc.constantFrom(0, 0, 0, 1),
  commit: fc.constantFrom(0, 0, 0, 0, 3),
});

const test = suite('property: proposer');

test('a proposer does what its plan says (P1, P2, P3, P4, P5, P6, P7, P9, P10, P11, P12, P13, P14, P15, P16, P17)', () => {
  followsModel(
    [
      fc.constant(campaign()),
      fc.constant(persist()),
      fc.constant(persist()),
      answers.map(answer),
      answers.map(answer),
      answers.map(answer),
      fc.tuple(slot, fc.boolean()).map((args) => voteValue(...args)),
      fc.tuple(peer, slot, fc.nat(2), fc.boolean()).map((args) => accepted(...args)),
      fc.constant(propose()),
      fc.tuple(fc.boolean(), fc.boolean()).map((args) => reject(...args)),
      fc.constant(stepDown()),
      fc.constant(retry()),
      fc.tuple(slot, fc.boolean()).map((args) => learn(...args)),
    ],
    make,
    500,
  );
});

test.run();
