/**
 * A member's clock: monotonic, at a rate of its own, going on while the member is paused or down. What the member knows of it is its last
 * reading; a process that was stopped goes on with the reading of before (S21). Its ticks are another matter: they jump and stand still.
 */
import type { LeaseTerms } from '../../src/paxos/lease.ts';
import type { DriverClock } from '../../src/runtime/driver-clock.ts';
import type { FaultMix } from './faults.ts';

export const TIMING = {
  heartbeatTicks: 5,
  electionTimeoutTicks: 40,
  electionJitterTicks: 30,
  retryTicks: 10,
  windowSlotsMax: 32,
};
const TICK_MS = 10;
/** Clocks of different members have nothing to do with each other. */
const APART_MS = 1e7;

export class MemberClock implements DriverClock {
  readonly ms = new Float64Array(1);
  /** Ticks of this member per virtual tick, and what is owed to it. */
  rate = 1;
  debt = 0;
  /** The member was stopped behind its last reading. */
  wasStopped = false;
  #now: number;

  constructor(index: number) {
    this.#now = (index + 1) * APART_MS;
    this.read();
  }

  /** What it shows now. */
  read(): void {
    this.ms[0] = this.#now;
  }

  /** A duty cycle begins; one that was stopped in the middle goes on instead. */
  beginTurn(): void {
    if (this.wasStopped) this.wasStopped = false;
    else this.read();
  }

  /** Virtual time passes. */
  pass(): void {
    this.#now += TICK_MS * this.rate;
  }

  /** True while another tick of the member is due. */
  takeTick(): boolean {
    if (this.debt < 1) return false;
    this.debt -= 1;
    return true;
  }

  /** It runs true from now on. */
  heal(): void {
    this.rate = 1;
    this.debt = 0;
    this.wasStopped = false;
  }
}

/** Leases that are right for the clocks of a run. */
export function leaseTerms({ drift, leaseTicks }: FaultMix): LeaseTerms {
  return { leaseMs: leaseTicks * TICK_MS, driftPpm: drift * 1e6, countsSuspend: true };
}
