/** Whole runs of a core with a mistake in it: each judge of the simulator finds what it is there for. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Election } from '../../src/paxos/election.ts';
import { Replica } from '../../src/paxos/replica.ts';
import { PersistLedger } from '../../src/runtime/persist-ledger.ts';
import { FRESH, SessionTable } from '../../src/runtime/session-table.ts';
import { withMistake } from '../support/mistake.ts';
import { type FaultMix, MODERATE_FAULTS, NO_FAULTS } from './faults.ts';
import { SimDisk } from './sim-disk.ts';
import { SimMachine } from './sim-machine.ts';
import { SimMember } from './sim-member.ts';
import { Simulator } from './simulator.ts';

const SEEDS = 20;
const TICKS = 1500;

const test = suite('sim sabotage');

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

test('persistence: a medium that loses its last write with the power, and had called it durable', () => {
  const { write } = SimDisk.prototype;
  const { crash } = SimMember.prototype;
  const lastWrites = new Map<SimDisk, { position: number; size: number }>();
  const watched = function (this: SimDisk, ...args: Parameters<typeof write>): void {
    lastWrites.set(this, { position: args[0], size: args[1].length });
    write.apply(this, args);
  };
  const forgetful = function (this: SimMember, ...args: Parameters<typeof crash>): void {
    crash.apply(this, args);
    const last = lastWrites.get(this.disk);
    if (last !== undefined) write.call(this.disk, last.position, new Uint8Array(last.size));
  };
  withMistake(SimDisk.prototype, 'write', { value: watched }, () =>
    withMistake(SimMember.prototype, 'crash', { value: forgetful }, () =>
      expectFound({ crash: 0.01, restartTicks: 10 }, /forgot its (vote|promise)/),
    ),
  );
});

test('agreement: a machine whose replies depend on more than its commands', () => {
  const apply = SimMachine.prototype.apply;
  let applies = 0;
  const moody = function (this: SimMachine, ...args: Parameters<typeof apply>): void {
    apply.apply(this, args);
    applies += 1;
    if (applies % 100 === 0) args[1].length -= 4;
  };
  withMistake(SimMachine.prototype, 'apply', { value: moody }, () => expectFound({}, /another state|deviating/));
});

test('progress: nobody ever campaigns', () => {
  withMistake(Election.prototype, 'onTick', { value: () => {} }, () => expectFound({}, /no progress/));
});

test.run();
