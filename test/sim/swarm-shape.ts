/** The size and kind of the run that a seed of a swarm stands for: one place, so that a seed is the same run everywhere. */
import type { SimOptions } from './simulator.ts';

export type SwarmShape = Pick<SimOptions, 'replicas' | 'clients' | 'groups' | 'nodes'>;

/** `replicas` and `groups` other than 0 are taken instead of what the seed draws. */
export function swarmShape(seed: number, replicas = 0, groups = 0): Required<SwarmShape> {
  return {
    replicas: replicas > 0 ? replicas : seed % 5 < 2 ? 5 : 3,
    clients: 3 + (seed % 4),
    groups: groups > 0 ? groups : seed % 4 === 0 ? 3 : 1,
    nodes: seed % 3 === 0,
  };
}
