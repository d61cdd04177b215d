/**
 * What a member answers to the leader's heartbeats: that it follows, at promise = ballot and once that is durable, and that it grants the lease.
 *
 *   HEARTBEAT ─▶ below the promise: REJECT
 *             └▶ promise = its ballot, lease granted ─▶ HEARTBEAT_REPLY, held until the promise is durable
 *
 * @hot
 */
import { CONTRACTS, ensures, requires } from '../base/assert.ts';
import type { Ballot, MemberIndex, Slot } from '../base/types.ts';
import type { Acceptor } from './acceptor.ts';
import type { Learner } from './learner.ts';
import type { LeasePromise } from './lease-promise.ts';
import {
  HEARTBEAT,
  HEARTBEAT_REPLY,
  M_AUX,
  M_AUX2,
  M_BALLOT,
  M_COMMIT,
  M_FROM,
  M_KIND,
  REJECT,
  REPLY_BURDENED,
  REPLY_STAMP,
} from './message.ts';
import { A_AUX, A_AUX2, A_BALLOT, A_COMMIT } from './outbox.ts';
import type { ReplicaState } from './replica-state.ts';

export class FollowerContact {
  readonly #state: ReplicaState;
  readonly #acceptor: Acceptor;
  readonly #learner: Learner;
  readonly #lease: LeasePromise;

  constructor(state: ReplicaState, acceptor: Acceptor, learner: Learner, lease: LeasePromise) {
    this.#state = state;
    this.#acceptor = acceptor;
    this.#learner = learner;
    this.#lease = lease;
  }

  /**
   * A heartbeat at or above the promise, of the leader that this replica follows.
   *
   * requires H1: a heartbeat comes from a leader
   * ensures  H2: it is answered only at promise = its ballot, once that promise is durable (S20)
   */
  answer(message: Float64Array): void {
    const state = this.#state;
    const ballot = message[M_BALLOT] as Ballot;
    const from = message[M_FROM] as MemberIndex;
    if (CONTRACTS) requires(message[M_KIND] === HEARTBEAT, 'H1: not a HEARTBEAT');
    const sequence = this.#acceptor.promise(ballot);
    const stamp = this.#lease.grant(from, ballot, message[M_AUX2] as number);
    const at = state.send(HEARTBEAT_REPLY, 1 << from, sequence);
    const words = state.outbox.words;
    words[at + A_BALLOT] = ballot;
    words[at + A_AUX] = message[M_AUX] as number;
    words[at + A_AUX2] = REPLY_STAMP * stamp + (state.isBurdened ? REPLY_BURDENED : 0);
    words[at + A_COMMIT] = state.commitWatermark;
    if (CONTRACTS) ensures(state.promisedBallot === ballot, 'H2: answered at promise = ballot only');
    this.#learner.hear(ballot, message[M_COMMIT] as Slot);
  }

  /** A heartbeat of a leader that is none any more. */
  reject(to: MemberIndex, ballot: Ballot): void {
    const state = this.#state;
    const at = state.send(REJECT, 1 << to, state.promiseSequence);
    const words = state.outbox.words;
    words[at + A_BALLOT] = ballot;
    words[at + A_AUX] = state.promisedBallot;
    words[at + A_COMMIT] = state.commitWatermark;
  }
}
