/** Seeds that once failed, each with its story. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Simulator } from './simulator.ts';

interface Regression {
  seed: number;
  ticks: number;
  replicas: number;
  story: string;
}

const REGRESSIONS: readonly Regression[] = [
  {
    seed: 1005,
    ticks: 900,
    replicas: 5,
    story:
      'a new leader told a client that its session had expired, because it had not yet applied the slot that opened it',
  },
  {
    seed: 1049,
    ticks: 600,
    replicas: 3,
    story: 'a slot awaited by an earlier leadership lay above everything reported, and was never proposed again',
  },
  {
    seed: 1051,
    ticks: 1500,
    replicas: 3,
    story: 'the same hole, after a transfer of leadership',
  },
];

const test = suite('sim regressions');

for (const { seed, ticks, replicas, story } of REGRESSIONS) {
  test(`seed ${seed}: ${story}`, () => {
    const result = new Simulator({ seed, ticks, replicas, clients: 3, swarm: true }).run();
    assert.is(result.violation, '');
    assert.ok(result.chosen > 0);
  });
}

test.run();
