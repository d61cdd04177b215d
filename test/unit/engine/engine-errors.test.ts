/** What a handle refuses calls with. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { closed, publishedBefore, tooLarge, unknown } from '../../../src/engine/engine-errors.ts';

const test = suite('engine/engine-errors');

test('each has its code and says what to do', () => {
  assert.equal(
    [closed(), tooLarge(9, 8), unknown('session')].map(({ code }) => code),
    ['ERR_SYNOD_CLOSED', 'ERR_SYNOD_PAYLOAD_TOO_LARGE', 'ERR_SYNOD_OUTCOME_UNKNOWN'],
  );
  assert.match(tooLarge(9, 8).message, /9 bytes .*\(8\)/);
  assert.match(unknown('session').message, /session .* may or may not/);
});

test('what was published before a failure is never said to be good to try again', () => {
  const log = new SynodError('ERR_SYNOD_LOG_FAILED', 'The log of shard 3 failed.');
  const told = publishedBefore(log);
  assert.equal([told.code, told.retryable, told.cause], ['ERR_SYNOD_OUTCOME_UNKNOWN', false, log]);
  assert.match(told.message, /may or may not take effect.*shard 3/);
  const machine = new SynodError('ERR_SYNOD_MACHINE_FAILED', 'It threw.');
  assert.is(publishedBefore(machine), machine);
});

test.run();
