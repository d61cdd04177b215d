import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { median, medianLines, withoutRepeat } from '../../../bench/repeat.ts';
import type { Row } from '../../../bench/row.ts';

const test = suite('bench repeat');

const row = (name: string, opsPerSecond: number, disturbed = false): Row => ({
  name: 'bench',
  ok: true,
  suite: 'ring',
  case: name,
  opsPerSecond,
  disturbed,
});

test('a child does not repeat', () => {
  assert.equal(withoutRepeat(['ring', '--repeat', '5', '--json']), ['ring', '--json']);
  assert.equal(withoutRepeat(['--repeat=5', 'ring']), ['ring']);
});

test('the median of an even number of values lies between the middle ones', () => {
  assert.is(median([1, 2, 10]), 2);
  assert.is(median([1, 2, 4, 10]), 3);
});

test('each case gets one line with median and range', () => {
  const lines = medianLines([row('a', 300), row('b', 7), row('a', 100), row('a', 200)]);
  assert.is(lines.length, 2);
  assert.match(lines[0], /ring\/a +200\/s +\(100 to 300, 3 runs\)/);
});

test('disturbed runs are left out while others exist', () => {
  assert.match(medianLines([row('a', 100), row('a', 1, true)])[0], /100\/s.*1 runs, 1 disturbed left out/);
  assert.match(medianLines([row('a', 5, true)])[0], /5\/s.*1 runs\)/);
});

test('failed cases have no median', () => {
  assert.equal(medianLines([{ ...row('a', 1), ok: false }]), []);
});

test.run();
