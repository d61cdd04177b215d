/**
 * The leader's heartbeat rounds: who still follows, and which rounds an accept quorum has answered.
 * A round confirms that no higher ballot had finished phase 1 when it was answered, so reads that arrived before it started are
 * linearizable at its read index (I19, S20); a leader that no quorum answers steps down (I18).
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { Ballot, MemberIndex } from '../base/types.ts';
import { MEMBERS_MAX } from '../limits.ts';
import type { CatchUp } from './catch-up.ts';
import { HEARTBEAT } from './message.ts';
import { A_AUX, A_BALLOT, A_COMMIT } from './outbox.ts';
import type { ReplicaState } from './replica-state.ts';

export class LeaderContact {
  readonly #state: ReplicaState;
  /** Serial of the last round begun; grows over all leaderships. */
  roundSerial = 0;
  /** Highest round that an accept quorum has answered in this leadership. */
  confirmedRound = 0;
  readonly #lastRound = new Float64Array(MEMBERS_MAX);
  /** Members that said in their last answer that others should lead; a bit each. */
  #burdened = 0;
  readonly #lastReplyTick = new Float64Array(MEMBERS_MAX);

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  /** A leadership begins: earlier answers count no more, and everybody has one election timeout to answer. */
  reset(): void {
    this.confirmedRound = this.roundSerial;
    this.#lastRound.fill(0);
    this.#burdened = 0;
    this.#lastReplyTick.fill(this.#state.tick);
  }

  /** Sends one HEARTBEAT to all; returns the round's serial. */
  beginRound(ballot: Ballot): number {
    const state = this.#state;
    assert(ballot === state.promisedBallot, 'a leader stands by the ballot that it promised');
    this.roundSerial += 1;
    this.#lastRound[state.configuration.self] = this.roundSerial;
    this.#lastReplyTick[state.configuration.self] = state.tick;
    if (state.configuration.peers !== 0) {
      const at = state.send(HEARTBEAT, state.configuration.peers, 0);
      const words = state.outbox.words;
      words[at + A_BALLOT] = ballot;
      words[at + A_COMMIT] = state.commitWatermark;
      words[at + A_AUX] = this.roundSerial;
    }
    this.#confirm(this.roundSerial);
    return this.roundSerial;
  }

  /** Any answer in the leader's ballot is a sign of life. */
  onContact(from: MemberIndex): void {
    assert(from !== this.#state.configuration.self, 'contact is with others');
    this.#lastReplyTick[from] = this.#state.tick;
  }

  /** A member answered `round` with its promise at the leader's ballot. */
  onReply(from: MemberIndex, round: number, isBurdened: boolean): void {
    assert(round <= this.roundSerial, 'a round is answered after it began');
    this.onContact(from);
    this.#burdened = isBurdened ? this.#burdened | (1 << from) : this.#burdened & ~(1 << from);
    if (round <= (this.#lastRound[from] as number)) return;
    this.#lastRound[from] = round;
    this.#confirm(round);
  }

  #confirm(round: number): void {
    if (round <= this.confirmedRound) return;
    const configuration = this.#state.configuration;
    let members = 0;
    for (let m = 0; m < configuration.nodeIds.length; m++)
      if ((this.#lastRound[m] as number) >= round) members |= 1 << m;
    if (configuration.quorums.isAcceptQuorum(members)) this.confirmedRound = round;
    assert(this.confirmedRound <= this.roundSerial, 'only rounds that began are confirmed');
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

  /** True while enough members answered within an election timeout (I18). */
  hasQuorum(): boolean {
    const state = this.#state;
    const oldest = state.tick - state.timing.electionTimeoutTicks;
    let members = state.selfBit;
    for (let m = 0; m < state.configuration.nodeIds.length; m++) {
      if ((this.#lastReplyTick[m] as number) >= oldest) members |= 1 << m;
    }
    return state.configuration.quorums.isLeaderQuorum(members);
  }
}
