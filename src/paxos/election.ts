/**
 * When to campaign: suspicion, the status round before a live leader is disturbed, randomized back-off, priority.
 * Liveness only; nothing here can hurt safety.
 *
 *   deadline passed ──▶ STATUS_QUERY to all ──▶ a quorum hears no leader ──▶ (catch up first) ──▶ campaign
 *                                           └▶ somebody hears one: wait another timeout
 *   bound by a lease that it granted: campaign as soon as that is over (S21)
 * @hot
 */
import { assert, CONTRACTS, ensures } from '../base/assert.ts';
import type { Prng } from '../base/prng.ts';
import type { Ballot, MemberIndex, Slot, Tick } from '../base/types.ts';
import type { LeaderContact } from './leader-contact.ts';
import type { LeasePromise } from './lease-promise.ts';
import { M_AUX, M_AUX2, M_BALLOT, M_COMMIT, M_FROM, STATUS_QUERY, STATUS_REPLY } from './message.ts';
import { A_AUX, A_AUX2, A_BALLOT, A_COMMIT, A_SLOT, A_VALUE_CRC } from './outbox.ts';
import type { Proposer } from './proposer.ts';
import { CANDIDATE, FOLLOWER, LEADER, type ReplicaState } from './replica-state.ts';

/** Answers that take up to so many election timeouts still elect a leader. */
const PATIENCE_MAX = 4;

export class Election {
  readonly #state: ReplicaState;
  readonly #proposer: Proposer;
  readonly #contact: LeaderContact;
  readonly #lease: LeasePromise;
  readonly #prng: Prng;
  readonly #isPreferred: boolean;
  #deadline: Tick = 0;
  #heardTick: Tick = -1;
  #heartbeatTick: Tick = 0;
  #queryTick: Tick = -1;
  #leaderlessMembers = 0;
  /** Highest watermark among the leaderless of this round. */
  #leaderlessCommit: Slot = 0;
  /** Catch up to this watermark, then campaign; 0 = no such plan. */
  campaignAt: Slot = 0;
  /** This replica campaigned, and nobody leads since. */
  #isAgain = false;
  /** A campaign is due when the lease that was granted is over. */
  #isDue = false;

  constructor(
    state: ReplicaState,
    proposer: Proposer,
    contact: LeaderContact,
    lease: LeasePromise,
    prng: Prng,
    isPreferred: boolean,
  ) {
    this.#state = state;
    this.#proposer = proposer;
    this.#contact = contact;
    this.#lease = lease;
    this.#prng = prng;
    this.#isPreferred = isPreferred;
    this.#deadline = isPreferred ? 1 : this.#timeout();
  }

  /** Priority: the preferred member waits the bare timeout, the others draw their jitter on top; who carries a burden waits twice as long. */
  #timeout(): number {
    const timing = this.#state.timing;
    const jitter = this.#prng.range(0, timing.electionJitterTicks);
    const patience = this.#state.isBurdened ? timing.electionTimeoutTicks : 0;
    return patience + timing.electionTimeoutTicks + (this.#isPreferred ? jitter >> 2 : jitter);
  }

  /** A sign of life of the leader `member`. */
  hear(member: MemberIndex): void {
    const state = this.#state;
    assert(member !== state.configuration.self, 'a leader does not hear itself');
    assert(state.role === FOLLOWER, 'who hears a leader follows it');
    state.leaderHint = member;
    this.#heardTick = state.tick;
    this.#deadline = state.tick + this.#timeout();
    this.#queryTick = -1;
    this.campaignAt = 0;
    this.#isDue = false;
    this.#isAgain = false;
  }

  /** True while a leader was heard within an election timeout. */
  hearsLeader(): boolean {
    const state = this.#state;
    if (state.role === LEADER) return this.#contact.hasQuorum();
    return this.#heardTick >= 0 && state.tick - this.#heardTick < state.timing.electionTimeoutTicks;
  }

