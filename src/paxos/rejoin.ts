/**
 * The way back of a replica that may have forgotten promises and votes (S12): its log was damaged, lost or rolled back. Until it is through it
 * answers no PREPARE, no ACCEPT and no heartbeat, and does not campaign; it only learns.
 *
 *   forgot ── STATUS_QUERY to all ──▶ every other member answered: floor = highest promise among them
 *          ── STATUS_QUERY, elect ──▶ the leader takes a fresh ballot above the floor, by a quorum without this replica
 *          ── STATUS_REPLY of it ───▶ everything below its recovery end learned here? promise its ballot: a member again
 *
 * Why it is enough. Every ballot in which this replica spoke belongs to a member that had promised it durably before (I5), so it lies at or below
 * the floor. The prepare quorum of a ballot above the floor promised after it had answered here, so it meets every accept quorum even without
 * this replica's vote: whatever was or will be chosen below that ballot lies below the leader's recovery end, and is learned here.
 */
import { assert, CONTRACTS, ensures, requires } from '../base/assert.ts';
import type { Prng } from '../base/prng.ts';
import type { Ballot, MemberIndex, Slot, Tick } from '../base/types.ts';
import type { Acceptor } from './acceptor.ts';
import { M_AUX2, M_BALLOT, M_FROM, M_SLOT, M_VALUE_CRC, STATUS_QUERY } from './message.ts';
import { A_AUX, A_AUX2, A_BALLOT, A_COMMIT, ROLE } from './outbox.ts';
import { FOLLOWER, type ReplicaState } from './replica-state.ts';

const NONCE_MAX = 2 ** 31 - 1;

export class Rejoin {
  readonly #state: ReplicaState;
  readonly #acceptor: Acceptor;
  /** Names the questions of this life: answers to an earlier one do not count. */
  readonly #nonce: number;
  #answeredMembers = 0;
  #floor: Ballot = 0;
  #askTick: Tick = -1;

  constructor(state: ReplicaState, acceptor: Acceptor, prng: Prng) {
    this.#state = state;
    this.#acceptor = acceptor;
    this.#nonce = prng.range(1, NONCE_MAX);
  }

  /** True when every other member has told its promise. */
  get #hasFloor(): boolean {
    return this.#answeredMembers === this.#state.configuration.peers;
  }

  /** Asks until the way back is done. */
  onTick(): void {
    const state = this.#state;
    if (!state.isRejoining) return;
    if (this.#askTick >= 0 && state.tick - this.#askTick < state.timing.retryTicks) return;
    assert(state.configuration.peers !== 0, 'a member alone has nobody to ask');
    this.#askTick = state.tick;
    const at = state.send(STATUS_QUERY, state.configuration.peers, 0);
    const words = state.outbox.words;
    words[at + A_BALLOT] = this.#floor;
    words[at + A_COMMIT] = state.commitWatermark;
    words[at + A_AUX] = this.#nonce;
    words[at + A_AUX2] = this.#hasFloor ? 1 : 0;
  }

  /**
   * A member tells its durable promise; the leader also the end of what its phase 1 found (SLOT).
   *
   * requires J1: this replica is on its way back
   * ensures  J2: the floor is the highest promise of all other members, told in this life
   * ensures  J3: it ends only above the floor, with everything below the leader's recovery end learned (S12)
   */
  onStatusReply(message: Float64Array): void {
    const state = this.#state;
    if (CONTRACTS) requires(state.isRejoining, 'J1: nothing was forgotten');
    if (message[M_VALUE_CRC] !== this.#nonce) return;
    const from = message[M_FROM] as MemberIndex;
    const ballot = message[M_BALLOT] as Ballot;
    const hadFloor = this.#hasFloor;
    if (!hadFloor) {
      this.#answeredMembers |= 1 << from;
      if (ballot > this.#floor) this.#floor = ballot;
    }
    const isLeader = message[M_AUX2] === from + 1;
    if (!hadFloor || !isLeader || ballot <= this.#floor || ballot <= state.promisedBallot) return;
    if (state.commitWatermark < (message[M_SLOT] as Slot)) return;
    state.isRejoining = false;
    state.outbox.words[state.outbox.begin(ROLE, 0, 0) + A_AUX] = FOLLOWER;
    this.#acceptor.promise(ballot);
    if (CONTRACTS) ensures(state.promisedBallot > this.#floor, 'J3: the promise lies above everything forgotten');
  }
}
