/**
 * Keeps one lane full: claims, copies prepared commands in place, publishes, polls; latency from publish to poll.
 * The clock is read once per pass, not per command.
 * @hot
 */
import { assert } from '../src/base/assert.ts';
import type { Histogram } from '../src/base/histogram.ts';
import { SESSION_INFLIGHT_MAX } from '../src/limits.ts';
import { REPLY_OK } from '../src/memory/descriptor.ts';
import type { CommandTable } from './command-table.ts';

/** What the load needs of a lane. */
export interface LoadLane {
  readonly words: Int32Array;
  readonly inFlight: number;
  claim(bytes: number): number;
  publish(): void;
  poll(onCompleted: OnCompleted, limit: number): number;
}

export type OnCompleted = (number: number, status: number, bytes: Uint8Array, offset: number, length: number) => void;

/** Commands per pass at most: the other lanes wait meanwhile. */
const PASS_COMMANDS = 1024;
const STARTS_MASK = 2 * SESSION_INFLIGHT_MAX - 1;

assert((STARTS_MASK & (STARTS_MASK + 1)) === 0, 'starts are indexed by mask');

export class LaneLoad {
  /** Completions with a reply of the machine, and with anything else. */
  acknowledged = 0;
  refused = 0;
  readonly #lane: LoadLane;
  readonly #commands: CommandTable;
  readonly #inFlightMax: number;
  readonly #latency: Histogram;
  readonly #starts = new Float64Array(STARTS_MASK + 1);
  readonly #now = new Float64Array(1);
  readonly #onCompleted: OnCompleted;
  #issued = 0;
  #completed = 0;

  constructor(lane: LoadLane, commands: CommandTable, inFlightMax: number, latency: Histogram) {
    assert(inFlightMax >= 1 && inFlightMax <= SESSION_INFLIGHT_MAX, 'a session bounds what is in flight');
    this.#lane = lane;
    this.#commands = commands;
    this.#inFlightMax = inFlightMax;
    this.#latency = latency;
    this.#onCompleted = (_number, status, bytes, offset) => this.#complete(status, bytes, offset);
  }

  get inFlight(): number {
    return (this.#issued - this.#completed) | 0;
  }

  /** One pass over the lane; returns commands published and completed. `isOpen` false: only polls. */
  turn(isOpen: boolean): number {
    this.#now[0] = performance.now();
    const polled = this.#lane.poll(this.#onCompleted, PASS_COMMANDS);
    return isOpen ? polled + this.#fill() : polled;
  }

  #fill(): number {
    const lane = this.#lane;
    const commands = this.#commands;
    const room = Math.min(PASS_COMMANDS, this.#inFlightMax - this.inFlight);
    let claimed = 0;
    while (claimed < room) {
      const offset = lane.claim(commands.payloadBytes);
      if (offset < 0) break;
      commands.next();
      commands.write(lane.words, offset >> 2);
      this.#starts[this.#issued & STARTS_MASK] = this.#now[0];
      this.#issued = (this.#issued + 1) | 0;
      claimed++;
    }
    if (claimed > 0) lane.publish();
    return claimed;
  }

  #complete(status: number, bytes: Uint8Array, offset: number): void {
    this.#latency.record((this.#now[0] - this.#starts[this.#completed & STARTS_MASK]) * 1e3);
    this.#completed = (this.#completed + 1) | 0;
    this.#commands.learn(bytes, offset);
    if (status === REPLY_OK) this.acknowledged++;
    else this.refused++;
  }
}
