/**
 * Routes of a node's lanes: always to the replica of this process, anew for each life of its worker. Who leads is the worker's matter;
 * here it is only told.
 */
import type { SynodError } from '../base/errors.ts';
import type { GroupId, MemberIndex } from '../base/types.ts';
import { ROLE_LEADER } from '../memory/descriptor.ts';
import { StatusReader } from '../memory/status-block.ts';
import type { LaneRouter, RouterHost } from './engine-parts.ts';
import type { LaneClient } from './lane-client.ts';
import { describeError } from './router.ts';

/** The only replica of the process. */
const HERE = 0;

interface GroupView {
  status: StatusReader;
  lanes: LaneClient[];
  /** Epoch of the worker that the lanes are routed to, 0 while none is up. */
  epoch: number;
  leader: MemberIndex;
  failure: SynodError | undefined;
}

export class NodeRouter implements LaneRouter {
  readonly #groups: GroupView[];
  readonly #host: RouterHost;
  readonly #self: MemberIndex;

  constructor(status: readonly SharedArrayBuffer[], host: RouterHost, self: MemberIndex) {
    this.#host = host;
    this.#self = self;
    this.#groups = status.map((block) => ({
      status: new StatusReader(block),
      lanes: [],
      epoch: 0,
      leader: -1,
      failure: undefined,
    }));
  }

  addLane(lane: LaneClient): void {
    const view = this.#view(lane.shard);
    view.lanes.push(lane);
    if (view.epoch > 0) lane.route(HERE, view.epoch);
  }

  removeLane(lane: LaneClient): void {
    const { lanes } = this.#view(lane.shard);
    const at = lanes.indexOf(lane);
    if (at >= 0) lanes.splice(at, 1);
    lane.unroute();
  }

  /** Member index of the believed leader, -1 while none is known. */
  leaderOf(group: GroupId): MemberIndex {
    return this.#view(group).leader;
  }

  failureOf(group: GroupId): SynodError | undefined {
    return this.#view(group).failure;
  }

  statusOf(group: GroupId): StatusReader {
    return this.#view(group).status;
  }

  check(): number {
    let changed = 0;
    for (let group = 0; group < this.#groups.length; group++) {
      const view = this.#view(group);
      changed += this.#checkWorker(group, view);
      this.#checkLeader(group, view);
      this.#checkError(group, view);
    }
    return changed;
  }

  #checkWorker(group: GroupId, view: GroupView): number {
    const slot = this.#host.slot(HERE, group);
    const epoch = slot.isUp ? slot.epoch : 0;
    if (epoch === view.epoch) return 0;
    view.epoch = epoch;
    for (const lane of view.lanes) {
      if (epoch > 0) lane.route(HERE, epoch);
      else lane.unroute();
    }
    return 1;
  }

  #checkLeader(group: GroupId, view: GroupView): void {
    const { role, leaderHint } = view.status;
    const leader = view.epoch === 0 ? -1 : role === ROLE_LEADER ? this.#self : leaderHint;
    if (leader === view.leader) return;
    view.leader = leader;
    if (leader >= 0) this.#host.onLeader(group, leader);
  }

  /** The others go on without this replica, but nobody answers here. */
  #checkError(group: GroupId, view: GroupView): void {
    if (view.failure !== undefined || view.status.error === 0) return;
    view.failure = describeError(group, this.#self, view.status);
    this.#host.onGroupError(group, this.#self, view.failure);
  }

  forget(_replica: number, group: GroupId): void {
    this.#view(group).failure = undefined;
  }

  #view(group: GroupId): GroupView {
    return this.#groups[group] as GroupView;
  }
}
