/**
 * One client of the demo: one lane, one session, commands numbered 1, 2, 3 … It encodes commands in place in the lane's
 * memory, keeps the ledger of what it issued, and times each command from publish to poll.
 *
 *   fill: claim ─▶ encode ─▶ ledger.issue ─▶ … ─▶ publish, the batch's time      poll: ledger.acknowledge, latency, revision
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { Histogram } from '../base/histogram.ts';
import type { IssuedLedger } from './issued-ledger.ts';

/** `status` is a REPLY_* of memory/descriptor. */
export type OnCompleted = (number: number, status: number, bytes: Uint8Array, offset: number, length: number) => void;

/** The part of the engine's Lane that the load uses. */
export interface LoadLane {
  readonly memory: Uint8Array;
  readonly words: Int32Array;
  readonly shard: number;
  claim(payloadBytes: number): number;
  publish(): void;
  poll(onCompleted: OnCompleted, limit: number): number;
  wait(timeoutMs: number): Promise<unknown>;
}

/** What the commands are. */
export interface LoadMix {
  readonly payloadBytes: number;
  /** Order-sensitive digest of everything encoded so far. */
  readonly digest: number;
  /** Replies that no command of the mix should get. */
  readonly failed: number;
  /** Writes command `number` at byte `offset`. */
  encode(bytes: Uint8Array, words: Int32Array, offset: number, number: number): void;
  /** The reply to command `number`. */
  learn(number: number, bytes: Uint8Array, offset: number, length: number): void;
}

const STATUS_OK = 0;
const US_PER_MS = 1000;

export class DemoClient {
  /** Names it to the machine. */
  readonly id: number;
  readonly lane: LoadLane;
  readonly shard: number;
  readonly ledger: IssuedLedger;
  /** Completions with another status than OK, and the last such status. */
  refused = 0;
  refusedStatus = STATUS_OK;
  /** Completions whose number was not the next one. */
  outOfOrder = 0;
  readonly #mix: LoadMix;
  readonly #latency: Histogram;
  readonly #inFlightMax: number;
  /** Publish time of each command in flight, milliseconds, by number. */
  readonly #publishedMs: Float64Array;
  readonly #mask: number;
  /** [time of the poll] */
  readonly #now = new Float64Array(1);
  readonly #onCompleted: OnCompleted;

  constructor(id: number, lane: LoadLane, mix: LoadMix, ledger: IssuedLedger, latency: Histogram, inFlightMax: number) {
    this.id = id;
    this.lane = lane;
    this.shard = lane.shard;
    this.ledger = ledger;
    this.#mix = mix;
    this.#latency = latency;
    this.#inFlightMax = inFlightMax;
    this.#publishedMs = new Float64Array(2 ** Math.ceil(Math.log2(inFlightMax + 1)));
    this.#mask = this.#publishedMs.length - 1;
    this.#onCompleted = (number, status, bytes, offset, length) => {
      this.#complete(number, status, bytes, offset, length);
    };
  }

  get failed(): number {
    return this.#mix.failed;
  }

  /** Issues up to `limit` commands as far as in-flight bound and lane allow, all published at once. Returns how many. */
  fill(limit: number): number {
    const lane = this.lane;
    const ledger = this.ledger;
    const mix = this.#mix;
    const room = this.#inFlightMax - ledger.unknown;
    const wanted = limit < room ? limit : room;
    let issued = 0;
    while (issued < wanted) {
      const offset = lane.claim(mix.payloadBytes);
      if (offset < 0) break;
      mix.encode(lane.memory, lane.words, offset, ledger.issued + 1);
      ledger.issue(mix.digest);
      issued += 1;
    }
    if (issued > 0) this.#publish(issued);
    return issued;
  }

  #publish(issued: number): void {
    const now = performance.now();
    const last = this.ledger.issued;
    for (let number = last - issued + 1; number <= last; number++) this.#publishedMs[number & this.#mask] = now;
    this.lane.publish();
  }

  /** Takes up to `limit` completions. Returns how many. */
  poll(limit: number): number {
    this.#now[0] = performance.now();
    return this.lane.poll(this.#onCompleted, limit);
  }

  #complete(number: number, status: number, bytes: Uint8Array, offset: number, length: number): void {
    const ledger = this.ledger;
    assert(ledger.unknown > 0, 'a completion belongs to a command in flight');
    if (number !== ledger.acknowledged + 1) this.outOfOrder += 1;
    if (status !== STATUS_OK) {
      this.refused += 1;
      this.refusedStatus = status;
    }
    ledger.acknowledge();
    this.#latency.record(((this.#now[0] as number) - (this.#publishedMs[number & this.#mask] as number)) * US_PER_MS);
    this.#mix.learn(number, bytes, offset, length);
  }
}
