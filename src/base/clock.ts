/**
 * Time as the engine sees it: monotonic milliseconds, read once or twice per duty cycle and handed to everyone else.
 * `paxos` knows ticks only; simulated clocks implement the same interface.
 * @hot
 */

export interface Clock {
  /** Monotonic milliseconds with a fraction; the zero point is arbitrary. */
  nowMs(): number;
  /** Stores `nowMs()` in `target[index]`: a double that goes straight into a typed array is never boxed. */
  readInto(target: Float64Array, index: number): void;
}

/**
 * The operating system's monotonic clock. Readings of all threads and processes of one machine agree to a few
 * microseconds. Linux stops this clock while the machine is suspended, so a lease must not rest on it alone (S21).
 */
export class SystemClock implements Clock {
  /** `performance.now()` counts from the start of its process or thread; this moves it to the machine's zero point. */
  readonly #offsetMs: number;

  constructor() {
    const [seconds, nanoseconds] = process.hrtime();
    this.#offsetMs = seconds * 1e3 + nanoseconds / 1e6 - performance.now();
  }

  nowMs(): number {
    return performance.now() + this.#offsetMs;
  }

  readInto(target: Float64Array, index: number): void {
    target[index] = performance.now() + this.#offsetMs;
  }
}
