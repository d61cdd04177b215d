/**
 * Gives back the segments of a worker's log that no group needs any more, in the order that a crash cannot hurt (S14, S16):
 *
 *   a truncation point moved ──▶ hard state of every group appended anew ──▶ durable ──▶ segments below the oldest record needed retired
 */
import type { LogPosition, Sequence, Slot } from '../base/types.ts';
import { LOG_SEGMENT_BYTES } from '../limits.ts';
import type { Log } from '../log/log.ts';
import type { GroupDriver } from './group-driver.ts';

export class LogTruncator {
  readonly #log: Log;
  readonly #drivers: readonly GroupDriver[];
  /** Truncation points that were looked at. */
  readonly #seen: Slot[];
  /** Position below which segments go once all marks are durable; -1 while none is planned. */
  #limit: LogPosition = -1;
  #marks: Sequence[] = [];
  /** Segments given back since start. */
  retired = 0;

  constructor(log: Log, drivers: readonly GroupDriver[]) {
    this.#log = log;
    this.#drivers = drivers;
    this.#seen = drivers.map(() => 0);
  }

  /** One turn; returns the work done. */
  work(): number {
    if (this.#limit >= 0) return this.#finish();
    for (let i = 0; i < this.#drivers.length; i++) {
      if (this.#drivers[i]?.replica.state.truncationPoint !== this.#seen[i]) return this.#plan();
    }
    return 0;
  }

  /** Where a group is on its way back from a loss, the mark of it in the log must stay. */
  #plan(): number {
    let oldest = this.#log.appendedPosition;
    for (const driver of this.#drivers) {
      if (driver.replica.state.isRejoining || !driver.canMark) return 0;
      oldest = Math.min(oldest, driver.oldestNeeded());
    }
    for (let i = 0; i < this.#drivers.length; i++)
      this.#seen[i] = this.#drivers[i]?.replica.state.truncationPoint as Slot;
    if (oldest - this.#log.firstPosition < LOG_SEGMENT_BYTES) return 1;
    const marks: Sequence[] = [];
    for (const driver of this.#drivers) marks.push(driver.mark());
    this.#marks = marks;
    this.#limit = oldest;
    return 1;
  }

  #finish(): number {
    for (let i = 0; i < this.#drivers.length; i++) {
      if (this.#drivers[i]?.isDurable(this.#marks[i] as Sequence) !== true) return 0;
    }
    this.retired += this.#log.retire(this.#limit);
    this.#limit = -1;
    return 1;
  }
}
