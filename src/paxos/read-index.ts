/**
 * Read indexes for members that do not lead: the follower asks, the leader answers with the slot below which everything must be applied
 * before the reads that wait may run (I23, S20). A batch of reads closes, then the question begins; a lost one is asked again, as a new one.
 *
 *   follower                                   leader
 *   batch closes                                 │
 *   ├── READ_INDEX serial ──────────────────────▶│ index = read index now
 *   │   (further batches wait for the next)      ├── HEARTBEAT round ──▶ accept quorum      (not while it holds a lease and that is enough)
 *   │◀─ READ_INDEX_REPLY serial, index ──────────┤ confirmed
 *   │ applied ≥ index: the queries run
 *
 * @hot
 */
import { assert, CONTRACTS, ensures, requires } from '../base/assert.ts';
import type { Prng } from '../base/prng.ts';
import type { MemberIndex, Slot, Tick } from '../base/types.ts';
import { MEMBERS_MAX } from '../limits.ts';
import { M_AUX, M_AUX2, M_COMMIT, M_FROM, M_SLOT, READ_INDEX, READ_INDEX_REPLY } from './message.ts';
import { A_AUX, A_AUX2, A_COMMIT, A_SLOT } from './outbox.ts';
import { LEADER, type ReplicaState } from './replica-state.ts';

/** What a question asks for: an index confirmed by a round, or by the leader's lease where it holds one. */
export const READ_BY_ROUND = 0;
export const READ_BY_LEASE = 1;
const MODES = 2;
const NONCE_MAX = 2 ** 31 - 1;

/** Serials begin at the clock times this: those of an earlier life lie below, and no life asks so often. */
const SERIALS_PER_MS = 1024;

export class ReadIndex {
  readonly #state: ReplicaState;
  /** Names the questions of this life. */
  readonly #nonce: number;
  // Asking, by mode.
  readonly #asked = new Float64Array(MODES);
  readonly #answered = new Float64Array(MODES);
  readonly #index = new Float64Array(MODES);
  readonly #isOpen = new Uint8Array(MODES);
  readonly #isWanted = new Uint8Array(MODES);
  readonly #askTick = new Float64Array(MODES);
  readonly #askedMember = new Int32Array(MODES);
  // Answering, by member and mode; round 0 = nothing to answer.
  readonly #round = new Float64Array(MEMBERS_MAX * MODES);
  readonly #roundIndex = new Float64Array(MEMBERS_MAX * MODES);
  readonly #theirSerial = new Float64Array(MEMBERS_MAX * MODES);
  readonly #theirNonce = new Float64Array(MEMBERS_MAX * MODES);
  #pending = 0;

  constructor(state: ReplicaState, prng: Prng) {
    this.#state = state;
    this.#nonce = prng.range(1, NONCE_MAX);
  }

  // --- the follower's end -------------------------------------------------------------------------------------------

