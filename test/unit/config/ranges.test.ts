/** Ranges take what they say and nothing else, as values and as texts. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as ranges from '../../../src/config/ranges.ts';

const test = suite('config/ranges');

/** What a text becomes: as from a flag. */
const fromText = (range: ranges.Range, text: string): unknown => range.read(range.parse?.(text));

function takes(range: ranges.Range, values: readonly unknown[], refused: readonly unknown[]): void {
  for (const value of values) assert.is(range.read(value), value);
  for (const value of refused) assert.is(range.read(value), undefined, String(value));
}

test('whole numbers', () => {
  const range = ranges.integer(1, 9);
  takes(range, [1, 9], [0, 10, 1.5, '5', Number.NaN, Number.POSITIVE_INFINITY, null, [5], 5n]);
  assert.is(fromText(range, '7'), 7);
  for (const text of ['', ' 7', '7 ', '+7', '-7', '7.0', '0x7', '1e0', '99999999999999999999']) {
    assert.is(fromText(range, text), undefined, text);
  }
});

test('odd numbers, powers of two, multiples', () => {
  takes(ranges.odd(1, 15), [1, 15], [2, 17, -1]);
  takes(ranges.powerOfTwo(4, 64), [4, 64], [2, 48, 128, 0]);
  takes(ranges.multiple(16, 32, 64), [32, 48, 64], [16, 33, 80]);
  assert.is(fromText(ranges.odd(1, 15), '3'), 3);
});

test('words, and words beside another range', () => {
  takes(ranges.oneOf('auto', 'fs'), ['auto', 'fs'], ['', 'AUTO', 1, undefined]);
  const range = ranges.wordOr(['per-group'], ranges.integer(1, 4));
  takes(range, ['per-group', 4], ['all', 5, '4']);
  assert.is(fromText(range, '4'), 4);
  assert.is(fromText(range, 'per-group'), 'per-group');
  assert.is(range.allowed, "a whole number, 1 to 4, or 'per-group'");
});

test('texts are not empty and hold no zero byte; a URL is its address', () => {
  takes(ranges.text('a path'), ['./data'], ['', 'a\0b', 5, null]);
  assert.is(ranges.textOrUrl('a module').read(new URL('file:///m.js')), 'file:///m.js');
  assert.is(ranges.text('a path').read(new URL('file:///m.js')), undefined);
});

test('yes or no has words of its own as a text only', () => {
  const range = ranges.yesOrNo();
  takes(range, [true, false], ['true', 1, null]);
  for (const [text, value] of [
    ['true', true],
    ['1', true],
    ['no', false],
    ['', undefined],
    ['toString', undefined],
  ]) {
    assert.is(fromText(range, text as string), value);
  }
});

test('an object with methods is taken as it is; no text can say it', () => {
  const range = ranges.withMethods('info', 'warn');
  const logger = { info() {}, warn() {} };
  takes(range, [logger], [{ info() {} }, null, 'pino']);
  assert.is(range.parse, undefined);
  assert.is(range.allowed, 'an object with info and warn');
});

test('what is shown of a value is short', () => {
  assert.is(ranges.show(undefined), 'nothing');
  assert.is(ranges.show({ key: 'secret' }), '[object Object]');
  assert.is(ranges.show('text'), '"text"');
  assert.is(ranges.show(5n).length > 0, true);
  assert.ok(ranges.show('x'.repeat(5000)).length < 210);
});

test.run();
