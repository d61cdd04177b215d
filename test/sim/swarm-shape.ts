/** The size and kind of the run that a seed of a swarm stands for: one place, so that a seed is the same run everywhere. */
import type { SimOptions } from './simulator.ts';

export type SwarmShape = Pick<SimOptions, 'replicas' | 'clients' | 'groups' | 'nodes'>;

export function swarmShape(seed: number): Required<SwarmShape> {
  return {
    replicas: seed % 5 < 2 ? 5 : 3,
    clients: 3 + (seed % 4),
    groups: seed % 4 === 0 ? 3 : 1,
    nodes: seed % 3 === 0,
  };
}
