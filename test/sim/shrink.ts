/**
 * Makes a failing run smaller while it still fails in the same way: fewer fault classes, groups, replicas, clients, ticks.
 */
import type { FaultMix } from './faults.ts';
import { type SimOptions, type SimResult, Simulator } from './simulator.ts';

export interface Least {
  options: SimOptions;
  /** The classes that are left on. */
  faults: Partial<FaultMix>;
  violation: string;
}

type Run = (options: SimOptions) => Pick<SimResult, 'violation'>;

const simulate: Run = (options) => new Simulator(options).run();

export function shrink(options: SimOptions, failed: Pick<SimResult, 'violation' | 'ticks'>, run = simulate): Least {
  const faults = drawnFaults(options);
  let best: SimOptions = { ...options, ticks: Math.min(options.ticks, failed.ticks), faults };
  let { violation } = failed;
  const tryOut = (change: Partial<SimOptions>): boolean => {
    const candidate = { ...best, ...change };
    const result = run({ ...candidate, faults: { ...(candidate.faults as FaultMix) } });
    if (kindOf(result.violation) !== kindOf(failed.violation)) return false;
    best = candidate;
    violation = result.violation;
    return true;
  };
  for (const name of Object.keys(faults) as (keyof FaultMix)[]) {
    const mix = best.faults as FaultMix;
    if (mix[name] !== 0) tryOut({ faults: { ...mix, [name]: 0 } });
  }
  if ((best.groups ?? 1) > 1) tryOut({ groups: 1 });
  if (best.nodes === true) tryOut({ nodes: false });
  if (best.replicas > 3) tryOut({ replicas: 3 });
  while (best.clients > 1 && tryOut({ clients: best.clients - 1 }));
  while (best.ticks > 16 && tryOut({ ticks: Math.floor(best.ticks / 2) }));
  const left = Object.fromEntries(Object.entries(best.faults as FaultMix).filter(([, value]) => value !== 0));
  return { options: best, faults: left, violation };
}

/** What went wrong without when, who and where: a smaller run that fails in another way is another finding. */
export function kindOf(violation: string): string {
  const [first = ''] = violation.replace(/^tick \d+: /, '').split('\n');
  return first.replace(/\d+/g, '#').replace(/\(.*\)/, '');
}

/** The line that runs it again. */
export function replayLine({ options, faults }: Pick<Least, 'options' | 'faults'>, commit: string): string {
  return `npm run sim -- ${runArguments(options).join(' ')} --mix '${JSON.stringify(faults)}'   # commit ${commit}`;
}

/** The arguments of `npm run sim` that stand for a run, its mix excepted. */
export function runArguments(options: SimOptions): string[] {
  const { seed, ticks, replicas, clients, groups = 1, nodes = false, swarm } = options;
  const sizes = { seed, ticks, replicas, clients, groups };
  const words = Object.entries(sizes).flatMap(([name, value]) => [`--${name}`, String(value)]);
  if (nodes) words.push('--nodes');
  if (swarm) words.push('--swarm');
  return words;
}

/** The mix that the failed run had; a run changes its own copy when it heals. */
function drawnFaults(options: SimOptions): FaultMix {
  return { ...new Simulator({ ...options, ticks: 0 }).mix };
}
