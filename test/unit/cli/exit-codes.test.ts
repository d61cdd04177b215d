/** Each kind of failure has its exit code, and is told in one line or as JSON. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ERROR_CODES, type ErrorCode, SynodError } from '../../../src/base/errors.ts';
import { describeError, EXIT_CODES, exitCodeOf } from '../../../src/cli/exit-codes.ts';
import { FlagError } from '../../../src/cli/flags.ts';

const test = suite('cli/exit-codes');

const codeOf = (code: ErrorCode): number => exitCodeOf(new SynodError(code, ''));

test('what the user said wrong, what may be tried again, what is unknown and the rest are told apart', () => {
  assert.is(exitCodeOf(new FlagError('--x', 'unknown')), 2);
  assert.is(codeOf('ERR_SYNOD_CONFIG'), 2);
  assert.is(codeOf('ERR_SYNOD_NO_LEADER'), 3);
  assert.is(codeOf('ERR_SYNOD_TIMEOUT'), 3);
  assert.is(codeOf('ERR_SYNOD_OUTCOME_UNKNOWN'), 4);
  assert.is(codeOf('ERR_SYNOD_MACHINE_FAILED'), 1);
  assert.is(exitCodeOf(new Error('bug')), 1);
});

test('every exit code has a meaning', () => {
  for (const code of Object.keys(ERROR_CODES))
    assert.ok(exitCodeOf(new SynodError(code as ErrorCode, '')) in EXIT_CODES);
});

test('errors are one line for people and one object for programs', () => {
  const error = new SynodError('ERR_SYNOD_NO_LEADER', 'Try again.');
  assert.is(describeError(error, false), 'synod: ERR_SYNOD_NO_LEADER: Try again.');
  assert.equal(JSON.parse(describeError(error, true)), {
    error: { code: 'ERR_SYNOD_NO_LEADER', message: 'Try again.', retryable: true },
  });
  assert.is(describeError(new FlagError('--x', 'unknown flag'), false), 'synod: --x: unknown flag');
  assert.is(JSON.parse(describeError(new FlagError('--x', 'unknown flag'), true)).error.code, 'ERR_SYNOD_CONFIG');
  assert.match(describeError(new Error('bug'), false), /bug[\s\S]*at /);
});

test.run();
