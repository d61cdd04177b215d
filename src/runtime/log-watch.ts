/**
 * Watches the log of a worker and moves leadership away from one that is full, slow or failed. Once per tick; liveness only.
 *
 *   sample: everything appended by tick t ──durable──▶ flush time in ticks
 *   outrun: slots proposed after t were chosen before ▶ the others' logs are faster than this one
 *
 *   full, or outrun for SLOW_LOG_TICKS ──▶ burden told to leaders, leadership handed to a member without one (if there is any)
 *
 * Where all logs are full or all are slow nobody is fit, so nothing moves: no leadership goes round in a circle.
 */
import { assert } from '../base/assert.ts';
import type { MemberIndex } from '../base/types.ts';
import { HEARTBEAT_TICKS, SLOW_LOG_PAUSE_TICKS, SLOW_LOG_TICKS } from '../limits.ts';
import type { Log } from '../log/log.ts';
import { LOG_FAILED, LOG_FULL, LOG_SLOW, LOG_SOUND } from '../memory/descriptor.ts';
import type { GroupHost } from './group-host.ts';

/** Told when the state changes, and of every finished sample. */
export interface LogObserver {
  /** `state` is a LOG_*. */
  onState(state: number): void;
  onFlush(ticks: number): void;
}

/** Several heartbeats. */
const HAND_OVER_TICKS = 4 * HEARTBEAT_TICKS;

export class LogWatch {
  readonly #log: Log;
  readonly #groups: readonly GroupHost[];
  readonly #observer: LogObserver;
  #state = LOG_SOUND;
  #tick = 0;
  /** Tick at which the sample began; -1 while none is taken. */
  #sampleTick = -1;
  /** Position that ends the sample, then per group the first slot that was not proposed yet. */
  readonly #sample: Float64Array;
  /** A log that was slow counts as slow until then. */
  #slowUntil = -1;
  /** When to hand over next: a while after the state changed, so that the burdens of others are known; again, because a TRANSFER may be lost. */
  #handOverTick = 0;

  constructor(log: Log, groups: readonly GroupHost[], observer: LogObserver) {
    assert(groups.length > 0, 'a log serves groups');
    this.#log = log;
    this.#groups = groups;
    this.#observer = observer;
    this.#sample = new Float64Array(1 + groups.length);
  }

  /** One of LOG_*. */
  get state(): number {
    return this.#state;
  }

  tick(): void {
    assert(this.#state !== LOG_FAILED || this.#log.device.error() !== 0, 'only a latched device has failed');
    this.#tick += 1;
    this.#takeSample();
    if (this.#state === LOG_FAILED) return;
    const isSlow = this.#tick <= this.#slowUntil;
    this.#become(this.#log.isFull ? LOG_FULL : isSlow ? LOG_SLOW : LOG_SOUND);
    if (this.#state !== LOG_SOUND && this.#tick >= this.#handOverTick) this.handOver();
  }

  /** The device latched: others lead before this replica's part of the groups ends. */
  fail(): void {
    this.#become(LOG_FAILED);
    this.handOver();
  }

  /** Asks the fittest member of every group that is led here to campaign. */
  handOver(): void {
    this.#handOverTick = this.#tick + SLOW_LOG_TICKS;
    for (const group of this.#groups) {
      const { replica } = group.driver;
      if (!group.isRunning || !replica.isLeader) continue;
      const successor: MemberIndex = replica.successor;
      assert(successor !== replica.state.configuration.self, 'a leader hands over to another');
      if (successor >= 0) group.driver.transfer(successor);
    }
  }

  #takeSample(): void {
    const log = this.#log;
    if (this.#sampleTick < 0) {
      if (log.durablePosition < log.appendedPosition) this.#beginSample();
    } else if (log.durablePosition >= (this.#sample[0] as number)) {
      this.#observer.onFlush(this.#tick - this.#sampleTick);
      this.#sampleTick = -1;
    } else if (this.#tick - this.#sampleTick >= SLOW_LOG_TICKS && this.#isOutrun()) {
      this.#slowUntil = this.#tick + SLOW_LOG_PAUSE_TICKS;
    }
  }

  #beginSample(): void {
    assert(this.#sampleTick < 0, 'one sample is taken at a time');
    this.#sampleTick = this.#tick;
    this.#sample[0] = this.#log.appendedPosition;
    for (let i = 0; i < this.#groups.length; i++)
      this.#sample[i + 1] = (this.#groups[i] as GroupHost).driver.replica.state.window.nextSlot;
  }

  /** Slots that were proposed here after the sample began are chosen, while what stood before them is not durable here. */
  #isOutrun(): boolean {
    for (let i = 0; i < this.#groups.length; i++) {
      const { replica } = (this.#groups[i] as GroupHost).driver;
      if (replica.isLeader && replica.commitWatermark > (this.#sample[i + 1] as number)) return true;
    }
    return false;
  }

  #become(state: number): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#handOverTick = this.#tick + HAND_OVER_TICKS;
    for (const { driver } of this.#groups) driver.replica.state.isBurdened = state !== LOG_SOUND;
    this.#observer.onState(state);
  }
}
