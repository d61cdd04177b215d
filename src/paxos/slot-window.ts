/**
 * State of the open slots, as a structure of arrays: slots [base, base + ACCEPTOR_WINDOW_SLOTS), base = commit watermark.
 * The only thing in Paxos that could grow is given a wall here (I16). Slot s lives at index s & MASK.
 *
 *   acceptor   voteBallot, value (length, crc), voteSequence, learned
 *   proposer   proposal state, accepted members, tick of the last send; in phase 1 the best reported vote
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { Slot } from '../base/types.ts';
import { ACCEPTOR_WINDOW_SLOTS } from '../limits.ts';

/** Nothing proposed by this leadership. */
export const PROPOSAL_NONE = 0;
/** Phase 1 demands a value that is still on its way (FETCH_VOTE). */
export const PROPOSAL_AWAITED = 1;
/** ACCEPT was emitted in the leader's ballot. */
export const PROPOSAL_OPEN = 2;
/** An accept quorum voted for it. */
export const PROPOSAL_CHOSEN = 3;

const SLOTS = ACCEPTOR_WINDOW_SLOTS;
const MASK = SLOTS - 1;

export class SlotWindow {
  #base: Slot = 0;
  /** One past the highest slot voted in, learned or proposed here. */
  #nextSlot: Slot = 0;

  /** Ballot of this replica's vote; 0 = none. */
  readonly voteBallot = new Float64Array(SLOTS);
  readonly voteSequence = new Float64Array(SLOTS);
  /** The value held: the vote's, or the learned one. */
  readonly valueLength = new Int32Array(SLOTS);
  readonly valueCrc = new Int32Array(SLOTS);
  /** 1 where a value is recorded in this replica's log. */
  readonly recorded = new Uint8Array(SLOTS);
  /** 1 where the value held is known to be chosen. */
  readonly learned = new Uint8Array(SLOTS);

  readonly proposal = new Uint8Array(SLOTS);
  readonly acceptedMembers = new Int32Array(SLOTS);
  readonly sentTick = new Float64Array(SLOTS);

  readonly reportedBallot = new Float64Array(SLOTS);
  readonly reportedLength = new Int32Array(SLOTS);
  readonly reportedCrc = new Int32Array(SLOTS);
  /** Members that reported the vote of `reportedBallot`. */
  readonly reportedHolders = new Int32Array(SLOTS);
  /** Members whose report for the slot was counted in their current answer. */
  readonly reportedMembers = new Int32Array(SLOTS);

  get base(): Slot {
    return this.#base;
  }

  get nextSlot(): Slot {
    return this.#nextSlot;
  }

  /** One past the last slot that the window can hold. */
  get end(): Slot {
    return this.#base + SLOTS;
  }

  contains(slot: Slot): boolean {
    return slot >= this.#base && slot < this.#base + SLOTS;
  }

  /** Index of a slot of the window in every array. */
  index(slot: Slot): number {
    assert(slot >= this.#base, 'slot lies below the window');
    assert(slot < this.#base + SLOTS, 'slot lies above the window');
    return slot & MASK;
  }

  /** The slot now holds something: `nextSlot` lies behind it. */
  occupy(slot: Slot): void {
    assert(this.contains(slot), 'slot lies outside the window');
    if (slot >= this.#nextSlot) this.#nextSlot = slot + 1;
  }

  /** Moves the window up to `base`; the slots left behind are forgotten. */
  advance(base: Slot): void {
    assert(base >= this.#base, 'the window never moves back');
    const stop = base - this.#base > SLOTS ? this.#base + SLOTS : base;
    for (let slot = this.#base; slot < stop; slot++) this.#clear(slot & MASK);
    this.#base = base;
    if (this.#nextSlot < base) this.#nextSlot = base;
  }

  /** Forgets the proposer's part of every slot: a new candidacy begins. */
  clearProposals(): void {
    this.proposal.fill(PROPOSAL_NONE);
    this.acceptedMembers.fill(0);
    this.reportedBallot.fill(0);
    this.reportedHolders.fill(0);
    this.reportedMembers.fill(0);
  }

  /** Forgets which reports of one member were counted: it answers again. */
  clearReportsOf(memberBit: number): void {
    const members = this.reportedMembers;
    for (let i = 0; i < SLOTS; i++) members[i] = (members[i] as number) & ~memberBit;
  }

  #clear(i: number): void {
    this.voteBallot[i] = 0;
    this.voteSequence[i] = 0;
    this.valueLength[i] = 0;
    this.valueCrc[i] = 0;
    this.recorded[i] = 0;
    this.learned[i] = 0;
    this.proposal[i] = PROPOSAL_NONE;
    this.acceptedMembers[i] = 0;
    this.sentTick[i] = 0;
    this.reportedBallot[i] = 0;
    this.reportedLength[i] = 0;
    this.reportedCrc[i] = 0;
    this.reportedHolders[i] = 0;
    this.reportedMembers[i] = 0;
  }
}
