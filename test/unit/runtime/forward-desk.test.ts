/** What a group of a node does as leader for other nodes' clients; the whole way is in forwarder.test. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { M_FROM, MESSAGE_FIELDS } from '../../../src/paxos/message.ts';
import { ForwardDesk } from '../../../src/runtime/forward-desk.ts';
import type { GroupDriver } from '../../../src/runtime/group-driver.ts';
import type { Transport } from '../../../src/transport/transport.ts';
import { portableBulk } from '../../support/in-thread-cluster.ts';

function make() {
  const state = { leaderHint: -1, promisedBallot: 5, window: { nextSlot: 0 } };
  const replica = { isLeader: false, state, commitWatermark: 0 };
  const driver = { replica, onForward: () => {}, rounds: 0, beginReadRound: () => ++driver.rounds };
  const desk = new ForwardDesk({
    groupId: 0,
    self: 0,
    epoch: 1,
    transport: {} as Transport,
    bulk: portableBulk,
    clockMs: new Float64Array(1),
    driver: driver as unknown as GroupDriver,
    memberCount: 3,
    serial: 1,
  });
  const forward = driver.onForward as unknown as GroupDriver['onForward'];
  return { desk, driver, replica, state, forward };
}

const fromMember = (member: number): Float64Array => {
  const message = new Float64Array(MESSAGE_FIELDS);
  message[M_FROM] = member;
  return message;
};

const test = suite('runtime/forward-desk');

test('who does not lead takes nothing, and counts it', () => {
  const { desk, forward } = make();
  forward(fromMember(1), new Uint8Array(8), 0);
  assert.is(desk.refused, 1);
});

test('nor does a leader take what is no run, or comes from nobody', () => {
  const { desk, replica, forward } = make();
  replica.isLeader = true;
  desk.attend([]);
  forward(fromMember(1), new Uint8Array(8), 0);
  forward(fromMember(9), new Uint8Array(8), 0);
  assert.is(desk.refused, 2);
});

test('without a leader nothing is forwarded', () => {
  const { desk } = make();
  desk.attend([]);
  assert.is(desk.follow([]), 0);
});

test('followers are told of a watermark once, and only where a client of theirs may wait', () => {
  const { desk, driver, replica, state } = make();
  replica.isLeader = true;
  desk.attend([]);
  replica.commitWatermark = 3;
  desk.announce(0);
  assert.is(driver.rounds, 0, 'nobody forwarded anything');
  desk.sources[1]!.push = () => true;
  state.window.nextSlot = 5;
  (driver.onForward as unknown as GroupDriver['onForward'])(fromMember(1), new Uint8Array(8), 0);
  replica.commitWatermark = 4;
  desk.announce(1);
  assert.is(driver.rounds, 0, 'an ACCEPT carries it');
  replica.commitWatermark = 5;
  desk.announce(0);
  desk.announce(0);
  assert.is(driver.rounds, 1);
});

test.run();
