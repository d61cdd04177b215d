/** The way back of a member that forgot (S12), through the composed replica. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../../src/base/prng.ts';
import { Acceptor } from '../../../src/paxos/acceptor.ts';
import { makeBallot } from '../../../src/paxos/ballot.ts';
import { Configuration } from '../../../src/paxos/configuration.ts';
import {
  ACCEPT,
  HEARTBEAT,
  LEARNED,
  M_VALUE_CRC,
  PREPARE,
  STATUS_QUERY,
  STATUS_REPLY,
  TRANSFER,
} from '../../../src/paxos/message.ts';
import { recoverForgotten, recoverPromise, recoverValue } from '../../../src/paxos/recover.ts';
import { Rejoin } from '../../../src/paxos/rejoin.ts';
import { Replica } from '../../../src/paxos/replica.ts';
import { drain, makeState, message, sent, TIMING } from '../../support/core.ts';

const OLD = makeBallot(3, 2);
const NEW = makeBallot(4, 2);

function make(): Replica {
  const replica = new Replica({
    configuration: new Configuration(1, [1, 2, 3], 0),
    timing: TIMING,
    prng: new Prng(1),
    isPreferred: true,
    sameValue: () => true,
  });
  recoverForgotten(replica.state);
  return replica;
}

/** Asks, and returns the nonce of the question. */
function ask(replica: Replica): { nonce: number; ballot: number; elects: boolean } {
  drain(replica.outbox);
  for (let n = 0; n < TIMING.retryTicks; n++) {
    replica.tick();
    const words = replica.outbox.words.slice(0, 12);
    const [action] = drain(replica.outbox);
    if (action?.kind === 'STATUS_QUERY')
      return { nonce: action.aux, ballot: action.ballot, elects: (words[7] as number) === 1 };
  }
  throw new Error('it does not ask');
}

const told = (nonce: number, from: number, ballot: number, leader = -1, end = 0): Float64Array => {
  const words = message(STATUS_REPLY, { from, ballot, slot: end, aux2: leader + 1 });
  words[M_VALUE_CRC] = nonce;
  return words;
};

const test = suite('paxos/rejoin');

test('I21: who forgot does not vote, promise, confirm, answer or campaign', () => {
  const replica = make();
  for (const words of [
    message(PREPARE, { ballot: NEW }),
    message(ACCEPT, { ballot: NEW, slot: 0, length: 8, crc: 1 }),
    message(HEARTBEAT, { ballot: NEW }),
    message(STATUS_QUERY, { ballot: NEW }),
    message(TRANSFER, { ballot: NEW }),
  ]) {
    replica.step(words);
    assert.equal(drain(replica.outbox), []);
  }
  for (let n = 0; n < 10 * TIMING.electionTimeoutTicks; n++) {
    replica.tick();
    assert.not(sent(drain(replica.outbox)).includes('PREPARE'));
  }
});

test('J2: the floor is the highest promise of all others, told to a question of this life', () => {
  const replica = make();
  const { nonce } = ask(replica);
  replica.step(told(nonce + 1, 1, NEW));
  replica.step(told(nonce, 1, OLD));
  assert.not(ask(replica).elects);
  replica.step(told(nonce, 2, makeBallot(2, 3)));
  const question = ask(replica);
  assert.ok(question.elects);
  assert.is(question.ballot, OLD);
});

test('J3: it ends above the floor only, with everything below the recovery end learned', () => {
  const replica = make();
  const { nonce } = ask(replica);
  replica.step(told(nonce, 1, OLD, 1, 0));
  replica.step(told(nonce, 2, OLD));
  replica.step(told(nonce, 1, OLD, 1, 0));
  assert.ok(replica.state.isRejoining, 'a ballot at the floor is not enough');
  replica.step(told(nonce, 2, NEW, -1, 0));
  assert.ok(replica.state.isRejoining, 'a follower knows no recovery end');
  replica.step(told(nonce, 1, NEW, 1, 1));
  assert.ok(replica.state.isRejoining, 'slot 0 is not learned');
  replica.step(message(LEARNED, { from: 1, slot: 0, length: 8, crc: 1 }));
  drain(replica.outbox);
  replica.step(told(nonce, 1, NEW, 1, 1));
  assert.not(replica.state.isRejoining);
  assert.equal(
    drain(replica.outbox).map(({ op, ballot }) => [op, ballot]),
    [
      ['ROLE', 0],
      ['PERSIST_PROMISE', NEW],
    ],
  );
});

test('J3: not at a ballot that was promised before the loss', () => {
  const replica = make();
  recoverPromise(replica.state, NEW, 1);
  recoverForgotten(replica.state);
  const { nonce } = ask(replica);
  replica.step(told(nonce, 1, OLD));
  replica.step(told(nonce, 2, OLD));
  replica.step(told(nonce, 1, NEW, 1, 0));
  assert.ok(replica.state.isRejoining);
});

test('a leader that is asked takes a fresh ballot, once', () => {
  const replica = make();
  replica.state.isRejoining = false;
  replica.tick();
  replica.outbox.clear();
  replica.step(message(STATUS_REPLY, { from: 1 }));
  drain(replica.outbox);
  replica.persisted(replica.state.lastSequence);
  drain(replica.outbox);
  replica.step(message(3, { from: 1, ballot: replica.state.promisedBallot, slot: 1 }));
  drain(replica.outbox);
  assert.ok(replica.isLeader);
  const before = replica.state.promisedBallot;
  replica.step(message(STATUS_QUERY, { from: 2, ballot: before, aux: 7, aux2: 1 }));
  drain(replica.outbox);
  assert.ok(replica.isCandidate && replica.state.promisedBallot > before);
  replica.step(message(STATUS_QUERY, { from: 2, ballot: before, aux: 7, aux2: 1 }));
  assert.equal(sent(drain(replica.outbox)), ['STATUS_REPLY']);
});

test('what was recovered before a loss is knowledge: votes are gone, learned values stay', () => {
  const { state } = make();
  recoverValue(state, 0, OLD, 1, 8, 1);
  recoverValue(state, 1, 0, 2, 9, 2);
  recoverForgotten(state);
  assert.equal([state.window.recorded[0], state.window.voteBallot[0]], [0, 0]);
  assert.equal([state.window.recorded[1], state.window.learned[1]], [1, 1]);
  assert.ok(state.isRejoining);
  recoverPromise(state, NEW, 3);
  assert.not(state.isRejoining, 'a promise behind the loss: the way back was done');
});

test('J1: who forgot nothing is not on its way back', () => {
  const state = makeState();
  const rejoin = new Rejoin(state, new Acceptor(state), new Prng(1));
  assert.throws(() => rejoin.onStatusReply(told(1, 1, NEW)), /J1/);
});

test.run();
