import { suite } from 'uvu';
import * as check from 'uvu/assert';
import { assert, CONTRACTS, ensures, maybe, requires, unreachable } from '../../../src/base/assert.ts';
import { SynodError } from '../../../src/base/errors.ts';

const test = suite('base/assert');

function caught(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('a broken condition throws the typed error with its message', () => {
  const actions = [
    () => assert(false, 'no'),
    () => requires(false, 'no'),
    () => ensures(false, 'no'),
    () => unreachable('no'),
  ];
  for (const action of actions) {
    const error = caught(action);
    check.instance(error, SynodError);
    check.is((error as SynodError).code, 'ERR_SYNOD_INVARIANT');
    check.is((error as SynodError).message, 'no');
    check.not((error as SynodError).retryable);
  }
});

test('a condition that holds passes', () => {
  assert(true, 'no');
  requires(true, 'no');
  ensures(true, 'no');
  maybe(true);
  maybe(false);
});

test('contracts are on in tests', () => {
  check.ok(CONTRACTS);
});

test.run();
