/**
 * Tells the coordinator how far a starting worker has come: a sign of life that extends its deadline, and a figure for the operator.
 */
import type { WorkerMessage } from '../../workers/worker-data.ts';
import { assert } from '../base/assert.ts';

/** Messages are so far apart at least. */
const INTERVAL_MS = 200;

type Progress = Extract<WorkerMessage, { kind: 'progress' }>;

export class StartProgress {
  readonly #post: (message: Progress) => void;
  readonly #now: () => number;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(post: (message: Progress) => void, now: () => number = () => performance.now()) {
    this.#post = post;
    this.#now = now;
  }

  /** `bytes` of `total` at most are read. */
  tell(what: Progress['what'], bytes: number, total: number): void {
    assert(bytes >= 0 && bytes <= total, 'nothing is read twice');
    const now = this.#now();
    if (now - this.#toldMs < INTERVAL_MS) return;
    this.#toldMs = now;
    this.#post({ kind: 'progress', what, bytes, total });
  }
}
