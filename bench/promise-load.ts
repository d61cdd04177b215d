/**
 * Keeps a number of promises in flight: each slot calls again as soon as its promise settled.
 */
import type { Histogram } from '../src/base/histogram.ts';

export type Call = (slot: number) => Promise<unknown>;

export class PromiseLoad {
  completed = 0;
  /** First rejection; the case fails with it. */
  error: unknown;
  readonly #call: Call;
  readonly #latency: Histogram;
  readonly #starts: Float64Array;
  readonly #onSettled: (() => void)[];
  readonly #onRejected: (error: unknown) => void;
  #isOpen = true;
  #running = 0;
  #onIdle: (() => void) | undefined;

  constructor(call: Call, slots: number, latency: Histogram) {
    this.#call = call;
    this.#latency = latency;
    this.#starts = new Float64Array(slots);
    this.#onSettled = Array.from({ length: slots }, (_, slot) => () => this.#settle(slot));
    this.#onRejected = (error) => {
      this.error ??= error;
      this.#isOpen = false;
      this.#leave();
    };
  }

  start(): void {
    for (let slot = 0; slot < this.#starts.length; slot++) {
      this.#running++;
      this.#issue(slot);
    }
  }

  /** Waits for `ms` and at least one completion; returns how many there were. Throws the first rejection. */
  async window(ms: number): Promise<number> {
    const before = this.completed;
    const end = performance.now() + ms;
    while (performance.now() < end || this.completed === before) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.error !== undefined) throw this.error;
    }
    return this.completed - before;
  }

  /** Lets nothing new begin and waits for what is in flight. */
  stop(): Promise<void> {
    this.#isOpen = false;
    return new Promise((resolve) => {
      if (this.#running === 0) resolve();
      else this.#onIdle = resolve;
    });
  }

  #issue(slot: number): void {
    this.#starts[slot] = performance.now();
    this.#call(slot).then(this.#onSettled[slot], this.#onRejected);
  }

  #settle(slot: number): void {
    this.#latency.record((performance.now() - this.#starts[slot]) * 1e3);
    this.completed++;
    if (this.#isOpen) this.#issue(slot);
    else this.#leave();
  }

  #leave(): void {
    this.#running--;
    if (this.#running === 0) this.#onIdle?.();
  }
}
