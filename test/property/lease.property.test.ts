/**
 * Leases against real time: while the leader holds one, no prepare quorum of others can be had, whatever messages and clocks do within the
 * bound (B2, B3, G2, G3, G4). And read indexes against a plain model of questions and rounds (R2, R4).
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../src/base/prng.ts';
import { Lease, type LeaseTerms } from '../../src/paxos/lease.ts';
import { LeasePromise } from '../../src/paxos/lease-promise.ts';
import { READ_INDEX, READ_INDEX_REPLY } from '../../src/paxos/message.ts';
import { READ_BY_ROUND, ReadIndex } from '../../src/paxos/read-index.ts';
import { LEADER, type ReplicaState } from '../../src/paxos/replica-state.ts';
import { drain, makeState, message } from '../support/core.ts';

const BALLOT = 7;
const DRIFT = 0.02;
const TERMS: LeaseTerms = { leaseMs: 100, driftPpm: DRIFT * 1e6, countsSuspend: true };

/** A member's clock: its rate changes within the bound whenever real time passes. */
class Member {
  readonly state: ReplicaState;
  readonly lease: Lease;
  promise: LeasePromise;
  #clock: number;
  /** It has promised a later ballot: it grants nothing to this one any more. */
  isTaken = false;

  constructor(index: number, members: number) {
    this.state = makeState(index, members);
    this.state.promisedBallot = BALLOT;
    this.lease = new Lease(this.state, TERMS);
    this.promise = new LeasePromise(this.state, TERMS);
    this.#clock = 1e6 * index;
    this.read();
  }

  pass(ms: number, rate: number): void {
    this.#clock += ms * (1 - DRIFT + 2 * DRIFT * rate);
  }

  /** A process that pauses acts later than it looked at its clock: so reading is apart from acting. */
  read(): void {
    this.state.clock[0] = this.#clock;
  }
}

interface Grant {
  from: number;
  round: number;
  stamp: number;
}

/** One leader, its followers, and a network that does what it likes. */
class Group {
  readonly members: Member[];
  #round = 0;
  readonly #heartbeats: number[][] = [];
  readonly #grants: Grant[] = [];
  held = 0;

  constructor(count: number) {
    this.members = Array.from({ length: count }, (_, index) => new Member(index, count));
    this.leader.state.role = LEADER;
    this.leader.lease.begin();
  }

  get leader(): Member {
    return this.members[0] as Member;
  }

  act([kind, who, rate, ms]: readonly [number, number, number, number]): void {
    const follower = 1 + (who % (this.members.length - 1));
    const member = this.members[follower] as Member;
    if (kind < 3) for (const [index, one] of this.members.entries()) one.pass(ms, (rate + index * 0.37) % 1);
    else if (kind === 3) this.#beginRound();
    else if (kind < 6) this.#deliverHeartbeat(follower, who);
    else if (kind < 8) this.#deliverGrant(who);
    else if (kind === 8) this.#restart(member);
    else if (kind === 9) this.leader.read();
    else this.#campaign(member);
    this.#check();
  }

  #beginRound(): void {
    this.#round += 1;
    this.leader.lease.onRound(this.#round);
    for (let m = 1; m < this.members.length; m++) this.#heartbeats.push([m, this.#round]);
  }

  #deliverHeartbeat(follower: number, who: number): void {
    const mine = this.#heartbeats.filter(([to]) => to === follower);
    const member = this.members[follower] as Member;
    if (mine.length === 0 || member.isTaken) return;
    const [, round] = mine[who % mine.length] as [number, number];
    member.read();
    const stamp = member.promise.grant(0, BALLOT, this.leader.lease.askedMs);
    this.#grants.push({ from: follower, round, stamp });
  }

  #deliverGrant(who: number): void {
    if (this.#grants.length === 0) return;
    const { from, round, stamp } = this.#grants[who % this.#grants.length] as Grant;
    this.leader.read();
    this.leader.lease.onGrant(from, round, stamp);
  }

  #restart(member: Member): void {
    member.promise = new LeasePromise(member.state, TERMS);
    member.read();
    member.promise.restart();
  }

  /** Somebody else asks it for a later ballot. */
  #campaign(member: Member): void {
    member.read();
    if (member.promise.allows(2, 0) && member.promise.allows(-2, 0)) member.isTaken = true;
  }

  #check(): void {
    this.leader.read();
    if (!this.leader.lease.holds()) return;
    this.held += 1;
    const taken = this.members.filter(({ isTaken }) => isTaken).length;
    const { prepareQuorum } = this.leader.state.configuration.quorums;
    assert.ok(taken < prepareQuorum, 'B3, G4: nobody is elected while a lease lasts');
    assert.is(this.leader.lease.doubtedMembers, 0, 'a clock within the bound is believed');
  }
}

