import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Histogram } from '../../../src/base/histogram.ts';
import {
  type DemoResult,
  gitCommit,
  latencyOf,
  liveLine,
  micros,
  round,
  summaryTable,
  toJsonLine,
} from '../../../src/cli/demo-report.ts';

const RESULT: DemoResult = {
  name: 'start',
  ok: true,
  gitCommit: null,
  nodeVersion: 'v20.0.0',
  cpus: 2,
  native: true,
  replicas: 3,
  shards: 4,
  workers: 1,
  payloadBytes: 64,
  keys: 100_000,
  machine: 'audit',
  transport: 'memory',
  durability: 'auto',
  device: 'direct',
  durable: true,
  inFlight: 16_384,
  seconds: 10.01234,
  seed: 9_007_199_254_740_991,
  issued: 5_000_001,
  acknowledged: 5_000_000,
  unknown: 1,
  lost: 0,
  duplicated: 0,
  digestsEqual: true,
  opsPerSecond: 500_123.4,
  latencyUs: { p50: 812.3456, p99: 2000.4, p999: 9000, max: 500_000 },
  failoverMs: 420.123,
  otherShardsMaxGapMs: null,
  allocatedBytesPerCommand: { coordinator: 0.123456, worker: null },
  diskBytesPerCommand: 270.5,
  rssMb: 700.4,
};

const test = suite('demo report');

test('the JSON line has exactly the keys of the contract, in order', () => {
  const keys =
    'name ok gitCommit nodeVersion cpus native replicas shards workers payloadBytes keys machine transport durability ' +
    'device durable inFlight seconds seed issued acknowledged unknown lost duplicated digestsEqual opsPerSecond ' +
    'latencyUs failoverMs otherShardsMaxGapMs allocatedBytesPerCommand diskBytesPerCommand rssMb';
  const line = toJsonLine(RESULT);
  assert.is(line.includes('\n'), false);
  const parsed = JSON.parse(line);
  assert.is(Object.keys(parsed).join(' '), keys);
  assert.is(Object.keys(parsed.latencyUs).join(' '), 'p50 p99 p999 max');
  assert.is(Object.keys(parsed.allocatedBytesPerCommand).join(' '), 'coordinator worker');
});

test('counts are exact, measures have four digits', () => {
  const parsed = JSON.parse(toJsonLine(RESULT));
  assert.equal([parsed.issued, parsed.seed], [RESULT.issued, RESULT.seed]);
  assert.equal([parsed.seconds, parsed.latencyUs.p50, parsed.opsPerSecond], [10.01, 812.3, 500_123]);
  assert.equal([round(0.0123456), round(999), round(-1234.4)], [0.01235, 999, -1234]);
});

test('the live line shows rate, quantiles and who leads', () => {
  const line = liveLine({ second: 3, opsPerSecond: 512_000, p50Us: 850, p99Us: 12_300, leaders: [0, 1, undefined, 0] });
  assert.is(line, '   3 s     512,000 ops/s  p50 850 us  p99 12.3 ms  leaders 0 1 - 0');
});

test('many leaders are counted, not listed', () => {
  const leaders = Array.from({ length: 20 }, (_, shard) => (shard === 0 ? undefined : 1));
  assert.match(liveLine({ second: 3, opsPerSecond: 1, p50Us: 1, p99Us: 1, leaders }), /leaders 19 of 20$/);
});

test('the summary says plainly when nothing is durable or something failed', () => {
  assert.match(summaryTable(RESULT), /direct, durable/);
  assert.match(summaryTable(RESULT), /verdict +ok/);
  const bad = summaryTable({ ...RESULT, ok: false, durable: false, digestsEqual: false, failoverMs: null });
  assert.match(bad, /NOT durable/);
  assert.match(bad, /verdict +FAILED/);
  assert.match(bad, /replicas agree +NO/);
  assert.match(bad, /fail-over +none tried/);
});

test('times are shown in a unit that fits', () => {
  assert.equal([micros(7), micros(1500), micros(2_500_000)], ['7 us', '1.5 ms', '2.50 s']);
});

test('quantiles come from the histogram', () => {
  const histogram = new Histogram();
  for (let us = 1; us <= 1000; us++) histogram.record(us);
  const { p50, p99, p999, max } = latencyOf(histogram);
  assert.ok(Math.abs(p50 - 500) < 10 && Math.abs(p99 - 990) < 20 && p999 > 980);
  assert.is(max, 1000);
});

test('the commit is a hash or unknown', () => {
  const commit = gitCommit();
  assert.ok(commit === null || /^[0-9a-f]{40}$/.test(commit));
});

test.run();
