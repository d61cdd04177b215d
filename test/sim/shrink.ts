/**
 * Makes a failing run smaller while it still fails: fewer ticks, fewer fault classes, fewer clients.
 */
import type { FaultMix } from './faults.ts';
import { type SimOptions, type SimResult, Simulator } from './simulator.ts';

export interface Least {
  seed: number;
  ticks: number;
  clients: number;
  faults: Partial<FaultMix>;
  violation: string;
}

export function shrink(options: SimOptions, failed: SimResult): Least {
  const faults = drawnFaults(options);
  let best: SimOptions = { ...options, ticks: Math.min(options.ticks, failed.ticks), faults };
  let violation = failed.violation;
  const tryOut = (candidate: SimOptions): boolean => {
    const result = new Simulator({ ...candidate, faults: { ...(candidate.faults as FaultMix) } }).run();
    if (result.violation === '') return false;
    best = candidate;
    violation = result.violation;
    return true;
  };
  for (const name of Object.keys(faults) as (keyof FaultMix)[]) {
    if ((best.faults as FaultMix)[name] !== 0) tryOut({ ...best, faults: { ...(best.faults as FaultMix), [name]: 0 } });
  }
  while (best.clients > 1 && tryOut({ ...best, clients: best.clients - 1 }));
  while (best.ticks > 16 && tryOut({ ...best, ticks: Math.floor(best.ticks / 2) }));
  const left = Object.fromEntries(Object.entries(best.faults as FaultMix).filter(([, value]) => value !== 0));
  return { seed: best.seed, ticks: best.ticks, clients: best.clients, faults: left, violation };
}

/** The mix that the failed run had; a run changes its own copy when it heals. */
function drawnFaults(options: SimOptions): FaultMix {
  return { ...new Simulator({ ...options, ticks: 0 }).mix };
}