  /** For reads that wait already: returns the serial of the question whose answer is good for them. */
  ask(mode: number): number {
    assert(mode === READ_BY_ROUND || mode === READ_BY_LEASE, 'a read goes by a round or by a lease');
    if (this.#isOpen[mode] === 1) {
      this.#isWanted[mode] = 1;
      return (this.#asked[mode] as number) + 1;
    }
    this.#begin(mode);
    return this.#asked[mode] as number;
  }

  /** Highest serial that was answered. */
  answered(mode: number): number {
    return this.#answered[mode] as number;
  }

  /** The index of that answer. */
  indexOf(mode: number): Slot {
    return this.#index[mode] as Slot;
  }

  #begin(mode: number): void {
    const state = this.#state;
    const floor = Math.floor((state.clock[0] as number) * SERIALS_PER_MS);
    const next = (this.#asked[mode] as number) + 1;
    this.#asked[mode] = this.#answered[mode] === 0 && floor > next ? floor : next;
    this.#isOpen[mode] = 1;
    this.#isWanted[mode] = 0;
    this.#askTick[mode] = state.tick;
    this.#askedMember[mode] = state.leaderHint;
    if (state.leaderHint < 0 || state.leaderHint === state.configuration.self) return;
    const at = state.send(READ_INDEX, 1 << state.leaderHint, 0);
    const words = state.outbox.words;
    words[at + A_SLOT] = mode;
    words[at + A_COMMIT] = state.commitWatermark;
    words[at + A_AUX] = this.#asked[mode] as number;
    words[at + A_AUX2] = this.#nonce;
  }

  /**
   * requires R1: an answer names what was asked
   * ensures  R2: only the newest question of this life is answered, once
   */
  onReply(message: Float64Array): void {
    const mode = message[M_SLOT] as number;
    if ((mode !== READ_BY_ROUND && mode !== READ_BY_LEASE) || message[M_AUX2] !== this.#nonce) return;
    if (CONTRACTS) requires((message[M_AUX] as number) <= (this.#asked[mode] as number), 'R1: nobody asked that');
    if (this.#isOpen[mode] === 0 || message[M_AUX] !== this.#asked[mode]) return;
    this.#answered[mode] = message[M_AUX] as number;
    this.#index[mode] = message[M_COMMIT] as Slot;
    this.#isOpen[mode] = 0;
    if (CONTRACTS) ensures(this.#answered[mode] === this.#asked[mode], 'R2: the newest question is answered');
    if (this.#isWanted[mode] === 1) this.#begin(mode);
  }

  /** Asks anew what was not answered in time, or by a member that leads no more. */
  onTick(): void {
    const state = this.#state;
    for (let mode = 0; mode < MODES; mode++) {
      if (this.#isOpen[mode] === 0) continue;
      const since = state.tick - (this.#askTick[mode] as Tick);
      const isLate = since >= state.timing.retryTicks || this.#askedMember[mode] !== state.leaderHint;
      if (isLate && since > 0) this.#begin(mode);
    }
  }

  // --- the leader's end ---------------------------------------------------------------------------------------------

  /**
   * A member asks; `round` began after the question came, or is 0 where the lease answers at once.
   *
   * requires R3: this replica leads
   * ensures  R4: the answer names an index taken after the question came, and leaves when a round begun after it is confirmed, or under a lease (S20)
   */
  onQuestion(message: Float64Array, index: Slot, round: number): void {
    const state = this.#state;
    if (CONTRACTS) requires(state.role === LEADER, 'R3: only a leader knows the read index');
    const from = message[M_FROM] as MemberIndex;
    const mode = message[M_SLOT] === READ_BY_LEASE ? READ_BY_LEASE : READ_BY_ROUND;
    const i = from * MODES + mode;
    this.#theirSerial[i] = message[M_AUX] as number;
    this.#theirNonce[i] = message[M_AUX2] as number;
    this.#roundIndex[i] = index;
    if (CONTRACTS) ensures(index >= state.commitWatermark, 'R4: the index covers everything chosen so far');
    if (round === 0) {
      this.#reply(i);
      return;
    }
    this.#round[i] = round;
    this.#pending |= 1 << from;
  }

  /**
   * Rounds up to `confirmed` are answered by an accept quorum.
   *
   * ensures R5: each question whose round is among them is answered once, and no other (S20)
   */
  onConfirmed(confirmed: number): void {
    if (this.#pending === 0) return;
    for (let i = 0; i < MEMBERS_MAX * MODES; i++) {
      if (this.#round[i] === 0 || (this.#round[i] as number) > confirmed) continue;
      this.#round[i] = 0;
      this.#reply(i);
    }
    let pending = 0;
    for (let i = 0; i < MEMBERS_MAX * MODES; i++) if (this.#round[i] !== 0) pending |= 1 << (i >> 1);
    this.#pending = pending;
  }

  #reply(i: number): void {
    const state = this.#state;
    const at = state.send(READ_INDEX_REPLY, 1 << (i >> 1), 0);
    const words = state.outbox.words;
    words[at + A_SLOT] = i & 1;
    words[at + A_COMMIT] = this.#roundIndex[i] as Slot;
    words[at + A_AUX] = this.#theirSerial[i] as number;
    words[at + A_AUX2] = this.#theirNonce[i] as number;
  }

  /** A leadership begins or ends: what was asked of an earlier one is asked again. */
  clear(): void {
    this.#round.fill(0);
    this.#pending = 0;
  }
}
