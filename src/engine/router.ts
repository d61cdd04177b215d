/**
 * Watches who leads each group and hands lanes to that replica's worker. Looks at status blocks only: no messages.
 */
import { popcount } from '../base/bits.ts';
import { SynodError } from '../base/errors.ts';
import type { GroupId, MemberIndex } from '../base/types.ts';
import {
  GROUP_ERROR_INVARIANT,
  GROUP_ERROR_LOG,
  GROUP_ERROR_MACHINE,
  GROUP_ERROR_NONDETERMINISTIC,
  LOG_FULL,
  ROLE_LEADER,
} from '../memory/descriptor.ts';
import { StatusReader } from '../memory/status-block.ts';
import type { LaneClient } from './lane-client.ts';

export interface RouterEvents {
  onLeader(group: GroupId, replica: MemberIndex): void;
  /** A replica's part of a group stopped; `error` names replica and slot. */
  onGroupError(group: GroupId, replica: MemberIndex, error: SynodError): void;
}

interface GroupView {
  statuses: StatusReader[];
  lanes: LaneClient[];
  leader: MemberIndex;
  serial: number;
  /** Bit mask of replicas whose error was reported. */
  stopped: number;
  /** Set once no quorum of replicas goes on. */
  failure: SynodError | undefined;
}

export class Router {
  readonly #groups: GroupView[] = [];
  readonly #events: RouterEvents;
  readonly #isAlive: (replica: MemberIndex, group: GroupId) => boolean;
  readonly #quorum: number;

  constructor(
    status: readonly (readonly SharedArrayBuffer[])[],
    events: RouterEvents,
    isAlive: (replica: MemberIndex, group: GroupId) => boolean,
  ) {
    this.#events = events;
    this.#isAlive = isAlive;
    this.#quorum = Math.floor(status.length / 2) + 1;
    const shards = status[0]?.length ?? 0;
    for (let group = 0; group < shards; group++) {
      const statuses = status.map((replica) => new StatusReader(replica[group] as SharedArrayBuffer));
      this.#groups.push({ statuses, lanes: [], leader: -1, serial: 0, stopped: 0, failure: undefined });
    }
  }

  addLane(lane: LaneClient): void {
    const view = this.#view(lane.shard);
    view.lanes.push(lane);
    if (view.leader >= 0) lane.route(view.leader, view.serial);
  }

  removeLane(lane: LaneClient): void {
    const lanes = this.#view(lane.shard).lanes;
    const at = lanes.indexOf(lane);
    if (at >= 0) lanes.splice(at, 1);
    lane.unroute();
  }

  leaderOf(group: GroupId): MemberIndex {
    return this.#view(group).leader;
  }

  /** Why the group takes no more commands, if it does not. */
  failureOf(group: GroupId): SynodError | undefined {
    return this.#view(group).failure;
  }

  refusalOf(group: GroupId): SynodError | undefined {
    const view = this.#view(group);
    if (view.leader < 0 || (view.statuses[view.leader] as StatusReader).logState !== LOG_FULL) return undefined;
    return new SynodError(
      'ERR_SYNOD_DISK_FULL',
      `The log of shard ${group} finds no space, and no replica with space leads: free some, then try again. Nothing was done.`,
    );
  }

  statusOf(group: GroupId, replica: MemberIndex): StatusReader {
    return this.#view(group).statuses[replica] as StatusReader;
  }

  /** Looks at every group; returns how many routes changed. */
  check(): number {
    let changed = 0;
    for (let group = 0; group < this.#groups.length; group++) {
      const view = this.#view(group);
      this.#checkErrors(group, view);
      changed += this.#checkLeader(group, view);
    }
    return changed;
  }

  #checkLeader(group: GroupId, view: GroupView): number {
    let leader = -1;
    let best = -1;
    for (let replica = 0; replica < view.statuses.length; replica++) {
      const status = view.statuses[replica] as StatusReader;
      if (status.role !== ROLE_LEADER || !this.#isAlive(replica, group)) continue;
      if (status.ballot > best) {
        best = status.ballot;
        leader = replica;
      }
    }
    const serial = leader < 0 ? 0 : (view.statuses[leader] as StatusReader).leadership;
    if (leader === view.leader && serial === view.serial) return 0;
    view.leader = leader;
    view.serial = serial;
    for (const lane of view.lanes) {
      if (leader < 0) lane.unroute();
      else lane.route(leader, serial);
    }
    if (leader >= 0) this.#events.onLeader(group, leader);
    return 1;
  }

  #checkErrors(group: GroupId, view: GroupView): void {
    for (let replica = 0; replica < view.statuses.length; replica++) {
      const status = view.statuses[replica] as StatusReader;
      if (status.error === 0 || ((view.stopped >>> replica) & 1) === 1) continue;
      view.stopped |= 1 << replica;
      const error = describeError(group, replica, status);
      if (this.#isFatal(view, replica, status)) view.failure = error;
      this.#events.onGroupError(group, replica, error);
    }
  }

  /** A group fails as a whole when the replies of its leader deviate, or when too few replicas go on. */
  #isFatal(view: GroupView, replica: MemberIndex, status: StatusReader): boolean {
    if (status.error === GROUP_ERROR_NONDETERMINISTIC && replica === view.leader) return true;
    return !this.#hasQuorum(view);
  }

  #hasQuorum(view: GroupView): boolean {
    return view.statuses.length - popcount(view.stopped) >= this.#quorum;
  }

  /** A replacement worker has cleared its status: its error, if it has one again, is a new one. */
  forget(replica: MemberIndex, group: GroupId): void {
    const view = this.#view(group);
    view.stopped &= ~(1 << replica);
    if (this.#hasQuorum(view)) view.failure = undefined;
  }

  #view(group: GroupId): GroupView {
    return this.#groups[group] as GroupView;
  }
}

/** What a group's error means, for people. */
export function describeError(group: GroupId, replica: MemberIndex, status: StatusReader): SynodError {
  const where = `shard ${group}, replica ${replica}, slot ${status.errorSlot}`;
  switch (status.error) {
    case GROUP_ERROR_MACHINE:
      return new SynodError(
        'ERR_SYNOD_MACHINE_FAILED',
        `The state machine threw (${where}): mend the machine, then reopen.`,
      );
    case GROUP_ERROR_NONDETERMINISTIC: {
      const culprit = `shard ${group}, replica ${status.errorMember}, at or below slot ${status.errorSlot}`;
      return new SynodError(
        'ERR_SYNOD_NONDETERMINISTIC',
        `Replies of the replicas differ (${culprit}): remove clocks, randomness and I/O from apply.`,
      );
    }
    case GROUP_ERROR_LOG:
      return new SynodError(
        'ERR_SYNOD_LOG_FAILED',
        `The log cannot be written (${where}): check the medium; the replica rejoins once it is reopened.`,
      );
    case GROUP_ERROR_INVARIANT:
      return new SynodError(
        'ERR_SYNOD_INVARIANT',
        `An invariant does not hold (${where}): the replica stopped to protect its state; report this.`,
      );
    default:
      return new SynodError('ERR_SYNOD_INVARIANT', `Unknown error ${status.error} (${where}).`);
  }
}
