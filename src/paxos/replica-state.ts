/**
 * What the roles of one replica share: configuration, window, outbox, promises, watermarks and persist sequences.
 * Each field has one role that changes it, named beside it.
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { Ballot, MemberIndex, Sequence, Slot, Tick } from '../base/types.ts';
import type { Configuration } from './configuration.ts';
import { M_SLOT, M_VALUE_CRC, M_VALUE_LENGTH } from './message.ts';
import { A_SEQUENCE, Outbox, SEND } from './outbox.ts';
import { SlotWindow } from './slot-window.ts';

/** Answers whether the staged value (of the inbound message) has the same bytes as the one recorded for `slot`. */
export type SameValue = (slot: Slot) => boolean;

/** Roles as the status block shows them (ROLE_* of memory/descriptor). */
export const FOLLOWER = 1;
export const CANDIDATE = 2;
export const LEADER = 3;

/** Every attempt of the recovered promise may have been answered before the restart. */
export const ANSWERED_IN_EARLIER_LIFE = Number.MAX_SAFE_INTEGER;

/** Bounds of a replica's behaviour in ticks and slots. */
export interface Timing {
  heartbeatTicks: number;
  electionTimeoutTicks: number;
  electionJitterTicks: number;
  retryTicks: number;
  windowSlotsMax: number;
}

export class ReplicaState {
  readonly configuration: Configuration;
  readonly timing: Timing;
  readonly sameValue: SameValue;
  readonly window = new SlotWindow();
  readonly outbox: Outbox;
  readonly selfBit: number;

  /** Logical time; replica. */
  tick: Tick = 0;
  /** Monotonic milliseconds as read last, for leases alone: ticks that a paused process missed are not made up for; driver. */
  readonly clock = new Float64Array(1);
  /** FOLLOWER, CANDIDATE or LEADER; proposer. */
  role = FOLLOWER;
  /** Grows with every leadership won; proposer. */
  leadershipSerial = 0;
  /** How many times longer than its timing says this replica waits for answers to its own candidacy and leadership; election. */
  patience = 1;
  /** Member believed to lead, or -1; election. */
  leaderHint: MemberIndex = -1;

  /** Never vote below it (I1, I2); acceptor. */
  promisedBallot: Ballot = 0;
  /** Persist sequence of the promise of `promisedBallot`; acceptor. */
  promiseSequence: Sequence = 0;
  /** The PREPARE answered last: its ballot and attempt. Attempts of a ballot promised in an earlier life count as answered; acceptor (I9). */
  answeredBallot: Ballot = 0;
  answeredAttempt = 0;
  /** Promises and votes may be forgotten: learn only, until S12 is fulfilled; recovery sets it, rejoin clears it. */
  isRejoining = false;
  /** No snapshot stands before the log: chosen values are missing here. It votes, and does not lead; recovery sets it. */
  lacksImage = false;
  /** An image is being put in the place of the state machine's state; the driver sets it. */
  isRestoring = false;
  /** The log here is full or slow: others should lead. Hint only; the driver's host sets it. */
  isBurdened = false;
  /** Ballot whose leader gave up its lease for this member's candidacy, 0 = none (S21); election. */
  releasedBallot: Ballot = 0;
  /** Highest ballot ever seen anywhere; the next candidacy starts above its round; all roles raise it. */
  seenBallot: Ballot = 0;

  /** Last persist sequence given out; acceptor and learner, through `nextSequence`. */
  lastSequence: Sequence = 0;
  /** All persist sequences up to it are durable; replica. */
  persistedSequence: Sequence = 0;

  /** Ballot of the leader last heard, and its commit watermark; learner (I11). */
  heardBallot: Ballot = 0;
  heardCommit: Slot = 0;
  /** First slot still kept by this replica; raised by snapshots. */
  truncationPoint: Slot = 0;
  /** Newest published snapshot here: all slots below are in it; and its size in bytes. 0 = none. */
  snapshotWatermark: Slot = 0;
  snapshotBytes = 0;

  constructor(configuration: Configuration, timing: Timing, sameValue: SameValue, outbox = new Outbox()) {
    outbox.clear();
    this.outbox = outbox;
    this.configuration = configuration;
    this.timing = timing;
    this.sameValue = sameValue;
    this.selfBit = 1 << configuration.self;
  }

  /** What is chosen can be applied and asked for here: no image is lacking, and none is being put in place. */
  get hasState(): boolean {
    return !this.lacksImage && !this.isRestoring;
  }

  /** All slots below are learned here. */
  get commitWatermark(): Slot {
    return this.window.base;
  }

  nextSequence(): Sequence {
    this.lastSequence += 1;
    return this.lastSequence;
  }

  /** Starts a SEND; `sequence` is what it must wait for (I4). Returns its index in the outbox's words. */
  send(kind: number, to: number, sequence: Sequence): number {
    assert((to & this.selfBit) === 0, 'a replica sends nothing to itself');
    assert(sequence <= this.lastSequence, 'a send cannot depend on what was never persisted');
    const at = this.outbox.begin(SEND, kind, to);
    this.outbox.words[at + A_SEQUENCE] = sequence;
    return at;
  }

  /**
   * True where the value recorded for a slot of the window is the message's (whose bytes, if any, are staged).
   * Equality is by length and checksum first, and where they match, by bytes (S3).
   */
  holdsValueOf(slot: Slot, message: Float64Array): boolean {
    const window = this.window;
    const i = window.index(slot);
    assert(message[M_SLOT] === slot, 'the value is compared with its own slot');
    if (window.recorded[i] === 0) return false;
    if (window.valueLength[i] !== message[M_VALUE_LENGTH] || window.valueCrc[i] !== message[M_VALUE_CRC]) return false;
    return message[M_VALUE_LENGTH] === 0 || this.sameValue(slot);
  }

  see(ballot: Ballot): void {
    if (ballot > this.seenBallot) this.seenBallot = ballot;
  }
}
