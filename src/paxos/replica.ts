/**
 * One member of one group: composes the roles and dispatches to them. Numbers in, outbox out; never re-entered.
 *
 *   step(message) ─┐
 *   tick()         ├─▶ acceptor · proposer · learner · election · contact · leases · read index · catch-up ─▶ outbox
 *   propose(…)     │
 *   persisted(q)   ┘
 *
 * The driver drains the outbox after every call, in order.
 * @hot
 */
import { assert, CONTRACTS, ensures, requires } from '../base/assert.ts';
import type { Prng } from '../base/prng.ts';
import type { Ballot, MemberIndex, Sequence, Slot } from '../base/types.ts';
import { Acceptor } from './acceptor.ts';
import { CatchUp } from './catch-up.ts';
import type { Configuration } from './configuration.ts';
import { Election } from './election.ts';
import { FollowerContact } from './follower-contact.ts';
import { LeaderContact } from './leader-contact.ts';
import { Learner } from './learner.ts';
import { Lease, type LeaseTerms, NO_LEASE } from './lease.ts';
import { LeasePromise } from './lease-promise.ts';
import {
  ACCEPT,
  ACCEPTED,
  FETCH,
  FETCH_VOTE,
  HEARTBEAT,
  HEARTBEAT_REPLY,
  LEARNED,
  M_AUX,
  M_BALLOT,
  M_COMMIT,
  M_EPOCH,
  M_FROM,
  M_KIND,
  M_SLOT,
  PREPARE,
  PROMISE,
  PROMISE_VOTE,
  READ_INDEX,
  READ_INDEX_REPLY,
  REJECT,
  STATUS_QUERY,
  STATUS_REPLY,
  TRANSFER,
  VOTE_VALUE,
} from './message.ts';
import type { Outbox } from './outbox.ts';
import { Proposer } from './proposer.ts';
import { READ_BY_LEASE, ReadIndex } from './read-index.ts';
import { Rejoin } from './rejoin.ts';
import { CANDIDATE, FOLLOWER, LEADER, ReplicaState, type SameValue, type Timing } from './replica-state.ts';

export interface ReplicaOptions {
  configuration: Configuration;
  timing: Timing;
  prng: Prng;
  /** This member should lead when all are healthy. */
  isPreferred: boolean;
  sameValue: SameValue;
  /** Memory of an earlier life of this member, used again. */
  outbox?: Outbox;
  /** No leases where nothing is said. */
  lease?: LeaseTerms | undefined;
}

export class Replica {
  readonly state: ReplicaState;
  readonly outbox: Outbox;
  readonly #acceptor: Acceptor;
  readonly #learner: Learner;
  readonly #proposer: Proposer;
  readonly #contact: LeaderContact;
  readonly #followerContact: FollowerContact;
  readonly #leasePromise: LeasePromise;
  /** Read indexes asked of the leader, for members that do not lead. */
  readonly reads: ReadIndex;
  readonly #election: Election;
  readonly catchUp: CatchUp;
  readonly #rejoin: Rejoin;
  #serialSeen = 0;

  constructor(options: ReplicaOptions) {
    this.state = new ReplicaState(options.configuration, options.timing, options.sameValue, options.outbox);
    this.outbox = this.state.outbox;
    this.#acceptor = new Acceptor(this.state);
    this.#learner = new Learner(this.state);
    this.#proposer = new Proposer(this.state, this.#acceptor, this.#learner);
    const { prng, isPreferred, lease: terms = NO_LEASE } = options;
    this.#leasePromise = new LeasePromise(this.state, terms);
    this.#contact = new LeaderContact(this.state, new Lease(this.state, terms));
    this.#followerContact = new FollowerContact(this.state, this.#acceptor, this.#learner, this.#leasePromise);
    this.#election = new Election(this.state, this.#proposer, this.#contact, this.#leasePromise, prng, isPreferred);
    this.catchUp = new CatchUp(this.state);
    this.#rejoin = new Rejoin(this.state, this.#acceptor, prng.fork('rejoin'));
    this.reads = new ReadIndex(this.state, prng.fork('reads'));
  }

  get isLeader(): boolean {
    return this.state.role === LEADER;
  }

  get canPropose(): boolean {
    return this.#proposer.canPropose;
  }

  get commitWatermark(): Slot {
    return this.state.commitWatermark;
  }

  /** Handles one message of another member; its value, if it has one, is staged. */
  step(message: Float64Array): void {
    const state = this.state;
    assert(this.outbox.count === 0, 'the outbox was drained');
    const from = message[M_FROM] as MemberIndex;
    if (message[M_EPOCH] !== state.configuration.epoch) return;
    if (from < 0 || from >= state.configuration.nodeIds.length || from === state.configuration.self) return;
    const promised = state.promisedBallot;
    const commit = state.commitWatermark;
    state.see(message[M_BALLOT] as Ballot);
    this.#dispatch(message);
    this.#afterStep();
    if (CONTRACTS) ensures(state.promisedBallot >= promised, 'I1: a promise never decreases');
    if (CONTRACTS) ensures(state.commitWatermark >= commit, 'I13: the commit watermark never decreases');
  }

