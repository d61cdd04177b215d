/** A failing run is made smaller only while it fails in the same way. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FaultMix } from './faults.ts';
import { kindOf, replayLine, shrink } from './shrink.ts';
import type { SimOptions } from './simulator.ts';

const OPTIONS: SimOptions = { seed: 7, ticks: 5000, replicas: 5, clients: 3, groups: 3, swarm: false };

/** A bug that needs loss and crashes, and time. */
function buggy({ faults, ticks }: SimOptions): { violation: string } {
  const { loss, crash } = faults as FaultMix;
  return { violation: loss > 0 && crash > 0 && ticks >= 100 ? `tick ${ticks}: member 3 lost slot ${ticks}` : '' };
}

const test = suite('sim shrink');

test('only what the failure needs is left', () => {
  const least = shrink(OPTIONS, { violation: 'tick 4000: member 1 lost slot 12', ticks: 4000 }, buggy);
  assert.equal(Object.keys(least.faults).sort(), ['crash', 'loss']);
  const { ticks, replicas, clients, groups } = least.options;
  assert.equal({ ticks, replicas, clients, groups }, { ticks: 125, replicas: 3, clients: 1, groups: 1 });
  assert.is(least.violation, 'tick 125: member 3 lost slot 125');
});

test('a run that fails in another way does not count', () => {
  const other = (options: SimOptions): { violation: string } =>
    options.ticks > 1000 ? { violation: 'tick 9: a stale read' } : { violation: '' };
  const least = shrink(OPTIONS, { violation: 'tick 4000: member 1 lost slot 12', ticks: 4000 }, other);
  assert.equal([least.options.ticks, least.options.replicas], [4000, 5]);
  assert.is(kindOf('tick 4: member 1 lost slot 12\n at x'), kindOf('tick 99: member 2 lost slot 7'));
});

test('the replay line says everything that the run depends on', () => {
  const line = replayLine({ options: OPTIONS, faults: { loss: 0.5 } }, 'abc');
  assert.is(
    line,
    `npm run sim -- --seed 7 --ticks 5000 --replicas 5 --clients 3 --groups 3 --mix '{"loss":0.5}'   # commit abc`,
  );
});

test.run();
