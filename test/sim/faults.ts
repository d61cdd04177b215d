/**
 * Which faults a run has, and how hard: drawn from the seed (swarm) or all at a moderate rate. Rates are per virtual tick unless said
 * otherwise; 0 turns a class off, which is also how shrinking works.
 */
import type { Prng } from '../../src/base/prng.ts';

export interface FaultMix {
  /** Chance per frame that it is lost, sent twice, or delayed by up to `delayTicksMax`. */
  loss: number;
  duplicate: number;
  delayTicksMax: number;
  /** Chance per tick that a partition begins (kind drawn), and its mean length. */
  partition: number;
  partitionTicks: number;
  /** Chance per tick and member. */
  crash: number;
  restartTicks: number;
  pause: number;
  pauseTicks: number;
  /** Chance per crash that writes in flight tear or survive out of order, instead of vanishing. */
  tear: number;
  /** Chance per submission that it takes up to `slowDiskTicks`. */
  slowDisk: number;
  slowDiskTicks: number;
  /** Chance per submission that the device fails and latches. */
  diskError: number;
  /** Member clocks run at 1 ± drift. */
  drift: number;
  /** Chance per tick that all members lose power at once. */
  powerCut: number;
  /** Chance per tick that a client forgets its route and is sent to a random replica. */
  misroute: number;
  /** Chance per tick that leadership is handed over. */
  transfer: number;
}

export const NO_FAULTS: FaultMix = {
  loss: 0,
  duplicate: 0,
  delayTicksMax: 0,
  partition: 0,
  partitionTicks: 0,
  crash: 0,
  restartTicks: 50,
  pause: 0,
  pauseTicks: 0,
  tear: 0,
  slowDisk: 0,
  slowDiskTicks: 0,
  diskError: 0,
  drift: 0,
  powerCut: 0,
  misroute: 0,
  transfer: 0,
};

export const MODERATE_FAULTS: FaultMix = {
  loss: 0.02,
  duplicate: 0.02,
  delayTicksMax: 3,
  partition: 0.004,
  partitionTicks: 80,
  crash: 0.002,
  restartTicks: 60,
  pause: 0.002,
  pauseTicks: 80,
  tear: 0.7,
  slowDisk: 0.05,
  slowDiskTicks: 10,
  diskError: 0.0002,
  drift: 0.1,
  powerCut: 0.0005,
  misroute: 0.002,
  transfer: 0.002,
};

/** Some classes off, some moderate, some extreme. */
export function drawFaults(prng: Prng): FaultMix {
  const mix: FaultMix = { ...MODERATE_FAULTS };
  for (const name of Object.keys(mix) as (keyof FaultMix)[]) {
    const roll = prng.float();
    if (roll < 0.3 && name !== 'restartTicks') mix[name] = 0;
    else if (roll > 0.8) mix[name] = extreme(name, mix[name]);
  }
  return mix;
}

function extreme(name: keyof FaultMix, moderate: number): number {
  if (name.endsWith('Ticks') || name.endsWith('TicksMax')) return moderate * 4;
  if (name === 'tear') return 1;
  if (name === 'drift') return 0.5;
  if (name === 'loss' || name === 'duplicate') return 0.25;
  return moderate * 6;
}
