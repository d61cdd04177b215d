/**
 * Snapshots are taken one after the other: by the groups of one worker, so that a turn of the duty cycle writes one slice and not one per group, and
 * by the workers of a process, which share its processors and its disk. And what a worker sends to peers in all is so many bytes per second.
 *
 *   shared words   | HOLDER | BEAT |      one more than the index of the worker whose turn it is, 0 = nobody's; it counts while it is used
 */
import { assert } from '../base/assert.ts';
import type { GroupId } from '../base/types.ts';
import { SNAPSHOT_BLOCK_BYTES } from '../limits.ts';
import { SNAPSHOT_TURN_BEAT_WORD, SNAPSHOT_TURN_BYTES, SNAPSHOT_TURN_HOLDER_WORD } from '../memory/descriptor.ts';

/** What is saved up at most, so that a rate is kept over a while and not within each turn. */
const SAVED_MS = 100;
/** Whoever is patient lets others go first for as long as one of them takes the turn within this time. */
const PATIENCE_MS = 50;
/** A turn that was not used for so long belongs to a worker that is gone. */
const STALE_MS = 10_000;
const NOBODY = -1;

/** The words that the workers of a process share, and which of them this one is. */
export interface SharedTurn {
  block: SharedArrayBuffer;
  worker: number;
}

export class SnapshotTurn {
  #holder: GroupId = NOBODY;
  readonly #clockMs: Float64Array;
  /** Bytes per millisecond; 0 = as many as there is room for. */
  readonly #rate: number;
  readonly #savedMax: number;
  #saved: number;
  #savedAtMs = 0;
  readonly #words: Int32Array;
  readonly #self: number;
  /** The beat seen last, and since when; since when nobody has the turn, -1 where somebody has. */
  #beat = 0;
  #beatAtMs = 0;
  #freeSinceMs = -1;

  /** `clockMs[0]` is the worker's monotonic clock; `partBytes` may always be saved up. */
  constructor(
    clockMs: Float64Array,
    bytesPerSecond: number,
    partBytes = SNAPSHOT_BLOCK_BYTES,
    shared: SharedTurn = { block: new SharedArrayBuffer(SNAPSHOT_TURN_BYTES), worker: 0 },
  ) {
    assert(bytesPerSecond >= 0, 'a rate is not negative');
    this.#words = new Int32Array(shared.block);
    this.#self = shared.worker + 1;
    this.#giveBack();
    this.#clockMs = clockMs;
    this.#rate = bytesPerSecond / 1000;
    this.#savedMax = Math.max(SAVED_MS * this.#rate, partBytes);
    this.#saved = this.#savedMax;
  }

  get nowMs(): number {
    return this.#clockMs[0] as number;
  }

  /** True where the group may begin one now. `isPatient`: others go first that want to. */
  take(group: GroupId, isPatient = false): boolean {
    if (this.#holder !== NOBODY) return this.#holder === group;
    const holder = Atomics.load(this.#words, SNAPSHOT_TURN_HOLDER_WORD);
    if (holder === 0) {
      if (isPatient && !this.#hasBeenFree()) return false;
    } else {
      this.#freeSinceMs = -1;
      if (!this.#isStale()) return false;
    }
    if (Atomics.compareExchange(this.#words, SNAPSHOT_TURN_HOLDER_WORD, holder, this.#self) !== holder) return false;
    this.#freeSinceMs = -1;
    this.#holder = group;
    return true;
  }

  #hasBeenFree(): boolean {
    if (this.#freeSinceMs < 0) this.#freeSinceMs = this.nowMs;
    return this.nowMs - this.#freeSinceMs >= PATIENCE_MS;
  }

  /** A worker that ended with the turn does not give it back. */
  #isStale(): boolean {
    const beat = Atomics.load(this.#words, SNAPSHOT_TURN_BEAT_WORD);
    if (beat !== this.#beat || this.#beatAtMs === 0) {
      this.#beat = beat;
      this.#beatAtMs = this.nowMs;
    }
    return this.nowMs - this.#beatAtMs >= STALE_MS;
  }

  /** The group that has the turn still uses it. */
  use(): void {
    Atomics.add(this.#words, SNAPSHOT_TURN_BEAT_WORD, 1);
  }

  release(group: GroupId): void {
    if (this.#holder !== group) return;
    this.#holder = NOBODY;
    this.#giveBack();
  }

  #giveBack(): void {
    Atomics.compareExchange(this.#words, SNAPSHOT_TURN_HOLDER_WORD, this.#self, 0);
  }

  /** True where `bytes` may be sent now: they are taken off what was saved. */
  spend(bytes: number): boolean {
    if (this.#rate === 0) return true;
    const now = this.nowMs;
    this.#saved = Math.min(this.#savedMax, this.#saved + (now - this.#savedAtMs) * this.#rate);
    this.#savedAtMs = now;
    assert(bytes <= this.#savedMax, 'a part is smaller than what can be saved');
    if (this.#saved < bytes) return false;
    this.#saved -= bytes;
    return true;
  }
}
