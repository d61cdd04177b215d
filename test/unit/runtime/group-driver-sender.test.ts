/** Frames out of actions: to whom, with which value, and never before it is durable. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Configuration } from '../../../src/paxos/configuration.ts';
import { ACCEPT, HEARTBEAT, LEARNED, PREPARE, VOTE_VALUE } from '../../../src/paxos/message.ts';
import {
  A_KIND,
  A_SEQUENCE,
  A_SLOT,
  A_TO,
  A_VALUE_CRC,
  A_VALUE_LENGTH,
  ACTION_FIELDS,
} from '../../../src/paxos/outbox.ts';
import { type Applied, FrameSender } from '../../../src/runtime/group-driver-sender.ts';
import { SlotIndex } from '../../../src/runtime/slot-index.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { FrameRecorder, GROUP } from '../../support/driver-kit.ts';
import { portableBulk } from '../../support/in-thread-cluster.ts';
import { appendVote, open } from '../../support/log-fixture.ts';
import { TestMedium } from '../../support/test-device.ts';

const SELF = 1;
const VALUE = Buffer.from('the value');
const CRC = crc32c(VALUE, 0, VALUE.length, 0);
const DURABLE = 10;

/** Member 1 of three, whose log holds VALUE for slot 4. */
function make() {
  const transport = new FrameRecorder();
  const { log } = open(new TestMedium());
  const index = new SlotIndex();
  index.set(4, appendVote(log, 4, VALUE));
  const applied = { appliedWatermark: 9, applier: { digest: -5 } } as unknown as Applied;
  const sender = new FrameSender(GROUP, new Configuration(1, [1, 2, 3], SELF), transport, portableBulk, index, applied);
  sender.attachLog(log);
  const send = (kind: number, fields: Record<number, number> = {}): void => {
    const words = new Float64Array(ACTION_FIELDS);
    words[A_KIND] = kind;
    words[A_TO] = 0b101;
    words[A_SLOT] = 4;
    for (const [field, value] of Object.entries(fields)) words[Number(field)] = value;
    sender.transmit(words, 0, 77, DURABLE);
  };
  return { transport, sender, send };
}

const test = suite('runtime/group-driver-sender');

test('a message goes to each of its members, with the aux that was given', () => {
  const { transport, send } = make();
  send(PREPARE);
  assert.equal(
    transport.take().map(({ to, kind, slot, aux, bulk }) => [to, kind, slot, aux, bulk]),
    [0, 2].map((to) => [to, 'PREPARE', 4, 77, false]),
  );
});

test('what waits for a sequence that is not durable is refused (D1)', () => {
  const { transport, send } = make();
  send(PREPARE, { [A_SEQUENCE]: DURABLE });
  assert.is(transport.take().length, 2);
  assert.throws(() => send(PREPARE, { [A_SEQUENCE]: DURABLE + 1 }), /D1/);
  assert.equal(transport.take(), []);
});

test('a value is read from the record of its slot, and travels in bulk', () => {
  const { transport, send } = make();
  send(ACCEPT, { [A_VALUE_LENGTH]: VALUE.length, [A_VALUE_CRC]: CRC });
  for (const { value, bulk } of transport.take()) assert.equal([value, bulk], ['the value', true]);
});

test('a value that gave way to another one is not sent', () => {
  const { transport, send } = make();
  send(VOTE_VALUE, { [A_VALUE_LENGTH]: VALUE.length, [A_VALUE_CRC]: CRC ^ 1 });
  send(VOTE_VALUE, { [A_VALUE_LENGTH]: VALUE.length - 1, [A_VALUE_CRC]: CRC });
  assert.equal(transport.take(), []);
});

test('a chosen value below the window is known by its record alone', () => {
  const { transport, send } = make();
  send(LEARNED, { [A_VALUE_LENGTH]: -1 });
  assert.equal(
    transport.take().map(({ value }) => value),
    ['the value', 'the value'],
  );
});

test('a no-op has no record and no bytes; a value without record is an error', () => {
  const { transport, send } = make();
  send(ACCEPT, { [A_SLOT]: 5 });
  assert.equal(
    transport.take().map(({ slot, value }) => [slot, value]),
    [
      [5, ''],
      [5, ''],
    ],
  );
  assert.throws(() => send(ACCEPT, { [A_SLOT]: 5, [A_VALUE_LENGTH]: 8 }), /recorded/);
});

test('heartbeats carry how far this replica applied', () => {
  const { transport, send } = make();
  send(HEARTBEAT);
  assert.equal(
    transport.take().map(({ slot }) => slot),
    [9, 9],
  );
});

test('members without room are passed over and counted', () => {
  const { transport, sender, send } = make();
  transport.full.add(0);
  send(PREPARE);
  assert.equal(
    transport.take().map(({ to }) => to),
    [2],
  );
  assert.is(sender.unsent, 1);
});

test.run();
