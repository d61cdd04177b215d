/**
 * Knows what is chosen, by the definition and nothing else: an accept quorum has durable votes for one value in one ballot.
 * Counted at the disks, so that no mistake of the core can hide in it. Throws at the first violation of agreement.
 */
import type { Ballot, MemberIndex, Slot } from '../../src/base/types.ts';
import type { Quorums } from '../../src/paxos/quorum.ts';

interface Count {
  value: string;
  members: number;
}

export class ChosenOracle {
  readonly chosen = new Map<Slot, string>();
  readonly #quorums: Quorums;
  readonly #votes = new Map<string, Count>();

  constructor(quorums: Quorums) {
    this.#quorums = quorums;
  }

  onDurableVote(member: MemberIndex, ballot: Ballot, slot: Slot, value: string): void {
    const key = `${slot} ${ballot}`;
    const count = this.#votes.get(key) ?? { value, members: 0 };
    this.#votes.set(key, count);
    if (count.value !== value) throw new Error(`I3: slot ${slot} has two values at ballot ${ballot}`);
    count.members |= 1 << member;
    if (!this.#quorums.isAcceptQuorum(count.members)) return;
    const known = this.chosen.get(slot);
    if (known !== undefined && known !== value)
      throw new Error(`I12: '${known}' and '${value}' are chosen in slot ${slot}`);
    this.chosen.set(slot, value);
  }

  /** A member says that everything up to the slot is chosen, and holds `value` there. */
  onLearned(member: MemberIndex, slot: Slot, value: string | undefined): void {
    const known = this.chosen.get(slot);
    if (known === undefined) throw new Error(`I10: member ${member} learned slot ${slot}, and nothing is chosen there`);
    if (known !== value)
      throw new Error(`I12: member ${member} learned '${value}' in slot ${slot}, chosen is '${known}'`);
  }
}
