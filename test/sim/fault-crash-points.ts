/**
 * Crashes exactly at a persist point: the device passes one each time it takes, makes or tells something durable, and the armed one throws
 * the power out of the member's turn, or out of its recovery.
 *
 *   submit ─ before ─▶ taken ─ after ─▶ … ─ before ─▶ on the medium ─▶ counted ─ after ─▶ votes count, answers leave
 *   open a segment ─ at (before or after its header is durable)
 *   create, fill, name, open, remove a snapshot ─ at: the turn ends with it, and what was not durable is drawn
 */
import type { Prng } from '../../src/base/prng.ts';
import type { FaultCounts } from './fault-counts.ts';

export type PersistPoint =
  | 'crashBeforeSubmit'
  | 'crashAfterSubmit'
  | 'crashBeforeDurable'
  | 'crashAfterDurable'
  | 'crashAtSegment'
  | 'crashAtSnapshot';

const POINTS: readonly PersistPoint[] = [
  'crashBeforeSubmit',
  'crashAfterSubmit',
  'crashBeforeDurable',
  'crashAfterDurable',
];
const PASSES_MAX = 24;
const RESTORING_PASSES_MAX = 4;

/** The power went in the middle of a turn. */
export class PowerLoss extends Error {
  readonly point: PersistPoint;

  constructor(point: PersistPoint) {
    super(`the power is lost: ${point}`);
    this.point = point;
  }
}

export class CrashPoints {
  readonly #counts: FaultCounts;
  #armed: PersistPoint | undefined;
  #passesLeft = 0;

  constructor(counts: FaultCounts) {
    this.#counts = counts;
  }

  get isArmed(): boolean {
    return this.#armed !== undefined;
  }

  /** The power will go at a drawn one of the next persist points of a drawn kind. */
  draw(prng: Prng): void {
    this.#armed = prng.pick(POINTS);
    this.#passesLeft = prng.range(1, PASSES_MAX);
  }

  /** The power will go at the next segment: in recovery, before or after the new incarnation is durable. */
  drawSegment(prng: Prng): void {
    this.#armed = 'crashAtSegment';
    this.#passesLeft = prng.range(1, 3);
  }

  /** The power will go at one of the next steps of a snapshot; while one is put in place there are few of them. */
  drawSnapshot(prng: Prng, isRestoring: boolean): void {
    this.#armed = 'crashAtSnapshot';
    this.#passesLeft = prng.range(1, isRestoring ? RESTORING_PASSES_MAX : PASSES_MAX);
  }

  disarm(): void {
    this.#armed = undefined;
  }

  /** A step of a snapshot. Nothing of it is durable before it is told, so the power may as well go at the end of the turn: `passSnapshot`. */
  note(): void {
    if (this.#armed !== 'crashAtSnapshot' || this.#passesLeft === 0) return;
    this.#passesLeft -= 1;
  }

  /** The turn ends, with so much work done. */
  passSnapshot(work: number): number {
    if (this.#armed === 'crashAtSnapshot' && this.#passesLeft === 0) {
      this.#passesLeft = 1;
      this.pass('crashAtSnapshot');
    }
    return work;
  }

  /** The device is at `point`; throws PowerLoss where it was armed for this one. */
  pass(point: PersistPoint): void {
    if (this.#armed !== point) return;
    this.#passesLeft -= 1;
    if (this.#passesLeft > 0) return;
    this.#armed = undefined;
    this.#counts[point] += 1;
    throw new PowerLoss(point);
  }
}
