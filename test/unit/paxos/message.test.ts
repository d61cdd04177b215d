/** The vocabulary. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ACCEPT,
  FORWARD,
  hasValue,
  kindName,
  LEARNED,
  MESSAGE_KINDS,
  PREPARE,
  SNAPSHOT_PART,
  TRANSFER,
  VOTE_VALUE,
} from '../../../src/paxos/message.ts';

const test = suite('paxos/message');

test('exactly five kinds carry bytes', () => {
  const carriers = Array.from({ length: MESSAGE_KINDS }, (_, kind) => kind).filter(hasValue);
  assert.equal(carriers, [ACCEPT, LEARNED, VOTE_VALUE, SNAPSHOT_PART, FORWARD]);
});

test('every kind has a name of its own', () => {
  const names = Array.from({ length: MESSAGE_KINDS }, (_, kind) => kindName(kind));
  assert.is(new Set(names).size, MESSAGE_KINDS);
  assert.equal([kindName(PREPARE), kindName(TRANSFER), kindName(99)], ['PREPARE', 'TRANSFER', 'UNKNOWN']);
});

test.run();
