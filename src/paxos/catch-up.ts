/**
 * Fetching chosen values that this replica missed, and serving them to others: only below the own commit watermark (I14),
 * recorded as learned, never as a vote (S5).
 * @hot
 */
import { assert, CONTRACTS, ensures, requires } from '../base/assert.ts';
import type { Ballot, MemberIndex, Sequence, Slot, Tick } from '../base/types.ts';
import { MEMBERS_MAX } from '../limits.ts';
import { FETCH, LEARNED, M_AUX, M_BALLOT, M_COMMIT, M_FROM, M_SLOT, SNAPSHOT_OFFER, VOTE_VALUE } from './message.ts';
import { A_AUX, A_BALLOT, A_COMMIT, A_SEQUENCE, A_SLOT, A_VALUE_CRC, A_VALUE_LENGTH, PERSIST_MARK } from './outbox.ts';
import { LEADER, type ReplicaState } from './replica-state.ts';

/** Slots asked for and served at once: bounds what one answer puts into a peer ring. */
export const FETCH_SLOTS_MAX = 16;
/** Ticks without progress after which a gap is taken for a loss: longer than a busy thread is kept from its turn. */
const STUCK_TICKS = 5;

export class CatchUp {
  readonly #state: ReplicaState;
  readonly #peerCommit = new Float64Array(MEMBERS_MAX);
  readonly #heardTick = new Float64Array(MEMBERS_MAX).fill(-1);
  #progressTick: Tick = 0;
  #progressCommit: Slot = 0;
  #fetchEnd: Slot = 0;
  #fetchTick: Tick = -1;
  /** Who was asked last. */
  #asked: MemberIndex = 0;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  /** Commit watermark last heard from a member. */
  commitOf(member: MemberIndex): Slot {
    assert(member >= 0 && member < MEMBERS_MAX, 'a member index');
    return this.#peerCommit[member] as Slot;
  }

