/**
 * Quorums over member sets, which are bit masks of member indices.
 * Flexible quorums (Howard et al., 2016): a prepare quorum and an accept quorum need only meet each other.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { popcount } from '../base/bits.ts';
import { MEMBERS_MAX } from '../limits.ts';

export class Quorums {
  readonly memberCount: number;
  readonly prepareQuorum: number;
  readonly acceptQuorum: number;

  /** Sizes default to a majority. Ensures: every prepare quorum meets every accept quorum. */
  constructor(memberCount: number, prepareQuorum = majority(memberCount), acceptQuorum = majority(memberCount)) {
    assert(memberCount >= 1 && memberCount <= MEMBERS_MAX, 'member count out of range');
    assert(prepareQuorum >= 1 && prepareQuorum <= memberCount, 'prepare quorum out of range');
    assert(acceptQuorum >= 1 && acceptQuorum <= memberCount, 'accept quorum out of range');
    assert(prepareQuorum + acceptQuorum > memberCount, 'prepare and accept quorums must meet');
    this.memberCount = memberCount;
    this.prepareQuorum = prepareQuorum;
    this.acceptQuorum = acceptQuorum;
  }

  isPrepareQuorum(members: number): boolean {
    return popcount(members) >= this.prepareQuorum;
  }

  isAcceptQuorum(members: number): boolean {
    return popcount(members) >= this.acceptQuorum;
  }

  /** True where no prepare quorum can do without one of `members`. */
  meetsEveryPrepareQuorum(members: number): boolean {
    return popcount(members) + this.prepareQuorum > this.memberCount;
  }

  /** Enough members to lead: both a new phase 1 and a phase 2 would succeed. */
  isLeaderQuorum(members: number): boolean {
    return this.isPrepareQuorum(members) && this.isAcceptQuorum(members);
  }
}

export function majority(memberCount: number): number {
  return Math.floor(memberCount / 2) + 1;
}
