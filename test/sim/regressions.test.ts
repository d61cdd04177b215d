/** Seeds that once failed, each with its story; where the old mistake can be put back, it must be found again. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Replica } from '../../src/paxos/replica.ts';
import { SessionTable } from '../../src/runtime/session-table.ts';
import { withMistake } from '../support/mistake.ts';
import { Simulator } from './simulator.ts';

interface Mistake {
  in: object;
  of: string;
  as: PropertyDescriptor;
}

interface Regression {
  seed: number;
  ticks: number;
  replicas: number;
  groups?: number;
  nodes?: boolean;
  story: string;
  /** The old mistake: with it the seed, or one of the next, must fail again, in these words. */
  mistake?: Mistake & { found: RegExp; also?: Mistake };
}

const REGRESSIONS: readonly Regression[] = [
  {
    seed: 1064,
    ticks: 1500,
    replicas: 3,
    story:
      'a new leader told a client that its session had expired, because it had not yet applied the slot that opened it',
    mistake: {
      in: Replica.prototype,
      of: 'recoveryEnd',
      as: { get: () => 0 },
      found: /session \d+ was refused with status/,
      // What has kept it from happening since.
      also: { in: SessionTable.prototype, of: 'wasIssued', as: { value: () => true } },
    },
  },
  {
    seed: 2048,
    ticks: 1400,
    replicas: 3,
    story: 'a slot awaited by an earlier leadership lay above everything reported, and was never proposed again',
  },
  {
    seed: 1051,
    ticks: 1500,
    replicas: 3,
    story: 'the same hole, after a transfer of leadership',
  },
  {
    seed: 800013936,
    ticks: 6000,
    replicas: 3,
    nodes: true,
    story:
      'the leader asked the member that was furthest ahead for what it lacked, for ever: that member was gone for good',
  },
  {
    seed: 795928600,
    ticks: 1400,
    replicas: 5,
    groups: 3,
    story: 'a damaged snapshot was set aside, and the log was to be given up to it all the same: the worker stopped',
  },
];

const test = suite('sim regressions');

/** Rates and draws change; so many seeds from the old one on must hold one that finds the old mistake. */
const SEEDS_AROUND = 60;

for (const { seed, ticks, replicas, groups = 1, nodes = false, story, mistake } of REGRESSIONS) {
  test(`seed ${seed}: ${story}`, () => {
    const run = (one: number) =>
      new Simulator({ seed: one, ticks, replicas, groups, nodes, clients: 3, swarm: true }).run();
    const result = run(seed);
    assert.is(result.violation, '');
    assert.ok(result.chosen > 0);
    if (mistake === undefined) return;
    const find = (): void => {
      for (let one = seed; one < seed + SEEDS_AROUND; one++) if (mistake.found.test(run(one).violation)) return;
      assert.unreachable('no seed finds the old mistake');
    };
    const { also } = mistake;
    withMistake(mistake.in, mistake.of, mistake.as, () => {
      if (also === undefined) find();
      else withMistake(also.in, also.of, also.as, find);
    });
  });
}

test.run();
