import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Row } from '../../../bench/row.ts';
import { sweepTable } from '../../../bench/sweep-table.ts';

const test = suite('bench sweep table');

const row = (shards: number, opsPerSecond: number, more: object = {}): Row => ({
  name: 'bench',
  ok: true,
  suite: 'shards',
  case: `shards-${shards}`,
  shards,
  opsPerSecond,
  latencyUs: { p50: 10, p99: 20, p999: 30, max: 40 },
  leaders: '1/1/0',
  ...more,
});

test('one line per shard count, and the best is named', () => {
  const lines = sweepTable([row(1, 1000), row(2, 3000), row(4, 2000)]);
  assert.is(lines.length, 5);
  assert.match(lines[2], /2 +3,000 +10 +20 +1\/1\/0/);
  assert.match(lines[4], /--shards 2, 3,000/);
});

test('a disturbed run is not the best while others exist', () => {
  assert.match(sweepTable([row(1, 1000), row(2, 3000, { disturbed: true })])[3], /--shards 1,/);
  assert.match(sweepTable([row(2, 3000, { disturbed: true })])[2], /--shards 2,/);
});

test('rows of other suites and failed ones are left out', () => {
  assert.equal(sweepTable([row(1, 1, { suite: 'engine' }), row(2, 1, { ok: false })]), []);
});

test.run();
