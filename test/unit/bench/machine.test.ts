import { availableParallelism } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { disturbanceBetween, FOREIGN_PERCENT_MAX, parseProcStat, STEAL_PERCENT_MAX } from '../../../bench/machine.ts';

const test = suite('bench machine');

test('the first line of /proc/stat tells what processors did', () => {
  const text = 'cpu  10 1 20 300 4 5 6 7 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n';
  assert.equal(parseProcStat(text), { all: 353, busy: 42, steal: 7 });
});

test('other text tells nothing', () => {
  assert.is(parseProcStat(''), null);
  assert.is(parseProcStat('cpu  1 2 3\n'), null);
});

test('a run that lost time to the host is disturbed', () => {
  const before = { all: 0, busy: 0, steal: 0 };
  const limit = disturbanceBetween(before, { all: 100, busy: 20, steal: STEAL_PERCENT_MAX }, 0, 1);
  assert.is(limit.disturbed, false);
  const beyond = disturbanceBetween(before, { all: 100, busy: 20, steal: STEAL_PERCENT_MAX + 1 }, 0, 1);
  assert.is(beyond.disturbed, true);
  assert.is(beyond.stealPercent, STEAL_PERCENT_MAX + 1);
});

test('a run beside busy processes is disturbed', () => {
  const before = { all: 0, busy: 0, steal: 0 };
  assert.is(disturbanceBetween(before, { all: 100, busy: FOREIGN_PERCENT_MAX, steal: 0 }, 0, 1).disturbed, false);
  assert.is(disturbanceBetween(before, { all: 100, busy: FOREIGN_PERCENT_MAX + 1, steal: 0 }, 0, 1).disturbed, true);
});

test('what this process used is not foreign', () => {
  const cores = availableParallelism();
  const ticks = { all: 100, busy: 75, steal: 0 };
  const { foreignCpuPercent } = disturbanceBetween({ all: 0, busy: 0, steal: 0 }, ticks, cores / 4, 1);
  assert.is(foreignCpuPercent, 50);
});

test('without readings nothing is claimed', () => {
  assert.equal(disturbanceBetween(null, null, 2, 1), {
    cpuSeconds: 2,
    stealPercent: null,
    foreignCpuPercent: null,
    disturbed: null,
  });
});

test.run();
