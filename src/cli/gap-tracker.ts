/**
 * When each shard was last acknowledged, the longest silence of each, and, once a leader's worker was killed, how long
 * each of its shards took to come back.
 *
 *   acknowledgements   |   | |  ||  ┼ kill       first |  |||  | |
 *   of a led shard                  ├──── failover ────┤
 *   of another shard   || | ||| | ──┼──| |||  |──────| || |       the longest of these gaps is the figure
 * @hot
 */
import { assert } from '../base/assert.ts';

const NEVER = -1;

export class GapTracker {
  readonly shards: number;
  /** [milliseconds], written by the loop: a number handed over call by call would be boxed. */
  readonly #now: Float64Array;
  readonly #lastMs: Float64Array;
  readonly #gapMaxMs: Float64Array;
  readonly #failoverMs: Float64Array;
  readonly #isLed: Uint8Array;
  /** [kill] */
  readonly #times = new Float64Array(1).fill(NEVER);
  #armed = false;

  constructor(shards: number, now: Float64Array) {
    assert(shards > 0, 'a tracker has a shard');
    this.shards = shards;
    this.#now = now;
    this.#lastMs = new Float64Array(shards).fill(now[0] as number);
    this.#gapMaxMs = new Float64Array(shards);
    this.#failoverMs = new Float64Array(shards).fill(NEVER);
    this.#isLed = new Uint8Array(shards);
  }

  /** The worker that led the shards of `led` was told to end. Silences are measured from here on. */
  killed(led: readonly number[]): void {
    for (let i = 0; i < led.length; i++) this.#isLed[led[i] as number] = 1;
    this.#times[0] = this.#now[0] as number;
    this.#gapMaxMs.fill(0);
  }

  /**
   * The worker is gone and what it had completed was polled: the next acknowledgement of a led shard comes from another
   * leader.
   */
  arm(): void {
    assert((this.#times[0] as number) !== NEVER, 'a fail-over begins with a kill');
    this.#armed = true;
  }

  /** `shard` got acknowledgements. */
  acknowledged(shard: number): void {
    const nowMs = this.#now[0] as number;
    const gap = nowMs - (this.#lastMs[shard] as number);
    if (gap > (this.#gapMaxMs[shard] as number)) this.#gapMaxMs[shard] = gap;
    this.#lastMs[shard] = nowMs;
    if (this.#armed && this.#isLed[shard] === 1 && this.#failoverMs[shard] === NEVER) {
      this.#failoverMs[shard] = nowMs - (this.#times[0] as number);
    }
  }

  /** The load ended: silences that last until now count too. */
  finish(): void {
    const nowMs = this.#now[0] as number;
    for (let shard = 0; shard < this.shards; shard++) {
      const gap = nowMs - (this.#lastMs[shard] as number);
      if (gap > (this.#gapMaxMs[shard] as number)) this.#gapMaxMs[shard] = gap;
    }
  }

  /** Milliseconds from the kill to the first acknowledgement by another leader; undefined when there was none. */
  failoverMs(shard: number): number | undefined {
    const value = this.#failoverMs[shard] as number;
    return value === NEVER ? undefined : value;
  }

  /** Of the slowest led shard; null without a kill, or when a shard never came back. */
  get failoverMsMax(): number | null {
    let max = NEVER;
    for (let shard = 0; shard < this.shards; shard++) {
      if (this.#isLed[shard] === 0) continue;
      if (this.#failoverMs[shard] === NEVER) return null;
      max = Math.max(max, this.#failoverMs[shard] as number);
    }
    return max === NEVER ? null : max;
  }

  /** Longest silence since the kill of a shard whose leader was elsewhere; null when there was none to watch. */
  get otherShardsMaxGapMs(): number | null {
    if (this.#times[0] === NEVER) return null;
    let max = NEVER;
    for (let shard = 0; shard < this.shards; shard++) {
      if (this.#isLed[shard] === 0) max = Math.max(max, this.#gapMaxMs[shard] as number);
    }
    return max === NEVER ? null : max;
  }
}
