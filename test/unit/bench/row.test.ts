import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULTS } from '../../../bench/flags.ts';
import type { Disturbance, Machine } from '../../../bench/machine.ts';
import { failedRow, makeRow, round, toJson, toText } from '../../../bench/row.ts';

const test = suite('bench row');

const MACHINE: Machine = { gitCommit: 'abc', gitDirty: false, nodeVersion: 'v20', cpuModel: 'x', cpus: 2, memoryMb: 1 };
const CALM: Disturbance = { cpuSeconds: 1, stealPercent: 0, foreignCpuPercent: 0, disturbed: false };

/** The keys of `npm start --json`. */
const START_KEYS =
  `name ok gitCommit nodeVersion cpus native replicas shards workers payloadBytes keys machine transport
  durability device durable inFlight seconds seed issued acknowledged unknown lost duplicated digestsEqual opsPerSecond
  latencyUs failoverMs otherShardsMaxGapMs allocatedBytesPerCommand diskBytesPerCommand rssMb`.split(/\s+/);

const make = (figures: object, disturbance = CALM) =>
  makeRow({ suite: 'ring', name: 'a', settings: DEFAULTS, machine: MACHINE, disturbance, figures: { ...figures } });

test('every line has the keys of npm start, null where they do not apply', () => {
  const row = JSON.parse(toJson(make({ opsPerSecond: 5 }))) as Record<string, unknown>;
  for (const key of [...START_KEYS, 'suite', 'case']) assert.ok(key in row, key);
  assert.is(row['failoverMs'], null);
  assert.is(row['opsPerSecond'], 5);
  assert.is(row['suite'], 'ring');
  assert.is(row['seed'], DEFAULTS.seed);
});

test('a line shows the figures of its case', () => {
  const text = toText(
    make({
      operation: 'records',
      opsPerSecond: 1_234_567,
      nsPerRecord: 81.23,
      latencyUs: { p50: 1, p99: 2, p999: 3, max: 4 },
      allocatedBytesPerCommand: { coordinator: 0.25, worker: null },
    }),
  );
  for (const part of ['ring/a', '1,234,567 records/s', 'p99 2', 'B/op 0.2500', 'nsPerRecord 81.23']) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
  assert.not.match(text, /DISTURBED/);
});

test('a disturbed run is marked', () => {
  assert.match(toText(make({}, { ...CALM, stealPercent: 9, disturbed: true })), /DISTURBED: steal 9 %, foreign 0 %/);
});

test('a failed case looks like one', () => {
  const row = failedRow('log', 'b', MACHINE, new Error('disk gone'));
  assert.is(row.ok, false);
  assert.match(toText(row), /log\/b +FAILED: disk gone/);
});

test('figures keep four digits, counts all', () => {
  assert.is(round(123_456_789), 123_456_789);
  assert.is(round(1.23456), 1.235);
});

test.run();
