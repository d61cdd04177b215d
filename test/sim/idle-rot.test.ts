/** The newest record of an idle log rots: an idle log has written a floor behind it, so recovery tells rot from a torn write (S11). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FaultMix, NO_FAULTS } from './faults.ts';
import { Simulator } from './simulator.ts';

const SEEDS = 5;
const FAULTS: FaultMix = { ...NO_FAULTS, bitRot: 0.02, idleRot: 1, crash: 0.001 };

const test = suite('sim idle rot');

test('rot in the newest record of an idle log is never taken for a torn write', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = new Simulator({ seed, ticks: 3000, replicas: 3, clients: 1, swarm: false, faults: FAULTS }).run();
    assert.is(result.violation, '', `seed ${seed}`);
    assert.ok(result.counts.bitRot > 0, 'something rotted');
  }
});

test.run();
