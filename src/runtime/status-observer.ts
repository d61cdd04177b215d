/**
 * What the coordinator sees of one group on one replica: the status block, kept up to date by the driver's reports.
 * @hot
 */
import type { MemberIndex, Slot } from '../base/types.ts';
import { MEMBERS_MAX } from '../limits.ts';
import type { StatusWriter } from '../memory/status-block.ts';
import { CANDIDATE, LEADER } from '../paxos/replica-state.ts';
import type { GroupObserver } from './group-observer.ts';

export class StatusObserver implements GroupObserver {
  readonly #status: StatusWriter;
  readonly #memberCount: number;
  readonly #self: MemberIndex;
  readonly #ringClient: () => void;
  readonly #onDeviates: (member: MemberIndex, slot: Slot) => void;
  /** Watermark at which each member first deviated and last agreed, in this leadership; 0 = never. */
  readonly #deviatesAt = new Float64Array(MEMBERS_MAX);
  readonly #agreedAt = new Float64Array(MEMBERS_MAX);
  #blamed = 0;
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
    this.#deviatesAt.fill(0);
    this.#agreedAt.fill(0);
    this.#blamed = 0;
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

  /**
   * A member's replies up to `watermark` equal this leader's, or not. Most members decide who deviates: with too few
   * answers nobody is blamed yet.
   */
  onDigest(member: MemberIndex, watermark: Slot, isEqual: boolean): void {
    if (isEqual) this.#agreedAt[member] = watermark;
    else if (this.#deviatesAt[member] === 0) this.#deviatesAt[member] = watermark;
    let deviating = 0;
    for (let m = 0; m < this.#memberCount; m++) if ((this.#deviatesAt[m] as number) > 0) deviating += 1;
    if (deviating === 0) return;
    if (deviating * 2 >= this.#memberCount) this.#blame(this.#self, watermark);
    else for (let m = 0; m < this.#memberCount; m++) this.#judge(m);
  }

  #judge(member: MemberIndex): void {
    const slot = this.#deviatesAt[member] as number;
    if (slot === 0) return;
    let agreeing = 1;
    for (let m = 0; m < this.#memberCount; m++) if ((this.#agreedAt[m] as number) >= slot) agreeing += 1;
    if (agreeing * 2 > this.#memberCount) this.#blame(member, slot);
  }

  #blame(member: MemberIndex, slot: Slot): void {
    const bit = 1 << member;
    if ((this.#blamed & bit) !== 0) return;
    this.#blamed |= bit;
    this.#onDeviates(member, slot);
  }
}
