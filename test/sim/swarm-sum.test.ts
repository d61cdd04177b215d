/** A swarm passes only where every run chose something, nothing was violated and every fault class struck. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FaultCounts } from './fault-counts.ts';
import { NO_TIMES } from './speed.ts';
import type { JobReport } from './swarm-job.ts';
import { swarmShape } from './swarm-shape.ts';
import { SwarmSum } from './swarm-sum.ts';

function run(change: Partial<JobReport> = {}, missing = ''): JobReport {
  const counts = new FaultCounts();
  const words = counts as unknown as Record<string, number>;
  for (const name of Object.keys(counts)) words[name] = name === missing || counts.isReport(name) ? 0 : 2;
  const figures = { ticks: 36_000, events: 100, chosen: 5, acknowledged: 7200, elections: 1, judgements: 2 };
  return { seed: 1, violation: '', ...figures, counts, cpuSeconds: 2, times: NO_TIMES, garbageShare: 0.1, ...change };
}

const test = suite('sim swarm sum');

test('a sound swarm passes and says what it did', () => {
  const sum = new SwarmSum();
  sum.add(run());
  sum.add(run());
  assert.equal(sum.failures, []);
  const { runs, virtualHours, commandsPerVirtualSecond, slotsChosen, leastFaults, snapshots } = sum.figures(
    1,
  ) as Record<string, number>;
  assert.equal([runs, virtualHours, commandsPerVirtualSecond, slotsChosen], [2, 0.2, 20, 10]);
  assert.ok((leastFaults as number) > 50);
  assert.is(snapshots, 4);
});

test('a violation, an empty run, a class that never struck and no run at all fail', () => {
  const cases: [JobReport[], RegExp][] = [
    [[run({ violation: 'tick 3: lost' })], /seed 1: tick 3: lost/],
    [[run(), run({ chosen: 0 })], /1 runs chose nothing/],
    [[run({}, 'misdirectedWrite')], /never struck: misdirectedWrite/],
    [[], /no seed ran/],
  ];
  for (const [runs, pattern] of cases) {
    const sum = new SwarmSum();
    for (const one of runs) sum.add(one);
    assert.match(sum.failures.join('\n'), pattern);
  }
});

test('the shapes of a swarm cover sizes, groups, nodes and their combinations', () => {
  const shapes = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const { replicas, groups, nodes } = swarmShape(seed);
    shapes.add(`${replicas} ${groups} ${nodes}`);
  }
  assert.is(shapes.size, 8);
});

test.run();
