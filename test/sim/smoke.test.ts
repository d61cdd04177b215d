/** A few seeds in every test run; the swarm does the bulk. A run that chose nothing proves nothing. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FaultCounts } from './fault-counts.ts';
import { runArguments } from './shrink.ts';
import { Simulator } from './simulator.ts';
import { swarmShape } from './swarm-shape.ts';
import { Trace } from './trace.ts';

const SEEDS = 36;
const TICKS = 2500;

const test = suite('sim smoke');

test('whole clusters survive the faults of so many seeds, and every fault class struck', () => {
  const total = new FaultCounts();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const options = { seed, ticks: TICKS, ...swarmShape(seed), swarm: true };
    const result = new Simulator(options).run();
    assert.is(result.violation, '', `npm run sim -- ${runArguments(options).join(' ')}`);
    assert.ok(result.chosen > 0, `seed ${seed} chose nothing`);
    total.add(result.counts);
  }
  for (const [name, count] of Object.entries(total))
    assert.ok(count > 0 || total.isReport(name), `${name} never struck`);
});

test('the same seed gives the same run', () => {
  const run = (): string =>
    JSON.stringify(new Simulator({ seed: 77, ticks: 2000, replicas: 3, clients: 3, swarm: true }).run());
  assert.is(run(), run());
});

test('the full trace of a seed is the same to the byte, nodes or not', () => {
  const trace = (nodes: boolean): string => {
    const lines: string[] = [];
    const options = { seed: 78, ticks: 1000, replicas: 3, clients: 3, groups: 2, nodes, swarm: true };
    new Simulator(options, new Trace((line) => lines.push(line))).run();
    return lines.join('\n');
  };
  for (const nodes of [false, true]) {
    const first = trace(nodes);
    assert.ok(first.includes('ACCEPTED') && first.length > 10_000, 'frames are lines');
    assert.ok(first === trace(nodes), 'two runs differ');
  }
});

test.run();
