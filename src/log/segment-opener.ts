/**
 * Opens the segments of a log on its device, in order and ahead of need, and makes a full disk a state instead of a failure.
 *
 *   segment n half full ──ensure(n + 1)──▶ device.openAhead ──true──▶ open: submissions may go there
 *                                                           ──false─▶ under way: ask again next turn
 *                                                           ──no room▶ full: no values are taken; asked again every SPACE_RETRY_TICKS
 *
 * The half segment that is left when the next one finds no room is the reserve for hard state: elections go on (S14).
 * @hot
 */
import { assert } from '../base/assert.ts';
import { SynodError } from '../base/errors.ts';
import type { LogPosition } from '../base/types.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, SPACE_RETRY_TICKS } from '../limits.ts';
import type { LogDevice } from './log.ts';
import { type LogIdentity, writeSegmentHeader } from './record-header.ts';

/** What the segments of an incarnation carry in their headers. */
export interface Incarnation {
  identity: LogIdentity;
  incarnation: number;
  /** Highest segment generation written so far. */
  generation: number;
  /** Everything of older incarnations at or after it is void (S11). */
  cut: LogPosition;
  /** Records that were durable are missing before this incarnation (S12). */
  isForgotten: boolean;
}

/** Indices into `#numbers`. */
const OPENED = 0;
/** Base that the header block is written for; NONE while none is asked for. */
const ASKED = 1;
const GENERATION = 2;
const NUMBERS = 3;

const NONE = -1;

export class SegmentOpener {
  readonly #device: LogDevice;
  readonly #incarnation: Incarnation;
  readonly #numbers = new Float64Array(NUMBERS);
  readonly #block: Uint8Array;
  readonly #words: Int32Array;
  #openedSegment = NONE;
  #isFull = false;
  #waitTicks = 0;

  constructor(device: LogDevice, incarnation: Incarnation) {
    this.#device = device;
    this.#incarnation = incarnation;
    this.#block = new Uint8Array(new SharedArrayBuffer(LOG_BLOCK_BYTES));
    this.#words = new Int32Array(this.#block.buffer);
    this.#numbers[OPENED] = NONE;
    this.#numbers[ASKED] = NONE;
    this.#numbers[GENERATION] = incarnation.generation;
  }

  /** Makes the first segment of the incarnation durable, and with it the cut; waits for it (S11). */
  openFirst(base: LogPosition): void {
    assert(this.#numbers[OPENED] === NONE, 'a log is opened once');
    this.#ask(base, this.#incarnation.isForgotten);
    this.#device.openSegment(base, this.#block);
    this.#finish(base);
  }

  /** True once the segment at `base`, the open one or the one behind it, may take submissions. */
  ensure(base: LogPosition): boolean {
    if (base <= this.#numbers[OPENED]) return true;
    assert(base === this.#numbers[OPENED] + LOG_SEGMENT_BYTES, 'segments are opened in order');
    if (this.#waitTicks > 0) return false;
    if (this.#numbers[ASKED] !== base) this.#ask(base, false);
    if (!this.#tryAhead(base)) return false;
    this.#finish(base);
    return true;
  }

  /** Asks for the segment behind the newest open one, unless that lies ahead of `filling`, the segment being filled. */
  goOn(filling: LogPosition): void {
    const opened = this.#numbers[OPENED];
    if (opened <= filling) this.ensure(opened + LOG_SEGMENT_BYTES);
  }

  /** Number of the newest open segment; NONE before the first. */
  get openedSegment(): number {
    return this.#openedSegment;
  }

  /** True while the medium has no room for the next segment. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** One unit of logical time has passed: a full medium is asked again now and then. */
  tick(): void {
    if (this.#waitTicks > 0) this.#waitTicks -= 1;
  }

  #ask(base: LogPosition, isForgotten: boolean): void {
    const { identity, incarnation, cut } = this.#incarnation;
    const generation = this.#numbers[GENERATION] + 1;
    writeSegmentHeader(this.#words, identity, generation, incarnation, base, cut, isForgotten);
    this.#numbers[ASKED] = base;
  }

  #finish(base: LogPosition): void {
    this.#numbers[GENERATION] += 1;
    this.#numbers[OPENED] = base;
    this.#openedSegment = base / LOG_SEGMENT_BYTES;
    this.#numbers[ASKED] = NONE;
    this.#isFull = false;
  }

  /** What a latched device says is told by its `error()`; whatever else it refuses for may pass. */
  #tryAhead(base: LogPosition): boolean {
    try {
      return this.#device.openAhead(base, this.#block);
    } catch (error) {
      if (!(error instanceof SynodError)) throw error;
      this.#isFull = this.#device.error() === 0;
      this.#waitTicks = SPACE_RETRY_TICKS;
      return false;
    }
  }
}
