/**
 * When a replica may speak: H2 (a heartbeat is answered at promise = its ballot only; requires H1), and on the way back of one that forgot
 * J2 and J3 (the floor is the highest promise of all others, and it ends only above it with everything learned; requires J1).
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../src/base/prng.ts';
import { makeBallot } from '../../src/paxos/ballot.ts';
import { Configuration } from '../../src/paxos/configuration.ts';
import { HEARTBEAT, LEARNED, M_VALUE_CRC, STATUS_REPLY } from '../../src/paxos/message.ts';
import { recoverForgotten } from '../../src/paxos/recover.ts';
import { Replica } from '../../src/paxos/replica.ts';
import { command, followsModel } from '../support/commands.ts';
import { drain, message, TIMING } from '../support/core.ts';

const MEMBERS = 4;

function makeReplica(): Replica {
  return new Replica({
    configuration: new Configuration(1, [1, 2, 3, 4], 0),
    timing: TIMING,
    prng: new Prng(7),
    isPreferred: false,
    sameValue: () => true,
  });
}

interface Promised {
  ballot: number;
}

/** A ballot of another node, of which `from` is the member. */
const heartbeat = (round: number, from: number, serial: number) =>
  command<Promised, Replica>(`heartbeat ${round} of ${from}`, (model, replica) => {
    const ballot = makeBallot(round, from + 1);
    replica.step(message(HEARTBEAT, { from, ballot, aux: serial }));
    const actions = drain(replica.outbox).filter(({ op }) => op === 'SEND');
    const isAnswered = ballot >= model.ballot;
    model.ballot = Math.max(ballot, model.ballot);
    const answer = isAnswered ? ['HEARTBEAT_REPLY', ballot, serial] : ['REJECT', ballot, model.ballot];
    assert.equal(
      actions.map(({ kind, ballot: spoken, aux }) => [kind, spoken, aux]),
      [answer],
      'H2',
    );
    assert.is(replica.state.promisedBallot, model.ballot, 'H2');
    assert.ok((actions[0]?.sequence ?? 0) >= replica.state.promiseSequence, 'H2: it waits for the promise');
  });

/** How many came all the way back: the property is not vacuous. */
const back = { count: 0 };

interface WayBack {
  nonce: number;
  told: Map<number, number>;
  commit: number;
  isDone: boolean;
}

interface Told {
  from: number;
  round: number;
  isLeader: boolean;
  end: number;
  isCurrent: boolean;
}

const statusReply = ({ from, round, isLeader, end, isCurrent }: Told) =>
  command<WayBack, Replica>(
    `told by ${from}: round ${round}, ${isLeader ? `leader with end ${end}` : 'follower'}`,
    (model, replica) => {
      const ballot = makeBallot(round, from + 1);
      const words = message(STATUS_REPLY, { from, ballot, slot: end, aux2: isLeader ? from + 1 : 0 });
      words[M_VALUE_CRC] = isCurrent ? model.nonce : model.nonce + 1;
      const before = replica.state.promisedBallot;
      replica.step(words);
      drain(replica.outbox);
      const hadFloor = model.told.size === MEMBERS - 1;
      const floor = Math.max(0, ...[...model.told.values()]);
      if (isCurrent && !hadFloor) model.told.set(from, Math.max(ballot, model.told.get(from) ?? 0));
      model.isDone = isCurrent && hadFloor && isLeader && ballot > floor && ballot > before && model.commit >= end;
      if (model.isDone) back.count += 1;
      assert.is(replica.state.isRejoining, !model.isDone, 'J2, J3');
      assert.is(replica.state.promisedBallot, model.isDone ? ballot : before, 'J3');
    },
    (model) => !model.isDone,
  );

const learnNext = () =>
  command<WayBack, Replica>(
    'learn the next slot',
    (model, replica) => {
      replica.step(message(LEARNED, { slot: model.commit, length: 8, crc: 3 }));
      drain(replica.outbox);
      model.commit += 1;
    },
    (model) => !model.isDone,
  );

function makeForgetful(): { model: WayBack; real: Replica } {
  const real = makeReplica();
  recoverForgotten(real.state);
  real.tick();
  const nonce = drain(real.outbox).find(({ kind }) => kind === 'STATUS_QUERY')?.aux ?? -1;
  return { model: { nonce, told: new Map(), commit: 0, isDone: false }, real };
}

const test = suite('property: voice');
const peer = fc.integer({ min: 1, max: MEMBERS - 1 });

test('H2: a heartbeat is answered at the promise of its ballot, and a lower one refused', () => {
  const beat = fc.tuple(fc.integer({ min: 1, max: 9 }), peer, fc.nat(99)).map((args) => heartbeat(...args));
  followsModel([beat], () => ({ model: { ballot: 0 }, real: makeReplica() }));
});

test('J2, J3: who forgot speaks again only above what all others promised, with everything below the recovery end learned', () => {
  back.count = 0;
  const told = fc.record({
    from: peer,
    round: fc.integer({ min: 1, max: 8 }),
    isLeader: fc.boolean(),
    end: fc.nat(2),
    isCurrent: fc.constantFrom(true, true, true, false),
  });
  followsModel([told.map(statusReply), told.map(statusReply), fc.constant(learnNext())], makeForgetful);
  assert.ok(back.count > 30, `${back.count} came back`);
});

test.run();
