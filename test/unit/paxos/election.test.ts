/** When to campaign. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../../src/base/prng.ts';
import { Acceptor } from '../../../src/paxos/acceptor.ts';
import { Election } from '../../../src/paxos/election.ts';
import { LeaderContact } from '../../../src/paxos/leader-contact.ts';
import { Learner } from '../../../src/paxos/learner.ts';
import { Lease } from '../../../src/paxos/lease.ts';
import { LeasePromise } from '../../../src/paxos/lease-promise.ts';
import { STATUS_QUERY, STATUS_REPLY, TRANSFER } from '../../../src/paxos/message.ts';
import { Proposer } from '../../../src/paxos/proposer.ts';
import { CANDIDATE, FOLLOWER, LEADER } from '../../../src/paxos/replica-state.ts';
import { drain, LEASE, makeState, message, sent } from '../../support/core.ts';

function make(isPreferred = false) {
  const state = makeState();
  const acceptor = new Acceptor(state);
  const proposer = new Proposer(state, acceptor, new Learner(state));
  const contact = new LeaderContact(state, new Lease(state, LEASE));
  const promise = new LeasePromise(state, LEASE);
  const election = new Election(state, proposer, contact, promise, new Prng(1), isPreferred);
  /** Ticks until something is sent; returns the ticks it took. */
  const wait = (limit = 200): number => {
    for (let n = 1; n <= limit; n++) {
      state.tick += 1;
      election.onTick();
      if (state.outbox.count > 0) return n;
    }
    return -1;
  };
  return { state, proposer, contact, promise, election, wait };
}

const reply = (from: number, hears: number, commit = 0) => message(STATUS_REPLY, { from, aux: hears, commit });

const test = suite('paxos/election');

test('a member whose log is a burden waits an election timeout longer than the others', () => {
  const { state, election, wait } = make();
  state.isBurdened = true;
  election.hear(1);
  assert.ok(wait() >= 80);
});

test('C4: silence leads to a status round, not to a campaign', () => {
  const { state, wait } = make();
  assert.ok(wait() >= 40);
  assert.equal(sent(drain(state.outbox)), ['STATUS_QUERY']);
  assert.is(state.role, FOLLOWER);
});

test('priority: the preferred member asks at once', () => assert.is(make(true).wait(), 1));

test('C1: a quorum that hears no leader starts the campaign', () => {
  const { state, election, wait } = make();
  wait();
  drain(state.outbox);
  election.onStatusReply(reply(1, 0));
  assert.is(state.role, CANDIDATE);
});

test('C1: somebody who hears a leader stops it', () => {
  const { state, election, wait } = make();
  wait();
  election.onStatusReply(reply(1, 1));
  election.onStatusReply(reply(2, 0));
  assert.is(state.role, FOLLOWER);
});

test('who is behind catches up before it campaigns', () => {
  const { state, election, wait } = make();
  wait();
  drain(state.outbox);
  election.onStatusReply(reply(1, 0, 5));
  assert.is(state.role, FOLLOWER);
  assert.is(election.campaignAt, 5);
  state.window.advance(5);
  state.tick += 1;
  election.onTick();
  assert.is(state.role, CANDIDATE);
});

test('a sign of life puts the deadline off', () => {
  const { state, election, wait } = make();
  state.tick += 39;
  election.hear(1);
  assert.is(state.leaderHint, 1);
  assert.ok(election.hearsLeader());
  assert.ok(wait() >= 40);
});

test('a suspected leader is not waited for', () => {
  const { election, wait } = make();
  election.hear(1);
  election.suspect(1);
  assert.not(election.hearsLeader());
  assert.ok(wait() <= 3);
});

test('suspecting somebody else than the leader changes nothing', () => {
  const { election } = make();
  election.hear(1);
  election.suspect(2);
  assert.ok(election.hearsLeader());
});

test('C3: answers whether it hears a leader, with its watermark, and promises nothing', () => {
  const { state, election } = make();
  election.hear(2);
  election.onStatusQuery(message(STATUS_QUERY, { from: 1, ballot: 99, aux2: 1 }));
  assert.is(state.promisedBallot, 0);
  const [answer] = drain(state.outbox);
  assert.equal([answer?.kind, answer?.to, answer?.aux], ['STATUS_REPLY', 0b010, 1]);
});

