/** Judges a state of the whole group from durable votes and applied values alone (I3, I10, I12). */
import type { Quorums } from '../../src/paxos/quorum.ts';
import type { Facts } from './member-machine.ts';

export interface Verdict {
  violation: string;
  /** Slots in which a value is chosen. */
  chosen: number;
}

interface Ballots {
  ballot: number;
  slot: number;
  value: number;
  members: number;
}

export function judge(members: readonly Facts[], quorums: Quorums): Verdict {
  const tally = new Map<string, Ballots>();
  for (const [member, { votes }] of members.entries()) {
    for (const [ballot, slot, value] of votes) {
      const key = `${ballot}:${slot}`;
      const entry = tally.get(key) ?? { ballot, slot, value, members: 0 };
      if (entry.value !== value) return broken(`I3: slot ${slot} has two values in ballot ${ballot}`);
      entry.members |= 1 << member;
      tally.set(key, entry);
    }
  }
  const chosen = new Map<number, number>();
  for (const { slot, value, members: voters } of tally.values()) {
    if (!quorums.isAcceptQuorum(voters)) continue;
    if ((chosen.get(slot) ?? value) !== value) return broken(`I12: two values are chosen in slot ${slot}`);
    chosen.set(slot, value);
  }
  for (const [member, { applied }] of members.entries()) {
    for (const [slot, value] of applied.entries()) {
      if (!chosen.has(slot)) return broken(`I10: member ${member} applied slot ${slot}, which nobody chose`);
      if (chosen.get(slot) !== value) return broken(`I12: member ${member} applied another value in slot ${slot}`);
    }
  }
  return { violation: '', chosen: chosen.size };
}

const broken = (violation: string): Verdict => ({ violation, chosen: 0 });
