/**
 * The acceptor's end of a lease: for a while it answers no PREPARE but those of the leader that it granted the lease to (S21).
 * It counts from receipt by its own clock, the drift of both clocks added, so it lasts longer than the leader's lease in any case.
 *
 *   free ── HEARTBEAT that asks, at promise = its ballot ──▶ bound to (leader, ballot) until a time
 *   restart ──▶ bound to nobody for one whole lease: it may have granted one before
 *   bound ── time is up, or the leader gave the lease up (transfer) ──▶ free
 *
 * Why a later leader's grant may replace one that still lasts here: that leader was elected, so among its prepare quorum, which met the
 * grants of the earlier lease, all were free of it before they promised.
 * @hot
 */
import { assert, CONTRACTS, ensures, requires } from '../base/assert.ts';
import type { Ballot, MemberIndex } from '../base/types.ts';
import type { LeaseTerms } from './lease.ts';
import type { ReplicaState } from './replica-state.ts';

const MILLION = 1e6;
/** Clocks are told in whole milliseconds. */
const ROUNDING_MS = 1;
/** A candidate waits a little longer than its own promise, so that those who heard the last heartbeat after it are free too. */
const CANDIDATE_MARGIN = 1 / 16;

export class LeasePromise {
  readonly #state: ReplicaState;
  readonly #terms: LeaseTerms;
  /** How much longer than a lease its promise lasts. */
  readonly #stretch: number;
  /** Member that holds the lease granted here last, -1 = nobody may pass. */
  #holder: MemberIndex = -1;
  #ballot: Ballot = 0;
  readonly #untilMs = new Float64Array(1).fill(Number.NEGATIVE_INFINITY);

  constructor(state: ReplicaState, terms: LeaseTerms) {
    this.#state = state;
    this.#terms = terms;
    this.#stretch = (MILLION + terms.driftPpm) / (MILLION - terms.driftPpm);
    assert(this.#stretch >= 1, 'a promise lasts at least as long as its lease');
  }

  /** A life begins with what was recovered: where something was promised before, a lease may have been granted too. */
  restart(): void {
    const state = this.#state;
    if (this.#terms.leaseMs === 0 || state.promisedBallot === 0 || state.configuration.peers === 0) return;
    this.#holder = -1;
    this.#ballot = state.promisedBallot;
    this.#untilMs[0] = (state.clock[0] as number) + this.#lengthOf(this.#terms.leaseMs);
  }

  #lengthOf(leaseMs: number): number {
    return leaseMs * this.#stretch + ROUNDING_MS;
  }

  /**
   * A heartbeat in `ballot` of `from` asks for a lease of `askedMs`; the clock was read after it came. Returns the stamp to answer with: the
   * clock in whole milliseconds plus 1, or 0 where nothing is granted.
   *
   * requires G1: `ballot` is promised here
   * ensures  G2: a grant binds this acceptor for longer than the lease lasts, whatever both clocks do within the bound
   * ensures  G3: nothing longer than this member's own terms is granted: a restart waits for those
   */
  grant(from: MemberIndex, ballot: Ballot, askedMs: number): number {
    const state = this.#state;
    if (CONTRACTS) requires(state.promisedBallot === ballot, 'G1: a lease is granted at the promised ballot only');
    if (askedMs <= 0 || askedMs > this.#terms.leaseMs) return 0;
    const now = state.clock[0] as number;
    const until = now + this.#lengthOf(askedMs);
    const isSame = this.#holder === from && this.#ballot === ballot;
    if (!isSame || until > (this.#untilMs[0] as number)) this.#untilMs[0] = until;
    this.#holder = from;
    this.#ballot = ballot;
    if (CONTRACTS) ensures((this.#untilMs[0] as number) > now + askedMs, 'G2: a promise outlasts its lease');
    if (CONTRACTS) ensures(askedMs <= this.#terms.leaseMs, 'G3: no lease is longer than agreed');
    return Math.floor(now) + 1;
  }

  /**
   * True where a PREPARE of `from` may be answered; `released`: ballot whose leader gave its lease up for this candidate, 0 = none.
   *
   * ensures G4: while bound, only the holder passes, or whom a leader of the granted or a later ballot made way for
   */
  allows(from: MemberIndex, released: Ballot): boolean {
    const isOver = (this.#state.clock[0] as number) > (this.#untilMs[0] as number);
    const isReleased = released > 0 && released >= this.#ballot;
    const allows = isOver || isReleased || (this.#holder === from && from >= 0);
    if (CONTRACTS) ensures(allows || !isOver, 'G4: nobody is bound for ever');
    return allows;
  }

  /** True where this member itself may campaign. */
  allowsCampaign(released: Ballot): boolean {
    if (released > 0 && released >= this.#ballot) return true;
    const margin = this.#terms.leaseMs * CANDIDATE_MARGIN;
    return (this.#state.clock[0] as number) > (this.#untilMs[0] as number) + margin;
  }
}
