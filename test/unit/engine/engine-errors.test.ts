/** What a handle refuses calls with. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closed, tooLarge, unknown } from '../../../src/engine/engine-errors.ts';

const test = suite('engine/engine-errors');

test('each has its code and says what to do', () => {
  assert.equal(
    [closed(), tooLarge(9, 8), unknown('session')].map(({ code }) => code),
    ['ERR_SYNOD_CLOSED', 'ERR_SYNOD_PAYLOAD_TOO_LARGE', 'ERR_SYNOD_OUTCOME_UNKNOWN'],
  );
  assert.match(tooLarge(9, 8).message, /9 bytes .*\(8\)/);
  assert.match(unknown('session').message, /session .* may or may not/);
});

test.run();
