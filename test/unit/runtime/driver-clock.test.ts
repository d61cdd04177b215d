/** Which messages a clock reading belongs to. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kindName, MESSAGE_KINDS } from '../../../src/paxos/message.ts';
import { isTimed, STILL_CLOCK } from '../../../src/runtime/driver-clock.ts';

const test = suite('runtime/driver-clock');

test('a lease is granted, counted and judged by a clock that was read after the message came (S21)', () => {
  const timed = Array.from({ length: MESSAGE_KINDS }, (_, kind) => kind).filter(isTimed);
  assert.equal(timed.map(kindName).sort(), ['HEARTBEAT', 'HEARTBEAT_REPLY', 'READ_INDEX']);
});

test('without a clock time stands still', () => {
  STILL_CLOCK.read();
  assert.is(STILL_CLOCK.ms[0], 0);
});

test.run();