const step = fc.tuple(
  fc.integer({ min: 0, max: 10 }),
  fc.nat(1000),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.oneof(fc.double({ min: 0, max: 5, noNaN: true }), fc.double({ min: 0, max: 150, noNaN: true })),
);

const test = suite('property lease');

test('B2, B3, G2, G3, G4: a lease and an election never last at the same time', () => {
  let held = 0;
  fc.assert(
    fc.property(fc.constantFrom(3, 4, 5), fc.array(step, { minLength: 50, maxLength: 400 }), (count, steps) => {
      const group = new Group(count);
      for (const each of steps) group.act(each);
      held += group.held;
    }),
    { numRuns: 400 },
  );
  assert.ok(held > 1000, 'leases were held');
});

test('G3: whoever restarts with the same terms waits out whatever it granted', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 200, noNaN: true }),
      fc.double({ min: 0, max: 150, noNaN: true }),
      (ask, ms) => {
        const member = new Member(1, 3);
        const stamp = member.promise.grant(0, BALLOT, ask);
        assert.is(stamp > 0, ask > 0 && ask <= TERMS.leaseMs, 'G3');
        member.promise = new LeasePromise(member.state, TERMS);
        member.promise.restart();
        member.pass(ms, 1);
        member.read();
        if (member.promise.allows(2, 0)) assert.ok(stamp === 0 || ms * (1 + DRIFT) > ask, 'G2, G4');
      },
    ),
  );
});

test('R2, R4: an index covers everything that was chosen when its reads began to wait', () => {
  let answered = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 10 }), fc.nat(50)), { minLength: 60, maxLength: 300 }),
      (steps) => {
        const asker = makeState(1);
        asker.leaderHint = 0;
        const leader = makeState(0);
        leader.role = LEADER;
        const asking = new ReadIndex(asker, new Prng(5));
        const answering = new ReadIndex(leader, new Prng(6));
        const nonce = new Prng(5).range(1, 2 ** 31 - 1);
        const network: Float64Array[] = [];
        const waiting: { serial: number; needs: number }[] = [];
        let [chosen, round, confirmed] = [0, 0, 0];
        const take = (state: ReplicaState, kind: number): void => {
          for (const { aux, commit } of drain(state.outbox))
            network.push(message(kind, { from: state.configuration.self, aux, aux2: nonce, commit }));
        };
        for (const [kind, which] of steps) {
          if (kind === 0) chosen += which;
          else if (kind === 1) waiting.push({ serial: asking.ask(READ_BY_ROUND), needs: chosen });
          else if (kind === 2) asker.tick += which;
          else if (kind === 3) asking.onTick();
          else if (kind === 4) confirmed = round;
          else if (network.length > 0) {
            const one = network[which % network.length] as Float64Array;
            if (one[0] === READ_INDEX) answering.onQuestion(one, chosen, ++round);
            else asking.onReply(one);
          }
          answering.onConfirmed(confirmed);
          take(asker, READ_INDEX);
          take(leader, READ_INDEX_REPLY);
          const done = waiting.filter(({ serial }) => serial <= asking.answered(READ_BY_ROUND));
          for (const read of done) {
            assert.ok(asking.indexOf(READ_BY_ROUND) >= read.needs, 'R2, R4');
            waiting.splice(waiting.indexOf(read), 1);
            answered += 1;
          }
        }
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(answered > 500, `${answered} questions were answered`);
});

test.run();
