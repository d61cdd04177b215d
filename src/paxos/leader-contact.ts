/**
 * The leader's heartbeat rounds: who still follows, and which rounds an accept quorum has answered.
 * A round confirms that no higher ballot had finished phase 1 when it was answered, so reads that arrived before it started are
 * linearizable at its read index (I19, S20); a leader that no quorum answers steps down (I18). Each round asks for the lease anew (lease.ts).
 * @hot
 */
import { assert, CONTRACTS, ensures } from '../base/assert.ts';
import type { Ballot, MemberIndex } from '../base/types.ts';
import { MEMBERS_MAX } from '../limits.ts';
import type { CatchUp } from './catch-up.ts';
import type { Lease } from './lease.ts';
import { HEARTBEAT, M_AUX, M_AUX2, M_FROM, REPLY_BURDENED, REPLY_STAMP, TRANSFER } from './message.ts';
import { A_AUX, A_AUX2, A_BALLOT, A_COMMIT } from './outbox.ts';
import type { ReplicaState } from './replica-state.ts';

export class LeaderContact {
  readonly #state: ReplicaState;
  readonly lease: Lease;
  /** Serial of the last round begun; grows over all leaderships. */
  roundSerial = 0;
  /** Highest round that an accept quorum has answered in this leadership. */
  confirmedRound = 0;
  /** Rounds above it belong to this leadership. */
  #firstRound = 0;
  readonly #lastRound = new Float64Array(MEMBERS_MAX);
  /** Members that said in their last answer that others should lead; a bit each. */
  #burdened = 0;
  readonly #lastReplyTick = new Float64Array(MEMBERS_MAX);

  constructor(state: ReplicaState, lease: Lease) {
    this.#state = state;
    this.lease = lease;
  }

  /** A leadership begins: earlier answers count no more, and everybody has one election timeout to answer. */
  reset(): void {
    this.confirmedRound = this.roundSerial;
    this.#firstRound = this.roundSerial;
    this.#lastRound.fill(0);
    this.#burdened = 0;
    this.#lastReplyTick.fill(this.#state.tick);
    this.lease.begin();
  }

  /** Sends one HEARTBEAT to all; returns the round's serial. */
  beginRound(ballot: Ballot): number {
    const state = this.#state;
    assert(ballot === state.promisedBallot, 'a leader stands by the ballot that it promised');
    this.roundSerial += 1;
    this.#lastRound[state.configuration.self] = this.roundSerial;
    this.#lastReplyTick[state.configuration.self] = state.tick;
    this.lease.onRound(this.roundSerial);
    if (state.configuration.peers !== 0) {
      const at = state.send(HEARTBEAT, state.configuration.peers, 0);
      const words = state.outbox.words;
      words[at + A_BALLOT] = ballot;
      words[at + A_COMMIT] = state.commitWatermark;
      words[at + A_AUX] = this.roundSerial;
      words[at + A_AUX2] = this.lease.askedMs;
    }
    this.#confirm(this.roundSerial);
    return this.roundSerial;
  }

  /** Any answer in the leader's ballot is a sign of life. */
  onContact(from: MemberIndex): void {
    assert(from !== this.#state.configuration.self, 'contact is with others');
    this.#lastReplyTick[from] = this.#state.tick;
  }

  /** A member answered a round with its promise at the leader's ballot. */
  onAnswer(message: Float64Array): void {
    const flags = message[M_AUX2] as number;
    const isBurdened = (flags & REPLY_BURDENED) !== 0;
    const stamp = Math.floor(flags / REPLY_STAMP);
    this.onReply(message[M_FROM] as MemberIndex, message[M_AUX] as number, isBurdened, stamp);
  }

  /**
   * `stamp` is not 0 where the lease was granted.
   *
   * requires Q1: the round began here
   * ensures  Q2: a round is confirmed by an accept quorum of answers to it or to later ones (I19), and never taken back
   * ensures  Q3: whoever answered counts for the leader's quorum during an election timeout (I18)
   */
  onReply(from: MemberIndex, round: number, isBurdened: boolean, stamp = 0): void {
    assert(round <= this.roundSerial, 'Q1: a round is answered after it began');
    this.onContact(from);
    this.lease.onGrant(from, round, stamp);
    this.#burdened = isBurdened ? this.#burdened | (1 << from) : this.#burdened & ~(1 << from);
    if (round <= (this.#lastRound[from] as number)) return;
    this.#lastRound[from] = round;
    this.#confirm(round);
  }

  /** `round` was answered: it, or a round before it that others are at, may have its quorum now. */
  #confirm(round: number): void {
    const { nodeIds, quorums } = this.#state.configuration;
    for (let m = 0; m < nodeIds.length; m++) {
      const candidate = this.#lastRound[m] as number;
      if (candidate > round || candidate <= this.confirmedRound) continue;
      if (quorums.isAcceptQuorum(this.#answeredBy(candidate))) this.confirmedRound = candidate;
    }
    assert(this.confirmedRound <= this.roundSerial, 'only rounds that began are confirmed');
    if (CONTRACTS) ensures(this.confirmedRound >= this.#firstRound, 'Q2: of this leadership');
  }

  /** Members that answered `round` or a later one, a bit each. */
  #answeredBy(round: number): number {
    let members = 0;
    for (let m = 0; m < this.#state.configuration.nodeIds.length; m++)
      if ((this.#lastRound[m] as number) >= round) members |= 1 << m;
    return members;
  }

  /** Of the members that answered lately and carry no burden the one that knows most chosen; -1 where there is none. */
  successor(catchUp: CatchUp): MemberIndex {
    const { configuration, timing, tick } = this.#state;
    const oldest = tick - 3 * timing.heartbeatTicks;
    let best = -1;
    for (let m = 0; m < configuration.nodeIds.length; m++) {
      const isFit = m !== configuration.self && (this.#burdened & (1 << m)) === 0;
      if (!isFit || (this.#lastReplyTick[m] as number) < oldest) continue;
      if (best < 0 || catchUp.commitOf(m) > catchUp.commitOf(best)) best = m;
    }
    return best;
  }

  /** Gives up the lease, then asks `member` to campaign: whoever granted the lease to `ballot` may promise to it (S21). */
  transfer(ballot: Ballot, member: MemberIndex): void {
    const state = this.#state;
    if (member === state.configuration.self) return;
    this.lease.revoke();
    const at = state.send(TRANSFER, 1 << member, 0);
    state.outbox.words[at + A_BALLOT] = ballot;
    state.outbox.words[at + A_COMMIT] = state.commitWatermark;
  }

  /** True where a quorum has answered the round before the last one already: answers take no longer than the timing allows for. */
  get isPrompt(): boolean {
    return this.confirmedRound > this.#firstRound && this.roundSerial - this.confirmedRound <= 1;
  }

  /** True while enough members answered within an election timeout (I18). */
  hasQuorum(): boolean {
    const state = this.#state;
    const oldest = state.tick - state.timing.electionTimeoutTicks * state.patience;
    let members = state.selfBit;
    for (let m = 0; m < state.configuration.nodeIds.length; m++) {
      if ((this.#lastReplyTick[m] as number) >= oldest) members |= 1 << m;
    }
    return state.configuration.quorums.isLeaderQuorum(members);
  }
}
