/**
 * What the coordinator sees of one group on one replica: the status block, kept up to date by the driver's reports.
 * @hot
 */
import type { MemberIndex, Slot } from '../base/types.ts';
import { GROUP_ERROR_NONDETERMINISTIC } from '../memory/descriptor.ts';
import type { StatusWriter } from '../memory/status-block.ts';
import { CANDIDATE, LEADER } from '../paxos/replica-state.ts';
import type { GroupObserver } from './group-driver.ts';

export class StatusObserver implements GroupObserver {
  readonly #status: StatusWriter;
  readonly #memberCount: number;
  readonly #self: MemberIndex;
  readonly #ringClient: () => void;
  readonly #onDeviates: (member: MemberIndex, slot: Slot) => void;
  #deviating = 0;
  #elections = 0;

  /** `onDeviates` is told of the member whose replies differ; of this one, when most others differ from it. */
  constructor(
    status: StatusWriter,
    memberCount: number,
    self: MemberIndex,
    ringClient: () => void,
    onDeviates: (member: MemberIndex, slot: Slot) => void,
  ) {
    this.#status = status;
    this.#memberCount = memberCount;
    this.#self = self;
    this.#ringClient = ringClient;
    this.#onDeviates = onDeviates;
  }

  onRole(role: number, leadershipSerial: number, leader: MemberIndex): void {
    const status = this.#status;
    if (role === CANDIDATE) {
      this.#elections += 1;
      status.setElections(this.#elections);
    }
    status.setLeaderHint(leader);
    if (role === LEADER) status.setLeadership(leadershipSerial);
    status.setRole(role);
    this.#deviating = 0;
    this.#ringClient();
  }

  onCommit(commitWatermark: Slot, ballot: number): void {
    this.#status.setCommit(commitWatermark);
    this.#status.setBallot(ballot);
  }

  onApplied(appliedWatermark: Slot, digest: number, commands: number): void {
    this.#status.setApplied(appliedWatermark, digest);
    this.#status.setCommands(commands);
  }

  onDigestMismatch(member: MemberIndex, slot: Slot): void {
    const bit = 1 << member;
    if ((this.#deviating & bit) !== 0) return;
    this.#deviating |= bit;
    let count = 0;
    for (let m = 0; m < this.#memberCount; m++) count += (this.#deviating >>> m) & 1;
    const culprit = count * 2 >= this.#memberCount ? this.#self : member;
    this.#status.setError(GROUP_ERROR_NONDETERMINISTIC, slot, culprit);
    this.#onDeviates(culprit, slot);
    this.#ringClient();
  }
}
