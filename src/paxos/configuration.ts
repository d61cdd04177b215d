/**
 * A configuration: the members of a group, their order (member index = bit number), its epoch and its quorums.
 */
import { assert } from '../base/assert.ts';
import type { Epoch, MemberIndex, NodeId } from '../base/types.ts';
import { MEMBERS_MAX, NODE_ID_MAX } from '../limits.ts';
import { Quorums } from './quorum.ts';

export class Configuration {
  readonly epoch: Epoch;
  readonly nodeIds: readonly NodeId[];
  readonly self: MemberIndex;
  readonly quorums: Quorums;
  /** Bit mask of all members but this one. */
  readonly peers: number;

  constructor(epoch: Epoch, nodeIds: readonly NodeId[], self: MemberIndex, quorums = new Quorums(nodeIds.length)) {
    assert(epoch >= 1, 'epochs start at 1');
    assert(nodeIds.length >= 1 && nodeIds.length <= MEMBERS_MAX, 'member count out of range');
    assert(new Set(nodeIds).size === nodeIds.length, 'a node is a member once');
    assert(
      nodeIds.every((id) => id >= 1 && id <= NODE_ID_MAX),
      'node id out of range',
    );
    assert(self >= 0 && self < nodeIds.length, 'this node must be a member');
    assert(quorums.memberCount === nodeIds.length, 'quorums are of another member count');
    this.epoch = epoch;
    this.nodeIds = nodeIds;
    this.self = self;
    this.quorums = quorums;
    this.peers = ((1 << nodeIds.length) - 1) & ~(1 << self);
  }

  get nodeId(): NodeId {
    return this.nodeIds[this.self] as NodeId;
  }

  /** Member index of a node, or -1. */
  indexOf(nodeId: NodeId): MemberIndex {
    return this.nodeIds.indexOf(nodeId);
  }
}
