/** Whole runs of a core with a mistake in it: each judge of the simulator finds what it is there for. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Election } from '../../src/paxos/election.ts';
import { Replica } from '../../src/paxos/replica.ts';
import { PersistLedger } from '../../src/runtime/persist-ledger.ts';
import { FRESH, SessionTable } from '../../src/runtime/session-table.ts';
import { type FaultMix, MODERATE_FAULTS, NO_FAULTS } from './faults.ts';
import { Simulator } from './simulator.ts';

const SEEDS = 20;
const TICKS = 1500;

const test = suite('sim sabotage');

/** Puts a mistake in place of a property for as long as `run` takes. */
function withMistake(target: object, name: string, mistake: PropertyDescriptor, run: () => void): void {
  const sound = Object.getOwnPropertyDescriptor(target, name) as PropertyDescriptor;
  Object.defineProperty(target, name, { ...mistake, configurable: true });
  try {
    run();
  } finally {
    Object.defineProperty(target, name, sound);
  }
}

/** Some seed must end in a violation that reads like this, and none in a silent one. */
function expectFound(faults: Partial<FaultMix>, pattern: RegExp): void {
  const found: string[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const mix = { ...NO_FAULTS, ...faults };
    const { violation } = new Simulator({
      seed,
      ticks: TICKS,
      replicas: 3,
      clients: 3,
      swarm: false,
      faults: mix,
    }).run();
    if (pattern.test(violation)) return;
    found.push(violation.slice(0, 80));
  }
  assert.unreachable(`not found: ${[...new Set(found)].join(' | ')}`);
}

test('exactly once: a session table that takes every command for a fresh one', () => {
  withMistake(SessionTable.prototype, 'judge', { value: () => FRESH }, () =>
    expectFound({ ...MODERATE_FAULTS, resend: 0.05 }, /number \d+ applied, \d+ was next|place/),
  );
});

test('linearizability: a leader that confirms its own reads', () => {
  withMistake(Replica.prototype, 'confirmedRound', { get: () => Number.POSITIVE_INFINITY }, () =>
    expectFound(
      {
        leaseTicks: 0,
        pause: 0.004,
        pauseTicks: 150,
        drift: 0.5,
        partition: 0.01,
        partitionTicks: 100,
        misroute: 0.3,
        holdTicks: 30,
      },
      /stale read|is not linearizable|the order says/,
    ),
  );
});

test('durability: a ledger that takes what was appended for durable', () => {
  withMistake(
    PersistLedger.prototype,
    'advance',
    {
      value: function (this: PersistLedger, position: number): boolean {
        return lie.call(this, Math.max(position, Number.MAX_SAFE_INTEGER));
      },
    },
    () =>
      expectFound(
        { crash: 0.02, restartTicks: 20, slowDisk: 0.5, slowDiskTicks: 20 },
        /that is not durable|promise is not durable/,
      ),
  );
});
const lie = PersistLedger.prototype.advance;

test('progress: nobody ever campaigns', () => {
  withMistake(Election.prototype, 'onTick', { value: () => {} }, () => expectFound({}, /no progress/));
});

test.run();
