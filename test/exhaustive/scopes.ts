/** The bounded scenarios: what may happen, and how often. */
import type { Quorums } from '../../src/paxos/quorum.ts';

export interface Scope {
  name: string;
  members: number;
  quorums?: Quorums;
  slots: number;
  /** How often each member may campaign, propose, crash, and feel a jump in time that makes it send again. */
  campaigns: readonly number[];
  proposals: readonly number[];
  crashes: readonly number[];
  jumps: readonly number[];
  /** How often the whole group may crash and jump. */
  crashesMax: number;
  jumpsMax: number;
}

const NONE = [0, 0, 0];

export function scopeOf(name: string): Scope {
  const scope = SCOPES.find((one) => one.name === name);
  if (scope === undefined) throw new Error(`no scope ${name}`);
  return scope;
}

export const SCOPES: readonly Scope[] = [
  {
    name: 'duel',
    members: 3,
    slots: 1,
    campaigns: [1, 1, 0],
    proposals: [1, 1, 0],
    crashes: NONE,
    jumps: NONE,
    crashesMax: 0,
    jumpsMax: 0,
  },
  {
    name: 'duel-crash',
    members: 3,
    slots: 1,
    campaigns: [1, 1, 0],
    proposals: [1, 1, 0],
    crashes: [1, 1, 1],
    jumps: NONE,
    crashesMax: 1,
    jumpsMax: 0,
  },
  {
    name: 'two-slots',
    members: 3,
    slots: 2,
    campaigns: [1, 1, 0],
    proposals: [2, 1, 0],
    crashes: NONE,
    jumps: NONE,
    crashesMax: 0,
    jumpsMax: 0,
  },
  {
    name: 'two-slots-crash',
    members: 3,
    slots: 2,
    campaigns: [1, 1, 0],
    proposals: [2, 2, 0],
    crashes: [1, 1, 1],
    jumps: NONE,
    crashesMax: 1,
    jumpsMax: 0,
  },
  {
    name: 'three-ballots',
    members: 3,
    slots: 1,
    campaigns: [2, 1, 0],
    proposals: [1, 1, 0],
    crashes: NONE,
    jumps: NONE,
    crashesMax: 0,
    jumpsMax: 0,
  },
  {
    name: 'again-after-crash',
    members: 3,
    slots: 1,
    campaigns: [2, 1, 0],
    proposals: [1, 1, 0],
    crashes: [1, 0, 0],
    jumps: NONE,
    crashesMax: 1,
    jumpsMax: 0,
  },
  {
    name: 'retry',
    members: 3,
    slots: 1,
    campaigns: [1, 1, 0],
    proposals: [1, 0, 0],
    crashes: NONE,
    jumps: [1, 1, 0],
    crashesMax: 0,
    jumpsMax: 1,
  },
];
