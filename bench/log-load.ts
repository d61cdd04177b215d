/**
 * Appends equal values to a log, each its own submission, with a bounded number of them not yet durable; measures each from
 * append to durable. While it can do nothing more it sleeps on the doorbell, as a worker does: a thread that looks on and on takes
 * the core on which the kernel completes the writes.
 * @hot
 */
import { assert } from '../src/base/assert.ts';
import { Histogram } from '../src/base/histogram.ts';
import { PARK_US_MAX } from '../src/limits.ts';
import {
  HEADER_BALLOT,
  HEADER_EPOCH,
  HEADER_FIELDS,
  HEADER_GROUP,
  HEADER_KIND,
  HEADER_SEQUENCE,
  HEADER_SLOT,
  HEADER_VALUE_CRC,
  HEADER_VALUE_LENGTH,
  type Log,
} from '../src/log/log.ts';
import { KIND_VOTE } from '../src/log/record.ts';
import type { Sleeper } from '../src/memory/doorbell.ts';
import { crc32c } from '../src/wire/crc32c.ts';
import type { LogTarget } from './log-target.ts';

/** A power of two above every depth. */
const PENDING = 64;
const PENDING_MASK = PENDING - 1;
const BALLOT = 1 << 20;

export class LogLoad {
  /** Submissions that the device took. */
  submissions = 0;
  /** False: latencies are not taken, so that the boxes of the clock's numbers are not counted as the log's. */
  isTimed = true;
  /** Microseconds that the caller spent in `submit`: all of the write, where it writes itself. */
  readonly submitLatency = new Histogram();
  readonly #value: Uint8Array;
  readonly #depth: number;
  readonly #latency: Histogram;
  readonly #header = new Float64Array(HEADER_FIELDS);
  /** Of the appends that are not durable: when they began, and the position behind them. */
  readonly #starts = new Float64Array(PENDING);
  readonly #ends = new Float64Array(PENDING);
  #head = 0;
  #tail = 0;

  constructor(value: Uint8Array, depth: number, latency: Histogram) {
    assert(depth >= 1 && depth < PENDING, 'the depth is bounded');
    this.#value = value;
    this.#depth = depth;
    this.#latency = latency;
    this.#header[HEADER_KIND] = KIND_VOTE;
    this.#header[HEADER_GROUP] = 0;
    this.#header[HEADER_EPOCH] = 1;
    this.#header[HEADER_BALLOT] = BALLOT;
    this.#header[HEADER_VALUE_LENGTH] = value.length;
    this.#header[HEADER_VALUE_CRC] = crc32c(value, 0, value.length, 0);
  }

  /** Appends `count` values and waits until all are durable. */
  run({ log, sleeper }: Pick<LogTarget, 'log' | 'sleeper'>, count: number): void {
    const alone = this.#depth === 1;
    for (let appended = 0; appended < count; ) {
      const hasAppended = this.#tail - this.#head < this.#depth && this.#append(log, alone);
      if (hasAppended) appended++;
      this.submissions += log.submit(alone);
      if (!this.#reap(log) && !hasAppended) this.#sleep(log, sleeper);
    }
    while (this.#head !== this.#tail) {
      this.submissions += log.submit(false);
      if (!this.#reap(log)) this.#sleep(log, sleeper);
    }
  }

  #append(log: Log, alone: boolean): boolean {
    const start = this.isTimed ? performance.now() : 0;
    const at = log.stage(this.#value.length);
    if (at < 0) return false;
    log.stagedBytes.set(this.#value, at);
    this.#header[HEADER_SLOT] += 1;
    this.#header[HEADER_SEQUENCE] += 1;
    log.append(this.#header);
    const entry = this.#tail & PENDING_MASK;
    this.#starts[entry] = start;
    this.#ends[entry] = log.appendedPosition;
    this.#tail++;
    if (this.isTimed) this.#submitTimed(log, alone);
    else this.submissions += log.submit(alone);
    return true;
  }

  #submitTimed(log: Log, alone: boolean): void {
    const start = performance.now();
    const made = log.submit(alone);
    if (made > 0) this.submitLatency.record((performance.now() - start) * 1e3);
    this.submissions += made;
  }

  #sleep(log: Log, sleeper: Sleeper): void {
    assert(log.device.error() === 0, 'the device works');
    sleeper.prepare();
    if (this.#reap(log)) sleeper.cancel();
    else sleeper.park(PARK_US_MAX);
  }

  /** True where something became durable. */
  #reap(log: Log): boolean {
    if (!log.poll()) return false;
    const now = this.isTimed ? performance.now() : 0;
    const durable = log.durablePosition;
    while (this.#head !== this.#tail && this.#ends[this.#head & PENDING_MASK] <= durable) {
      this.#latency.record((now - this.#starts[this.#head & PENDING_MASK]) * 1e3);
      this.#head++;
    }
    return true;
  }
}
