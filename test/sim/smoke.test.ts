/** A few seeds in every test run; the swarm does the bulk. A run that chose nothing proves nothing. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FaultCounts } from './fault-counts.ts';
import { Simulator } from './simulator.ts';

const SEEDS = 36;
const TICKS = 2500;

const test = suite('sim smoke');

test('whole clusters survive the faults of so many seeds, and every fault class struck', () => {
  const total = new FaultCounts();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const replicas = seed % 5 < 2 ? 5 : 3;
    const groups = seed % 4 === 0 ? 3 : 1;
    const result = new Simulator({ seed, ticks: TICKS, replicas, clients: 3, groups, swarm: true }).run();
    const replay = `--seed ${seed} --ticks ${TICKS} --replicas ${replicas} --groups ${groups} --swarm`;
    assert.is(result.violation, '', `npm run sim -- ${replay}`);
    assert.ok(result.chosen > 0, `seed ${seed} chose nothing`);
    total.add(result.counts);
  }
  for (const [name, count] of Object.entries(total)) assert.ok(count > 0, `${name} never struck`);
});

test('the same seed gives the same run', () => {
  const run = (): string =>
    JSON.stringify(new Simulator({ seed: 77, ticks: 2000, replicas: 3, clients: 3, swarm: true }).run());
  assert.is(run(), run());
});

test.run();
