import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ERROR_CODES, type ErrorCode, SynodError } from '../../../src/base/errors.ts';

const test = suite('base/errors');

test('an error has name, code, message, cause and the retryable flag of its code', () => {
  const cause = new Error('EIO');
  const error = new SynodError('ERR_SYNOD_LOG_FAILED', 'restart the replica', { cause });
  assert.instance(error, Error);
  assert.is(error.name, 'SynodError');
  assert.is(error.code, 'ERR_SYNOD_LOG_FAILED');
  assert.is(error.message, 'restart the replica');
  assert.is(error.cause, cause);
  assert.is(error.retryable, true);
  assert.is(new SynodError('ERR_SYNOD_CLOSED', '').retryable, false);
});

test('every code has the prefix and says whether trying again can help', () => {
  for (const [code, { retryable }] of Object.entries(ERROR_CODES)) {
    assert.match(code, /^ERR_SYNOD_[A-Z_]+$/);
    assert.type(retryable, 'boolean');
    assert.is(new SynodError(code as ErrorCode, '').retryable, retryable);
  }
});

test('an unknown outcome is never retryable: the command may have taken effect', () => {
  assert.is(ERROR_CODES.ERR_SYNOD_OUTCOME_UNKNOWN.retryable, false);
  assert.is(ERROR_CODES.ERR_SYNOD_SESSION_EXPIRED.retryable, false);
});

test.run();
