/** The digest tells order, contents and length apart. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mixDigest } from '../../../src/machines/audit-digest.ts';

const mix = (...commands: number[][]): number =>
  commands.reduce((digest, words) => mixDigest(digest, Int32Array.from(words), 0, 4 * words.length), 0);

const test = suite('machines/audit-digest');

test('depends on the order of commands', () => assert.is.not(mix([1], [2]), mix([2], [1])));
test('depends on every word', () => assert.is.not(mix([1, 2, 3]), mix([1, 2, 4])));
test('depends on where one command ends', () => assert.is.not(mix([1], [2, 3]), mix([1, 2], [3])));
test('does not depend on what lies around the command', () => {
  assert.is(mixDigest(5, Int32Array.of(9, 1, 2, 9), 1, 8), mixDigest(5, Int32Array.of(1, 2), 0, 8));
});

test.run();