  note(from: MemberIndex, commit: Slot): void {
    this.#heardTick[from] = this.#state.tick;
    assert(from !== this.#state.configuration.self, 'a replica notes the watermarks of others');
    if (commit > (this.#peerCommit[from] as Slot)) this.#peerCommit[from] = commit;
  }

  /**
   * First slot that a member lacks which was heard within `ticks` and can still be served from the log; the own next one where nobody does. Who is
   * below the truncation point needs a snapshot, and who is not heard must not hold the log for ever.
   */
  neededBy(ticks: number): Slot {
    const state = this.#state;
    let needed = state.commitWatermark;
    for (let m = 0; m < state.configuration.nodeIds.length; m++) {
      const commit = this.#peerCommit[m] as Slot;
      const isAlive = this.#heardTick[m] !== -1 && state.tick - (this.#heardTick[m] as number) <= ticks;
      if (isAlive && commit >= state.truncationPoint && commit < needed) needed = commit;
    }
    return needed;
  }

  /**
   * The member that is furthest ahead of this replica, the leader where several are; -1 when none is. It may be gone for good: where a question was
   * not answered the next member that is ahead gets the next one.
   */
  #source(isRetry: boolean): MemberIndex {
    const state = this.#state;
    const members = state.configuration.nodeIds.length;
    let best = -1;
    let bestCommit = state.commitWatermark;
    for (let n = 1; n <= members; n++) {
      const m = (this.#asked + n) % members;
      const commit = this.#peerCommit[m] as Slot;
      if (isRetry && commit > state.commitWatermark) return m;
      if (commit > bestCommit || (best >= 0 && commit === bestCommit && m === state.leaderHint)) {
        best = m;
        bestCommit = commit;
      }
    }
    return best;
  }

  /**
   * Asks for what is missing where nothing has come for a while.
   *
   * ensures K8: asked is only for slots between the own watermark and one that the member told, and for so many at once
   * ensures K9: no member is asked again before every other one that is ahead was
   */
  onTick(): void {
    const state = this.#state;
    if (state.commitWatermark !== this.#progressCommit) {
      this.#progressCommit = state.commitWatermark;
      this.#progressTick = state.tick;
      return;
    }
    if (state.tick - this.#progressTick < STUCK_TICKS) return;
    if (this.#fetchTick >= 0 && state.tick - this.#fetchTick < STUCK_TICKS) return;
    this.#fetch(this.#fetchTick >= 0);
  }

  /** Part of an answer arrived: when all of it is here, ask for more at once. */
  onProgress(): void {
    const state = this.#state;
    if (this.#fetchTick < 0 || state.commitWatermark < this.#fetchEnd) return;
    this.#fetchTick = -1;
    this.#fetch(false);
  }

  #fetch(isRetry: boolean): void {
    const state = this.#state;
    const source = this.#source(isRetry);
    if (source < 0) return;
    this.#asked = source;
    assert(source !== state.configuration.self, 'no replica is ahead of itself');
    const first = state.commitWatermark;
    const end = this.#peerCommit[source] as Slot;
    assert(end > first, 'the source is ahead');
    this.#fetchEnd = end < first + FETCH_SLOTS_MAX ? end : first + FETCH_SLOTS_MAX;
    this.#fetchTick = state.tick;
    const at = state.send(FETCH, 1 << source, 0);
    const words = state.outbox.words;
    words[at + A_BALLOT] = state.promisedBallot;
    words[at + A_SLOT] = first;
    words[at + A_AUX] = this.#fetchEnd;
    words[at + A_COMMIT] = first;
    if (CONTRACTS)
      ensures(this.#fetchEnd <= first + FETCH_SLOTS_MAX && this.#fetchEnd <= end, 'K8: a bounded question');
  }

  /**
   * Serves chosen values.
   *
   * ensures K1: only slots in [truncationPoint, commitWatermark) leave (I14)
   * ensures K3: where the first is truncated, the newest snapshot is offered instead
   */
  onFetch(message: Float64Array): void {
    const state = this.#state;
    this.note(message[M_FROM] as MemberIndex, message[M_COMMIT] as Slot);
    const first = message[M_SLOT] as Slot;
    if (first < state.truncationPoint) {
      this.#offer(message[M_FROM] as MemberIndex);
      return;
    }
    let end = message[M_AUX] as Slot;
    if (end > first + FETCH_SLOTS_MAX) end = first + FETCH_SLOTS_MAX;
    if (end > state.commitWatermark) end = state.commitWatermark;
    assert(end - first <= FETCH_SLOTS_MAX, 'one answer is bounded');
    for (let slot = first; slot < end; slot++) this.#serve(slot, message[M_FROM] as MemberIndex);
  }

  #offer(to: MemberIndex): void {
    const state = this.#state;
    // The newest may have been found damaged: until there is another there is nothing to offer.
    if (state.snapshotWatermark < state.truncationPoint) return;
    const at = state.send(SNAPSHOT_OFFER, 1 << to, 0);
    const words = state.outbox.words;
    words[at + A_BALLOT] = state.promisedBallot;
    words[at + A_SLOT] = state.snapshotWatermark;
    words[at + A_COMMIT] = state.commitWatermark;
    words[at + A_AUX] = state.snapshotBytes;
  }

  #serve(slot: Slot, to: MemberIndex): void {
    const state = this.#state;
    if (CONTRACTS) requires(slot < state.commitWatermark, 'K1: only chosen slots are served');
    const at = state.send(LEARNED, 1 << to, 0);
    const words = state.outbox.words;
    words[at + A_BALLOT] = state.promisedBallot;
    words[at + A_SLOT] = slot;
    words[at + A_COMMIT] = state.commitWatermark;
    words[at + A_VALUE_LENGTH] = -1;
  }

  /**
   * Serves the value of a vote to the leader whose phase 1 demands it.
   *
   * ensures K2: the value is that of the named vote, or a chosen one served as LEARNED
   */
  onFetchVote(message: Float64Array): void {
    const state = this.#state;
    const window = state.window;
    const slot = message[M_SLOT] as Slot;
    const to = message[M_FROM] as MemberIndex;
    if (slot < window.base) {
      if (slot >= state.truncationPoint) this.#serve(slot, to);
      return;
    }
    if (!window.contains(slot) || message[M_BALLOT] !== state.promisedBallot) return;
    const i = window.index(slot);
    if (window.recorded[i] === 0) return;
    if (window.learned[i] === 0 && window.voteBallot[i] !== message[M_AUX]) return;
    const at = state.send(VOTE_VALUE, 1 << to, state.lastSequence);
    const words = state.outbox.words;
    words[at + A_BALLOT] = state.promisedBallot;
    words[at + A_SLOT] = slot;
    words[at + A_AUX] = message[M_AUX] as Ballot;
    words[at + A_COMMIT] = state.commitWatermark;
    words[at + A_VALUE_LENGTH] = window.valueLength[i] as number;
    words[at + A_VALUE_CRC] = window.valueCrc[i] as number;
  }

  /**
   * A snapshot of everything below `watermark` is published here; slots below `truncationPoint` are given up.
   *
   * ensures K4: nothing is truncated that no snapshot holds, or that is not chosen (S16)
   */
  published(watermark: Slot, bytes: number, truncationPoint: Slot): void {
    const state = this.#state;
    assert(watermark >= state.snapshotWatermark && watermark <= state.commitWatermark, 'snapshots follow one another');
    assert(truncationPoint <= watermark, 'K4: a truncated slot is in a snapshot');
    state.snapshotWatermark = watermark;
    state.snapshotBytes = bytes;
    if (truncationPoint > state.truncationPoint) state.truncationPoint = truncationPoint;
    if (CONTRACTS) ensures(state.truncationPoint <= state.commitWatermark, 'K4: only what is chosen is truncated');
  }

  /**
   * The newest snapshot here was found damaged and set aside: the one below `watermark` is the newest now; 0 where none is left.
   *
   * ensures K7: nothing but what is offered to others changes: what was truncated stays so, and nothing more is
   */
  withdrawn(watermark: Slot, bytes: number): void {
    const state = this.#state;
    assert(watermark <= state.snapshotWatermark, 'K7: what is left is older');
    state.snapshotWatermark = watermark;
    state.snapshotBytes = bytes;
  }

  mark(): Sequence {
    const state = this.#state;
    const at = state.outbox.begin(PERSIST_MARK, 0, 0);
    const words = state.outbox.words;
    words[at + A_BALLOT] = state.promisedBallot;
    words[at + A_SLOT] = state.truncationPoint;
    words[at + A_COMMIT] = state.commitWatermark;
    words[at + A_SEQUENCE] = state.nextSequence();
    return state.lastSequence;
  }

  /**
   * A peer's snapshot of everything below `watermark` was published here and restored.
   *
   * requires K5: it brings this replica further
   * ensures  K6: the promise and all votes at or above the watermark stay (S16)
   */
  install(watermark: Slot, bytes: number): void {
    const state = this.#state;
    assert(state.role !== LEADER, 'who leads lags behind nobody');
    if (CONTRACTS) requires(watermark > state.commitWatermark, 'K5: a snapshot is installed to get further');
    const promised = state.promisedBallot;
    state.window.advance(watermark);
    this.published(watermark, bytes, watermark);
    if (CONTRACTS) ensures(state.promisedBallot === promised, 'K6: the promise stays');
  }
}
