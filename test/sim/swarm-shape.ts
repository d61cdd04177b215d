/** The size and kind of the run that a seed of a swarm stands for: one place, so that a seed is the same run everywhere. */
import type { SimOptions } from './simulator.ts';

/** Groups of a run at most. */
export const GROUPS_MAX = 16;

export type SwarmShape = Pick<SimOptions, 'replicas' | 'clients' | 'groups' | 'nodes'>;

/** What every run is to have; 0: what its seed draws. */
export interface FixedShape {
  replicas: number;
  clients: number;
  groups: number;
}

export function swarmShape(seed: number, fixed?: FixedShape): Required<SwarmShape> {
  return {
    replicas: fixed?.replicas || (seed % 5 < 2 ? 5 : 3),
    clients: fixed?.clients || 3 + (seed % 4),
    groups: fixed?.groups || (seed % 4 === 0 ? 3 : 1),
    nodes: seed % 3 === 0,
  };
}
