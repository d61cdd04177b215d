/**
 * Ballots: (round, node) pairs, totally ordered, packed in one number below 2^53: round * 2^20 + node.
 * Two nodes can never make the same ballot, because node ids are never reused (S25).
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { Ballot, NodeId } from '../base/types.ts';
import { BALLOT_ROUND_MAX, NODE_ID_BITS, NODE_ID_MAX } from '../limits.ts';

/** Below every ballot: nothing promised, nothing voted. */
export const BALLOT_NULL: Ballot = 0;
/** Above every ballot: how a known-chosen value ranks among votes. Never promised, never sent as a ballot. */
export const BALLOT_CHOSEN: Ballot = Number.MAX_SAFE_INTEGER;

const ROUND_UNIT = 2 ** NODE_ID_BITS;

export function makeBallot(round: number, node: NodeId): Ballot {
  assert(round >= 0 && round <= BALLOT_ROUND_MAX, 'ballot round out of range');
  assert(node >= 1 && node <= NODE_ID_MAX, 'node id out of range');
  return round * ROUND_UNIT + node;
}

export function ballotRound(ballot: Ballot): number {
  return Math.floor(ballot / ROUND_UNIT);
}

export function ballotNode(ballot: Ballot): NodeId {
  return ballot % ROUND_UNIT;
}

/** The least ballot of `node` above `ballot`'s round (I6). */
export function nextBallot(ballot: Ballot, node: NodeId): Ballot {
  assert(ballot >= BALLOT_NULL && ballot < BALLOT_CHOSEN, 'not a ballot');
  return makeBallot(ballotRound(ballot) + 1, node);
}
