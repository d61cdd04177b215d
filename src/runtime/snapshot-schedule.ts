/**
 * When the next snapshot of a group is due: after so many bytes of log or so much time, followers before the leader, no two members and no two
 * groups at the same moment; after a failure again, later and later.
 */
import { assert } from '../base/assert.ts';
import type { Prng } from '../base/prng.ts';
import type { LogPosition, MemberIndex } from '../base/types.ts';

/** Shares of the interval by which each member waits longer than the one before it, a leader longer than followers, and a drawn one. */
const STAGGER = 0.05;
const LEADER_DELAY = 0.25;
const JITTER = 0.1;
const RETRY_MS_MIN = 2000;
const RETRY_MS_MAX = 300_000;

export interface ScheduleOptions {
  /** Log bytes and milliseconds after which one is due; 0 = not for this reason. */
  everyBytes: number;
  everyMs: number;
  self: MemberIndex;
  prng: Prng;
}

export class SnapshotSchedule {
  readonly #options: ScheduleOptions;
  #jitter: number;
  #position: LogPosition = -1;
  #atMs = -1;
  #retryAtMs = -1;
  /** Where the log stood when this one became due; -1 while it is not. */
  #duePosition: LogPosition = -1;

  constructor(options: ScheduleOptions) {
    assert(options.everyBytes >= 0 && options.everyMs >= 0, 'intervals are not negative');
    this.#options = options;
    this.#jitter = draw(options.prng);
  }

  /**
   * True where one is due; the log begins at `first`, its next record goes to `position`, the monotonic clock says `nowMs`. At a start all the log there is
   * counts: who starts again and again, and does little in between, must not pile up segments.
   */
  isDue(first: LogPosition, position: LogPosition, nowMs: number, isLeader: boolean): boolean {
    if (this.#atMs < 0) this.#atMs = nowMs;
    if (this.#position < 0) this.#position = first;
    if (this.#retryAtMs >= 0) return nowMs >= this.#retryAtMs;
    const { everyBytes, everyMs, self } = this.#options;
    const patience = 1 + STAGGER * self + this.#jitter + (isLeader ? LEADER_DELAY : 0);
    if (everyBytes > 0 && position - this.#position >= everyBytes * patience) {
      if (this.#duePosition < 0) this.#duePosition = position;
      return true;
    }
    return everyMs > 0 && nowMs - this.#atMs >= everyMs * patience;
  }

  /** One was begun, or there was nothing to take. What it waited for its turn is taken off the next interval, but for one interval at most. */
  begun(position: LogPosition, nowMs: number): void {
    const due = this.#duePosition < 0 ? position : this.#duePosition;
    this.#position = Math.max(due, position - this.#options.everyBytes);
    this.#duePosition = -1;
    this.#atMs = nowMs;
    this.#retryAtMs = -1;
    this.#jitter = draw(this.#options.prng);
  }

  /** The last `count` failed one after the other. */
  failed(count: number, nowMs: number): void {
    assert(count > 0, 'a failure counts');
    this.#retryAtMs = nowMs + Math.min(RETRY_MS_MIN * 2 ** (count - 1), RETRY_MS_MAX);
  }
}

function draw(prng: Prng): number {
  return (JITTER * prng.range(0, 1000)) / 1000;
}