  #dispatch(message: Float64Array): void {
    switch (message[M_KIND]) {
      case PREPARE:
        this.#onPrepare(message);
        break;
      case PROMISE_VOTE:
        this.#proposer.onPromiseVote(message);
        break;
      case PROMISE:
        this.#onPromise(message);
        break;
      case ACCEPT:
        this.#onAccept(message);
        break;
      case ACCEPTED:
        this.#onAccepted(message);
        break;
      case REJECT:
        this.#noteCommit(message);
        this.#proposer.onReject(message);
        break;
      case HEARTBEAT:
        this.#onHeartbeat(message);
        break;
      case HEARTBEAT_REPLY:
        this.#onHeartbeatReply(message);
        break;
      default:
        this.#dispatchRare(message);
    }
  }

  #dispatchRare(message: Float64Array): void {
    switch (message[M_KIND]) {
      case STATUS_QUERY:
        this.#noteCommit(message);
        if (!this.state.isRejoining) this.#election.onStatusQuery(message);
        break;
      case STATUS_REPLY:
        this.#noteCommit(message);
        if (this.state.isRejoining) this.#rejoin.onStatusReply(message);
        else this.#election.onStatusReply(message);
        break;
      case FETCH:
        this.catchUp.onFetch(message);
        break;
      case LEARNED:
        this.#onLearned(message);
        break;
      case FETCH_VOTE:
        this.catchUp.onFetchVote(message);
        break;
      case VOTE_VALUE:
        this.#proposer.onVoteValue(message);
        break;
      case READ_INDEX:
        this.#onReadIndex(message);
        break;
      case READ_INDEX_REPLY:
        this.reads.onReply(message);
        break;
      case TRANSFER:
        if (!this.state.isRejoining) this.#election.onTransfer(message);
        break;
      default:
        break;
    }
  }

  #noteCommit(message: Float64Array): void {
    this.catchUp.note(message[M_FROM] as MemberIndex, message[M_COMMIT] as Slot);
  }

  #onPrepare(message: Float64Array): void {
    this.#noteCommit(message);
    if (this.state.isRejoining || this.#cannotHelp(message)) return;
    const before = this.state.promisedBallot;
    const isFree = this.#leasePromise.allows(message[M_FROM] as MemberIndex, message[M_AUX] as Ballot);
    if (!isFree && (message[M_BALLOT] as Ballot) > before) return;
    if (this.#acceptor.onPrepare(message) && this.state.promisedBallot > before) this.#proposer.stepDown();
  }

  /** A candidate that must catch up with this replica first, and cannot: what it needs is missing here. Others may elect it. */
  #cannotHelp(message: Float64Array): boolean {
    return this.state.lacksImage && (message[M_SLOT] as Slot) < this.state.truncationPoint;
  }

  #onPromise(message: Float64Array): void {
    this.#noteCommit(message);
    const ahead = this.#proposer.onPromise(message);
    if (ahead >= 0) this.#election.postpone(ahead);
  }

  #onAccept(message: Float64Array): void {
    const ballot = message[M_BALLOT] as Ballot;
    this.#noteCommit(message);
    if (this.state.isRejoining) return;
    if (!this.#acceptor.onAccept(message)) return;
    this.#follow(message[M_FROM] as MemberIndex, ballot);
    this.#learner.hear(ballot, message[M_COMMIT] as Slot);
  }

  /** A leader at or above our promise lives: whatever this replica was, it follows now. */
  #follow(leader: MemberIndex, ballot: Ballot): void {
    if (this.state.role !== FOLLOWER) {
      assert(ballot > this.#proposer.ballot, 'two members never lead in one ballot');
      this.#proposer.stepDown();
    }
    this.#election.hear(leader);
  }

  #onAccepted(message: Float64Array): void {
    this.#noteCommit(message);
    if (this.isLeader && message[M_BALLOT] === this.#proposer.ballot)
      this.#contact.onContact(message[M_FROM] as MemberIndex);
    this.#proposer.onAccepted(message);
  }

  #onHeartbeat(message: Float64Array): void {
    const ballot = message[M_BALLOT] as Ballot;
    const from = message[M_FROM] as MemberIndex;
    this.#noteCommit(message);
    if (ballot < this.state.promisedBallot) {
      this.#followerContact.reject(from, ballot);
      return;
    }
    this.#follow(from, ballot);
    if (this.state.isRejoining) this.#learner.maybeAdvance();
    else this.#followerContact.answer(message);
  }

  #onHeartbeatReply(message: Float64Array): void {
    this.#noteCommit(message);
    if (!this.isLeader || message[M_BALLOT] !== this.#proposer.ballot) return;
    this.#contact.onAnswer(message);
    this.reads.onConfirmed(this.#contact.confirmedRound);
  }

  /** A member that follows has reads that wait. */
  #onReadIndex(message: Float64Array): void {
    if (!this.isLeader) return;
    const isLeased = message[M_SLOT] === READ_BY_LEASE && this.holdsLease;
    this.reads.onQuestion(message, this.readIndex, isLeased ? 0 : this.#election.heartbeat());
  }

  #onLearned(message: Float64Array): void {
    this.#noteCommit(message);
    this.#proposer.onLearnedElsewhere(message);
    this.#learner.onLearned(message);
    this.catchUp.onProgress();
  }

  /** A leadership that began in this step resets the leader's contacts and announces itself. */
  #afterStep(): void {
    const state = this.state;
    if (state.role !== LEADER || state.leadershipSerial === this.#serialSeen) return;
    this.#serialSeen = state.leadershipSerial;
    this.#contact.reset();
    this.reads.clear();
    this.#election.heartbeat();
  }

  /** One unit of logical time has passed. */
  tick(): void {
    assert(this.outbox.count === 0, 'the outbox was drained');
    this.state.tick += 1;
    this.#proposer.onTick();
    if (this.state.isRejoining) this.#rejoin.onTick();
    else this.#election.onTick();
    this.catchUp.onTick();
    this.reads.onTick();
    this.#afterStep();
  }

  /** Proposes the staged value; returns its slot. Only while `canPropose`. */
  propose(length: number, crc: number): Slot {
    assert(this.outbox.count === 0, 'the outbox was drained');
    return this.#proposer.propose(length, crc);
  }

  /** Everything up to persist sequence `sequence` is durable. */
  persisted(sequence: Sequence): void {
    const state = this.state;
    assert(this.outbox.count === 0, 'the outbox was drained');
    assert(sequence <= state.lastSequence, 'only what was emitted can be durable');
    if (CONTRACTS) requires(sequence >= state.persistedSequence, 'durability never goes back');
    state.persistedSequence = sequence;
    this.#proposer.onPersisted();
    this.#afterStep();
  }

  /** A snapshot of everything below `watermark` is published here; slots below `truncationPoint` are given up. */
  snapshotPublished(watermark: Slot, bytes: number, truncationPoint: Slot): void {
    this.catchUp.published(watermark, bytes, truncationPoint);
  }

  /** Appends promise, truncation point and watermark anew, so that older records may go (S14). Returns the persist sequence. */
  mark(): Sequence {
    assert(this.outbox.count === 0, 'the outbox was drained');
    return this.catchUp.mark();
  }

  /**
   * A peer's snapshot of everything below `watermark` was published here: go on behind it. A leader that needed one leads no longer: others are
   * ahead of it, and what it proposed below is settled.
   */
  install(watermark: Slot, bytes: number): void {
    assert(this.outbox.count === 0, 'the outbox was drained');
    this.#proposer.stepDown();
    this.catchUp.install(watermark, bytes);
    this.#learner.maybeAdvance();
  }

  /** Recovery is over, and the clock was read: what may have been granted in an earlier life is kept. */
  recovered(): void {
    this.#leasePromise.restart();
  }

  /** True while reads may be answered without a round, as of the clock read last. */
  get holdsLease(): boolean {
    return this.#contact.lease.holds();
  }

  /** Begins a round that confirms reads which arrived before this call; returns its serial (S20). Leader only. */
  beginReadRound(): number {
    assert(this.isLeader, 'only a leader confirms reads');
    return this.#election.heartbeat();
  }

  /** Rounds up to this serial are confirmed. */
  get confirmedRound(): number {
    return this.#contact.confirmedRound;
  }

  /** End of what this leadership found in phase 1: whatever was ever acknowledged lies below it. */
  get recoveryEnd(): Slot {
    return this.#proposer.recoveryEnd;
  }

  /** Reads of a round begun now must see all slots below it applied (S20). */
  get readIndex(): Slot {
    const end = this.#proposer.recoveryEnd;
    return this.state.commitWatermark > end ? this.state.commitWatermark : end;
  }

  /** Hands leadership to a member that is caught up; it campaigns at once. No lease is left to this leadership (S21). */
  transfer(member: MemberIndex): void {
    assert(this.outbox.count === 0, 'the outbox was drained');
    if (this.isLeader) this.#contact.transfer(this.#proposer.ballot, member);
  }

  /** The member's thread or process is known to be gone. */
  suspect(member: MemberIndex): void {
    this.#election.suspect(member);
  }

  /** Commit watermark last heard from a member. */
  commitOf(member: MemberIndex): Slot {
    return this.catchUp.commitOf(member);
  }

  /** Whom a leader should hand over to; -1 where nobody is fit. */
  get successor(): MemberIndex {
    return this.#contact.successor(this.catchUp);
  }

  get isCandidate(): boolean {
    return this.state.role === CANDIDATE;
  }
}
