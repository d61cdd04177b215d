/**
 * The learner: which slots are chosen, and the contiguous commit watermark.
 * The leader learns from votes; everybody else from the leader's watermark (only where the local vote is of the leader's
 * ballot, S5) or from chosen values that a peer serves.
 * @hot
 */
import { assert, CONTRACTS, ensures, requires } from '../base/assert.ts';
import type { Ballot, Slot } from '../base/types.ts';
import { LEARNED, M_KIND, M_SLOT, M_VALUE_CRC, M_VALUE_LENGTH } from './message.ts';
import { A_COMMIT, A_SEQUENCE, A_SLOT, A_VALUE_CRC, A_VALUE_LENGTH, COMMIT, PERSIST_LEARNED } from './outbox.ts';
import type { ReplicaState } from './replica-state.ts';

export class Learner {
  readonly #state: ReplicaState;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  /**
   * A leader's watermark was heard.
   *
   * ensures L1: heardBallot never decreases; the watermark of one ballot never decreases
   */
  hear(ballot: Ballot, commit: Slot): void {
    const state = this.#state;
    if (ballot > state.heardBallot) {
      state.heardBallot = ballot;
      state.heardCommit = commit;
    } else if (ballot === state.heardBallot && commit > state.heardCommit) {
      state.heardCommit = commit;
    }
    if (CONTRACTS) ensures(state.heardBallot >= ballot, 'L1: the heard ballot never decreases');
    this.maybeAdvance();
  }

  /** True where the slot's value held here is known chosen (I11). */
  isLearned(slot: Slot): boolean {
    const state = this.#state;
    const i = state.window.index(slot);
    if (state.window.learned[i] === 1) return true;
    return (
      slot < state.heardCommit && state.window.recorded[i] === 1 && state.window.voteBallot[i] === state.heardBallot
    );
  }

  /**
   * Moves the commit watermark over every learned slot without a gap, and emits COMMIT once.
   *
   * ensures L2: the watermark never decreases and passes learned slots only (I13)
   */
  maybeAdvance(): void {
    const state = this.#state;
    const before = state.commitWatermark;
    let slot = before;
    const stop = state.window.nextSlot;
    while (slot < stop && this.isLearned(slot)) slot += 1;
    if (slot === before) return;
    state.window.advance(slot);
    const at = state.outbox.begin(COMMIT, 0, 0);
    state.outbox.words[at + A_COMMIT] = slot;
    if (CONTRACTS) ensures(state.commitWatermark > before, 'L2: the watermark moved up');
  }

  /**
   * An accept quorum voted for the slot in this leader's ballot.
   *
   * requires L3: the value is recorded here
   */
  choose(slot: Slot): void {
    const window = this.#state.window;
    const i = window.index(slot);
    if (CONTRACTS) requires(window.recorded[i] === 1, 'L3: the leader holds what it chose');
    window.learned[i] = 1;
  }

  /**
   * A chosen value served by a peer.
   *
   * requires L4: kind is LEARNED
   * ensures  L5: the slot is learned with the message's value, persisted unless the same value was recorded (I12)
   * ensures  L6: a learned slot never changes its value
   */
  onLearned(message: Float64Array): void {
    const state = this.#state;
    const window = state.window;
    if (CONTRACTS) requires(message[M_KIND] === LEARNED, 'L4: not a LEARNED');
    const slot = message[M_SLOT] as Slot;
    if (!window.contains(slot)) return;
    const i = window.index(slot);
    const same = state.holdsValueOf(slot, message);
    if (window.learned[i] === 1) {
      assert(same, 'L6: a chosen slot was served with another value');
      return;
    }
    if (!same) this.#record(slot, i, message);
    window.learned[i] = 1;
    this.maybeAdvance();
  }

  #record(slot: Slot, i: number, message: Float64Array): void {
    const state = this.#state;
    const window = state.window;
    window.valueLength[i] = message[M_VALUE_LENGTH] as number;
    window.valueCrc[i] = message[M_VALUE_CRC] as number;
    window.recorded[i] = 1;
    window.occupy(slot);
    const at = state.outbox.begin(PERSIST_LEARNED, 0, 0);
    const words = state.outbox.words;
    words[at + A_SLOT] = slot;
    words[at + A_COMMIT] = state.commitWatermark;
    words[at + A_VALUE_LENGTH] = message[M_VALUE_LENGTH] as number;
    words[at + A_VALUE_CRC] = message[M_VALUE_CRC] as number;
    words[at + A_SEQUENCE] = state.nextSequence();
  }
}
