/** Reads under what leases fear most: stopped processes, clocks that drift, partitions, hand-overs, restarts. What each mistake
 * with a lease would cost is shown by property/lease: here an election timeout hides most of them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FaultCounts } from './fault-counts.ts';
import { type FaultMix, NO_FAULTS } from './faults.ts';
import { runArguments } from './shrink.ts';
import { type SimOptions, Simulator } from './simulator.ts';

const SEEDS = 8;

const HARD: FaultMix = {
  ...NO_FAULTS,
  pause: 0.004,
  pauseTicks: 120,
  drift: 0.3,
  partition: 0.008,
  partitionTicks: 80,
  crash: 0.003,
  restartTicks: 8,
  transfer: 0.004,
  suspicion: 0.01,
  clockJump: 0.004,
  clockJumpTicks: 60,
  delayTicksMax: 2,
  loss: 0.02,
  resend: 0.004,
  hold: 0.01,
  holdTicks: 30,
};

const optionsOf = (seed: number): SimOptions => ({
  seed,
  ticks: 2500,
  replicas: seed % 4 === 0 ? 5 : 3,
  clients: 6,
  nodes: seed % 3 > 0,
  swarm: false,
  faults: HARD,
});

const test = suite('sim lease');

test('no read is stale, whatever the consistency promises', () => {
  const total = new FaultCounts();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const options = optionsOf(seed);
    const { violation, counts } = new Simulator(options).run();
    assert.is(violation, '', `npm run sim -- ${runArguments(options).join(' ')}`);
    total.add(counts);
  }
  for (const name of ['leaseRead', 'sessionRead', 'staleRead', 'pause', 'transfer', 'crash'] as const)
    assert.ok(total[name] > 20, `${name}: ${total[name]}`);
});

test.run();