test('a member that granted a lease campaigns when that is over, not before (S21)', () => {
  const { state, promise, election, wait } = make();
  state.promisedBallot = 7;
  promise.grant(1, 7, LEASE.leaseMs);
  wait();
  drain(state.outbox);
  election.onStatusReply(reply(2, 0));
  assert.is(state.role, FOLLOWER);
  state.tick += 1;
  election.onTick();
  assert.is(state.role, FOLLOWER, 'nor a tick later');
  state.clock[0] += 2 * LEASE.leaseMs;
  state.tick += 1;
  election.onTick();
  assert.is(state.role, CANDIDATE);
});

test('unless it hears a leader before, or the leader made way for it', () => {
  const { state, promise, election, wait } = make();
  state.promisedBallot = 7;
  promise.grant(1, 7, LEASE.leaseMs);
  wait();
  drain(state.outbox);
  election.onStatusReply(reply(2, 0));
  election.hear(1);
  state.clock[0] += 2 * LEASE.leaseMs;
  state.tick += 1;
  election.onTick();
  assert.is(state.role, FOLLOWER);
  promise.grant(1, 7, LEASE.leaseMs);
  election.onTransfer(message(TRANSFER, { ballot: 7 }));
  assert.is(state.role, CANDIDATE);
  assert.is(state.releasedBallot, 7);
});

test('C2: a leader below the own promise moves nobody', () => {
  const { state, election } = make();
  state.promisedBallot = 9;
  election.onTransfer(message(TRANSFER, { ballot: 8 }));
  assert.is(state.role, FOLLOWER);
  assert.is(state.promisedBallot, 9);
});

test('who is putting an image in place campaigns neither in time, nor by the answers to an earlier question, nor when it is asked to', () => {
  const { state, election, wait } = make();
  wait();
  drain(state.outbox);
  state.isRestoring = true;
  election.onStatusReply(reply(2, 0));
  wait();
  election.onTransfer(message(TRANSFER, { ballot: 5 }));
  assert.equal([state.role, drain(state.outbox)], [FOLLOWER, []]);
  state.isRestoring = false;
  wait();
  election.onStatusReply(reply(2, 0));
  assert.is(state.role, CANDIDATE);
});

test('a transfer makes the target campaign at once', () => {
  const { state, election } = make();
  election.onTransfer(message(TRANSFER, { ballot: 5 }));
  assert.is(state.role, CANDIDATE);
});

test('I18: a leader without answers steps down', () => {
  const { state, election, contact } = make();
  state.role = LEADER;
  contact.reset();
  for (let n = 0; n < 45; n++) {
    state.tick += 1;
    if (state.role === LEADER) election.onTick();
  }
  assert.is(state.role, FOLLOWER);
});

/** A status round that is answered, and so a candidacy. */
function campaign({ state, proposer, election, wait }: ReturnType<typeof make>): void {
  if (state.role === CANDIDATE) proposer.stepDown();
  drain(state.outbox);
  wait();
  drain(state.outbox);
  election.onStatusReply(reply(1, 0));
  assert.is(state.role, CANDIDATE);
  drain(state.outbox);
}

test('candidacies that lead nowhere are waited for longer each time, within bounds', () => {
  const parts = make();
  const patience: number[] = [];
  for (let round = 0; round < 4; round++) {
    campaign(parts);
    patience.push(parts.state.patience);
  }
  assert.equal(patience, [1, 2, 4, 4]);
});

test('a leader that is heard, and a round that is answered at once, end the waiting', () => {
  const parts = make();
  const { state, proposer, contact, election } = parts;
  campaign(parts);
  campaign(parts);
  proposer.stepDown();
  election.hear(2);
  campaign(parts);
  assert.is(state.patience, 2, 'somebody led in between: no candidacy after another');
  state.role = LEADER;
  contact.reset();
  state.promisedBallot = proposer.ballot;
  election.onTick();
  assert.is(state.patience, 2, 'nothing was answered yet');
  contact.onReply(1, contact.beginRound(proposer.ballot), false);
  election.onTick();
  assert.is(state.patience, 1);
});

test.run();
