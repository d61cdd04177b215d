/**
 * The leader's lease: for how long it may answer reads from its own state without asking anybody (I22, S20, S21).
 *
 *   leader    round r leaves at s ───────────────── may read until s + leaseMs, by its own clock ──┤
 *   follower          receipt ── no PREPARE of others until receipt + leaseMs · (1 + drift) / (1 - drift) ──┤
 *
 * Members that granted meet every prepare quorum, so nobody is elected before the lease is over; what the grants are is `lease-promise.ts`.
 * A grant names the follower's clock: a clock that runs off from the leader's faster than the stated bound is found, and counts no more.
 * @hot
 */
import { assert, CONTRACTS, ensures, requires } from '../base/assert.ts';
import type { MemberIndex } from '../base/types.ts';
import { MEMBERS_MAX } from '../limits.ts';
import { LEADER, type ReplicaState } from './replica-state.ts';

export interface LeaseTerms {
  /** Length of a lease, 0 = none is asked for and none is granted. The same at every member. */
  leaseMs: number;
  /** How far the rate of a member's clock may be from real time, in millionths. */
  driftPpm: number;
  /** The clock counts while the machine is suspended: without that a member grants leases and asks for none. */
  countsSuspend: boolean;
}

export const NO_LEASE: LeaseTerms = { leaseMs: 0, driftPpm: 0, countsSuspend: false };

/** Rounds whose time of sending is known; answers to older ones count for no lease. A power of two. */
const ROUNDS_KEPT = 1024;
/** A clock is compared with what it said so long ago at most. */
const COMPARE_MS = 10_000;
const MILLION = 1e6;

export class Lease {
  readonly #state: ReplicaState;
  readonly #terms: LeaseTerms;
  /** Time of sending by round, and which round that was. */
  readonly #sentMs = new Float64Array(ROUNDS_KEPT);
  readonly #sentRound = new Float64Array(ROUNDS_KEPT);
  /** By member: when the newest round that it granted was sent. */
  readonly #grantedMs = new Float64Array(MEMBERS_MAX);
  /** By member: bounds of its clock minus this one at a time, the reference of later comparisons. */
  readonly #lowOffset = new Float64Array(MEMBERS_MAX);
  readonly #highOffset = new Float64Array(MEMBERS_MAX);
  readonly #comparedMs = new Float64Array(MEMBERS_MAX);
  /** Members whose clock left the bound in this leadership. */
  doubtedMembers = 0;
  #isRevoked = false;

  constructor(state: ReplicaState, terms: LeaseTerms) {
    assert(terms.leaseMs >= 0, 'a lease has no negative length');
    assert(terms.driftPpm >= 0 && terms.driftPpm < MILLION, 'a clock that may stand still bounds nothing');
    this.#state = state;
    this.#terms = terms;
  }

  /** What a HEARTBEAT asks for. */
  get askedMs(): number {
    return this.#terms.countsSuspend && !this.#isRevoked ? this.#terms.leaseMs : 0;
  }

  /** A leadership begins: nobody has granted it anything. */
  begin(): void {
    this.#grantedMs.fill(Number.NEGATIVE_INFINITY);
    this.#comparedMs.fill(Number.NEGATIVE_INFINITY);
    this.#sentRound.fill(0);
    this.doubtedMembers = 0;
    this.#isRevoked = false;
  }

  /** A round leaves: the clock was read before, so the lease counts from no later than the sending. */
  onRound(round: number): void {
    const i = round & (ROUNDS_KEPT - 1);
    this.#sentMs[i] = this.#state.clock[0] as number;
    this.#sentRound[i] = round;
  }

  /**
   * A member granted the lease in its answer to `round`; `stamp` is its clock in whole milliseconds, plus 1. The clock here was read after
   * the answer came.
   *
   * requires B1: this replica leads
   * ensures  B2: the grant counts from the time at which its round was sent
   */
  onGrant(from: MemberIndex, round: number, stamp: number): void {
    if (CONTRACTS) requires(this.#state.role === LEADER, 'B1: a lease is the leader’s');
    const i = round & (ROUNDS_KEPT - 1);
    if (stamp === 0 || this.#sentRound[i] !== round) return;
    const sentMs = this.#sentMs[i] as number;
    this.#compareClock(from, sentMs, stamp - 1);
    if (sentMs > (this.#grantedMs[from] as number)) this.#grantedMs[from] = sentMs;
    if (CONTRACTS) ensures((this.#grantedMs[from] as number) >= sentMs, 'B2: a grant counts from its sending');
  }

  /** The member's clock stood between `theirMs` and `theirMs` + 1 at some time between sending and now. */
  #compareClock(from: MemberIndex, sentMs: number, theirMs: number): void {
    const now = this.#state.clock[0] as number;
    const low = theirMs - now;
    const high = theirMs + 1 - sentMs;
    const since = now - (this.#comparedMs[from] as number);
    if (since > COMPARE_MS) {
      this.#lowOffset[from] = low;
      this.#highOffset[from] = high;
      this.#comparedMs[from] = sentMs;
      return;
    }
    const slack = (2 * this.#terms.driftPpm * since) / MILLION;
    const isOff = low > (this.#highOffset[from] as number) + slack || high < (this.#lowOffset[from] as number) - slack;
    if (isOff) this.doubtedMembers |= 1 << from;
  }

  /**
   * True while nobody else can have been elected, as of the clock that was read last: a reading taken after a query ran makes its answer good.
   *
   * ensures B3: the members whose grants last meet every prepare quorum (S21)
   */
  holds(): boolean {
    const state = this.#state;
    if (state.role !== LEADER || this.askedMs === 0) return false;
    const oldest = (state.clock[0] as number) - this.#terms.leaseMs;
    let members = state.selfBit;
    for (let m = 0; m < state.configuration.nodeIds.length; m++)
      if ((this.#grantedMs[m] as number) > oldest) members |= 1 << m;
    members &= ~(this.doubtedMembers & ~state.selfBit);
    const holds = state.configuration.quorums.meetsEveryPrepareQuorum(members);
    if (CONTRACTS) ensures(!holds || (members & state.selfBit) !== 0, 'B3: a leader grants its own lease');
    return holds;
  }

  /** Before leadership is handed over: no lease any more in this leadership (S21). */
  revoke(): void {
    this.#isRevoked = true;
    assert(!this.holds(), 'a revoked lease is over');
  }
}
