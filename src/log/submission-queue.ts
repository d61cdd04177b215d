/**
 * Book-keeping of submissions between "closed" and "durable": which bytes wait for the device, which are in flight, and
 * where the durable prefix ends once the device counts one more.
 *
 *   open ──push──▶ waiting … waiting ──accept──▶ in flight … in flight ──retire──▶ durable
 * @hot
 */
import { assert } from '../base/assert.ts';
import { LOG_SEGMENT_BYTES, SUBMISSION_BYTES_MAX, SUBMISSIONS_IN_FLIGHT_MAX, VALUE_BYTES_MAX } from '../limits.ts';

/** Power of two; waiting and in-flight submissions share it. */
const ENTRIES = 256;
const ENTRY_MASK = ENTRIES - 1;
/** From so many bytes in flight on, more submissions at once buy nothing (native-facts 1.1) … */
const BULK_BYTES = 1 << 20;
/** … than these. */
const BULK_IN_FLIGHT_MAX = 2;

assert(SUBMISSIONS_IN_FLIGHT_MAX < ENTRIES / 2, 'the queue must hold what is in flight and what waits');
assert(LOG_SEGMENT_BYTES >= 4 * SUBMISSION_BYTES_MAX, 'few submissions are closed while they wait');
assert(SUBMISSION_BYTES_MAX >= 2 * VALUE_BYTES_MAX, 'few submissions are closed while they wait');

export class SubmissionQueue {
  /** Serials, counted from 0 and wrapping: retired <= accepted <= pushed. */
  #retired = 0;
  #accepted = 0;
  #pushed = 0;
  #bytesInFlight = 0;
  readonly #chunks = new Int32Array(ENTRIES);
  readonly #offsets = new Int32Array(ENTRIES);
  readonly #sizes = new Int32Array(ENTRIES);
  readonly #records = new Int32Array(ENTRIES);
  readonly #segments = new Int32Array(ENTRIES);

  get inFlight(): number {
    return (this.#accepted - this.#retired) | 0;
  }

  get waiting(): number {
    return (this.#pushed - this.#accepted) | 0;
  }

  /** True while the device should get one more: many small submissions at once, or few large ones. */
  get canAccept(): boolean {
    const inFlight = this.inFlight;
    if (inFlight >= SUBMISSIONS_IN_FLIGHT_MAX) return false;
    return inFlight < BULK_IN_FLIGHT_MAX || this.#bytesInFlight < BULK_BYTES;
  }

  /** Adds a closed submission: `size` bytes without padding at `offset` of `chunk` and of segment number `segment`. */
  push(chunk: number, offset: number, size: number, records: number, segment: number): void {
    assert(((this.#pushed - this.#retired) | 0) < ENTRIES, 'the submission queue holds all closed submissions');
    assert(records > 0, 'a submission holds records');
    assert(segment >= 0, 'segments count from 0');
    const entry = this.#pushed & ENTRY_MASK;
    this.#chunks[entry] = chunk;
    this.#offsets[entry] = offset;
    this.#sizes[entry] = size;
    this.#records[entry] = records;
    this.#segments[entry] = segment;
    this.#pushed = (this.#pushed + 1) | 0;
  }

  /** The oldest waiting submission; an index for the accessors below. */
  first(): number {
    assert(this.waiting > 0, 'a submission waits');
    return this.#accepted & ENTRY_MASK;
  }

  chunkAt(entry: number): number {
    return this.#chunks[entry];
  }

  offsetAt(entry: number): number {
    return this.#offsets[entry];
  }

  sizeAt(entry: number): number {
    return this.#sizes[entry];
  }

  recordsAt(entry: number): number {
    return this.#records[entry];
  }

  segmentAt(entry: number): number {
    return this.#segments[entry];
  }

  /** The device took the first waiting submission. */
  accept(): void {
    assert(this.waiting > 0, 'a submission waits');
    this.#bytesInFlight += this.#sizes[this.#accepted & ENTRY_MASK];
    this.#accepted = (this.#accepted + 1) | 0;
  }

  /** The oldest submission in flight is durable; returns its index. */
  retire(): number {
    assert(this.inFlight > 0, 'a submission is in flight');
    const entry = this.#retired & ENTRY_MASK;
    this.#bytesInFlight -= this.#sizes[entry];
    this.#retired = (this.#retired + 1) | 0;
    return entry;
  }
}