  /** The member is known to be down (its thread died): do not wait the whole timeout for it. */
  suspect(member: MemberIndex): void {
    const state = this.#state;
    if (state.role === LEADER || (state.leaderHint !== member && state.leaderHint !== -1)) return;
    state.leaderHint = -1;
    this.#heardTick = -1;
    const count = state.configuration.nodeIds.length;
    const rank = (state.configuration.self - member + count) % count;
    assert(rank >= 0 && rank < count, 'ranks are member distances');
    this.#deadline = state.tick + rank;
  }

  /**
   * One tick: a leader shows that it lives, a follower that hears none asks the others.
   *
   * ensures C4: by time alone nobody campaigns but who is alone, has caught up as it planned, or waited for a lease to end (S21)
   */
  onTick(): void {
    const state = this.#state;
    const isPlanned = this.#isDue || this.campaignAt > 0 || state.configuration.peers === 0;
    const wasCandidate = state.role === CANDIDATE;
    if (state.role === LEADER) this.#tickLeader();
    else if (state.role === FOLLOWER && state.hasState) this.#tickFollower();
    if (CONTRACTS) ensures(wasCandidate || isPlanned || state.role !== CANDIDATE, 'C4: time alone elects nobody');
  }

  #tickLeader(): void {
    const state = this.#state;
    this.#isAgain = false;
    if (this.#contact.isPrompt) state.patience = 1;
    if (!this.#contact.hasQuorum()) {
      this.#proposer.stepDown();
      this.#heardTick = -1;
      this.#deadline = state.tick + this.#timeout();
      return;
    }
    if (state.tick - this.#heartbeatTick < state.timing.heartbeatTicks) return;
    this.heartbeat();
  }

  heartbeat(): number {
    assert(this.#state.role === LEADER, 'only a leader sends heartbeats');
    this.#heartbeatTick = this.#state.tick;
    return this.#contact.beginRound(this.#proposer.ballot);
  }

  #tickFollower(): void {
    const state = this.#state;
    if (this.#isDue || (this.campaignAt > 0 && state.commitWatermark >= this.campaignAt)) {
      this.#campaign(0);
      return;
    }
    if (state.tick < this.#deadline) return;
    if (this.#queryTick >= 0 && state.tick - this.#queryTick < state.timing.retryTicks) return;
    this.#query();
  }

  #query(): void {
    const state = this.#state;
    this.#queryTick = state.tick;
    this.#leaderlessMembers = state.selfBit;
    this.#leaderlessCommit = 0;
    this.campaignAt = 0;
    if (state.configuration.peers === 0) {
      this.#campaign(0);
      return;
    }
    const at = state.send(STATUS_QUERY, state.configuration.peers, 0);
    const words = state.outbox.words;
    words[at + A_BALLOT] = state.promisedBallot;
    words[at + A_COMMIT] = state.commitWatermark;
  }

  /**
   * Where a member that forgot asks for a ballot above all that it may have promised, the leader takes one (S12).
   *
   * ensures C3: a question makes nobody promise anything but a leader that is asked to take another ballot
   */
  onStatusQuery(message: Float64Array): void {
    const state = this.#state;
    const promised = state.promisedBallot;
    const isAskedToElect = message[M_AUX2] === 1 && (message[M_BALLOT] as Ballot) >= state.promisedBallot;
    if (state.role === LEADER && isAskedToElect) {
      state.see(message[M_BALLOT] as Ballot);
      this.#campaignAnew();
    } else this.#answerStatus(message);
    if (CONTRACTS) ensures(state.promisedBallot === promised || isAskedToElect, 'C3: a question promises nothing');
  }

  /** AUX of the question comes back in VALUE_CRC; a leader adds the end of what its phase 1 found (S12). */
  #answerStatus(message: Float64Array): void {
    const state = this.#state;
    const at = state.send(STATUS_REPLY, 1 << (message[M_FROM] as MemberIndex), state.promiseSequence);
    const words = state.outbox.words;
    const asked = message[M_COMMIT] as Slot;
    words[at + A_BALLOT] = state.promisedBallot;
    // Nobody waits to catch up with a replica that lacks what it needs.
    words[at + A_COMMIT] = state.lacksImage && asked < state.commitWatermark ? asked : state.commitWatermark;
    words[at + A_AUX] = this.hearsLeader() ? 1 : 0;
    words[at + A_AUX2] = state.leaderHint + 1;
    words[at + A_SLOT] = state.role === LEADER ? this.#proposer.recoveryEnd : 0;
    words[at + A_VALUE_CRC] = message[M_AUX] as number;
  }

  /** A leader goes through phase 1 again in a fresh ballot. */
  #campaignAnew(): void {
    assert(this.#state.role === LEADER, 'only a leader is asked for another ballot');
    this.#proposer.stepDown();
    this.#campaign(0);
  }

  /**
   * May start a campaign, or plan one for when this replica has caught up.
   *
   * ensures C1: who campaigns heard from a leader quorum, itself included, and from none of them that a leader lives
   */
  onStatusReply(message: Float64Array): void {
    const state = this.#state;
    if (state.role !== FOLLOWER || this.#queryTick < 0 || !state.hasState) return;
    assert(this.#leaderlessMembers !== 0, 'a status round begins with this replica');
    state.see(message[M_BALLOT] as number);
    if (message[M_AUX] === 1) {
      this.#deadline = state.tick + this.#timeout();
      return;
    }
    if ((message[M_COMMIT] as Slot) > this.#leaderlessCommit) this.#leaderlessCommit = message[M_COMMIT] as Slot;
    this.#leaderlessMembers |= 1 << (message[M_FROM] as MemberIndex);
    if (state.tick < this.#deadline || !state.configuration.quorums.isLeaderQuorum(this.#leaderlessMembers)) return;
    this.campaignAt = this.#leaderlessCommit;
    if (state.commitWatermark >= this.campaignAt) this.#campaign(0);
    if (CONTRACTS) {
      const isAgreed = state.configuration.quorums.isLeaderQuorum(this.#leaderlessMembers) && message[M_AUX] !== 1;
      ensures(state.role === FOLLOWER || isAgreed, 'C1: a campaign begins where a quorum hears no leader');
    }
  }

  /**
   * The leader asked this replica to take over, and has given up its lease.
   *
   * ensures C2: nobody campaigns for a leader below its own promise
   */
  onTransfer(message: Float64Array): void {
    const state = this.#state;
    const promised = state.promisedBallot;
    if (!state.hasState || (message[M_BALLOT] as number) < state.promisedBallot) return;
    if (state.role === FOLLOWER) this.#campaign(message[M_BALLOT] as Ballot);
    if (CONTRACTS)
      ensures(state.promisedBallot === promised || message[M_BALLOT] >= promised, 'C2: a stale leader moves nobody');
  }

  #campaign(released: Ballot): void {
    const state = this.#state;
    assert(state.role !== LEADER, 'a leader does not campaign');
    this.#isDue = !this.#lease.allowsCampaign(released);
    if (this.#isDue) return;
    state.releasedBallot = released;
    // The candidacy before this one led nowhere: its answers may have come when nobody waited for them any more.
    if (this.#isAgain && state.patience < PATIENCE_MAX) state.patience *= 2;
    this.#isAgain = true;
    this.campaignAt = 0;
    this.#queryTick = -1;
    this.#deadline = state.tick + this.#timeout();
    this.#proposer.campaign();
  }

  /** A candidacy met a member that is ahead: catch up to `commit`, then try again. */
  postpone(commit: Slot): void {
    assert(this.#state.role === CANDIDATE, 'only a candidate postpones');
    this.#proposer.stepDown();
    this.campaignAt = commit;
    this.#deadline = this.#state.tick + this.#timeout();
  }
}
