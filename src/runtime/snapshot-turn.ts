/**
 * What the groups of one worker share about snapshots: one of them is taken at a time, so that a turn of the duty cycle writes one slice and
 * not one per group; and what is sent to peers in all is so many bytes per second.
 */
import { assert } from '../base/assert.ts';
import type { GroupId } from '../base/types.ts';
import { SNAPSHOT_BLOCK_BYTES } from '../limits.ts';

/** What is saved up at most, so that a rate is kept over a while and not within each turn. */
const SAVED_MS = 100;
const NOBODY = -1;

export class SnapshotTurn {
  #holder: GroupId = NOBODY;
  readonly #clockMs: Float64Array;
  /** Bytes per millisecond; 0 = as many as there is room for. */
  readonly #rate: number;
  readonly #savedMax: number;
  #saved: number;
  #savedAtMs = 0;

  /** `clockMs[0]` is the worker's monotonic clock; `partBytes` may always be saved up. */
  constructor(clockMs: Float64Array, bytesPerSecond: number, partBytes = SNAPSHOT_BLOCK_BYTES) {
    assert(bytesPerSecond >= 0, 'a rate is not negative');
    this.#clockMs = clockMs;
    this.#rate = bytesPerSecond / 1000;
    this.#savedMax = Math.max(SAVED_MS * this.#rate, partBytes);
    this.#saved = this.#savedMax;
  }

  get nowMs(): number {
    return this.#clockMs[0] as number;
  }

  /** True where the group may begin one now. */
  take(group: GroupId): boolean {
    if (this.#holder !== NOBODY && this.#holder !== group) return false;
    this.#holder = group;
    return true;
  }

  release(group: GroupId): void {
    if (this.#holder === group) this.#holder = NOBODY;
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
