/** Reasons: codes are the wire's and never collide. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { REASONS, type Reason, reasonOf } from '../../../src/transport/reason.ts';

const test = suite('transport/reason');

test('every reason has a code of its own that fits a word of the hello and of the status block', () => {
  const codes = Object.values(REASONS).map(({ code }) => code);
  assert.is(new Set(codes).size, codes.length);
  assert.ok(codes.every((code) => code > 0 && code < 2 ** 15));
});

test('a reason survives the way over the wire', () => {
  for (const reason of Object.keys(REASONS) as Reason[]) assert.is(reasonOf(REASONS[reason].code), reason);
});

test('a code of a later version is taken for a closed connection', () => {
  assert.is(reasonOf(9999), 'closed');
});

test.run();
