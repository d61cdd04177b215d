/**
 * Tells the coordinator and the operator how a worker's log is doing: the status block of each of its groups, and a warning when it changes.
 */
import { assert } from '../base/assert.ts';
import { LOG_FAILED, LOG_FULL, LOG_SLOW } from '../memory/descriptor.ts';
import type { StatusWriter } from '../memory/status-block.ts';
import type { LogObserver } from './log-watch.ts';

export class LogReporter implements LogObserver {
  readonly #statuses: readonly StatusWriter[];
  readonly #name: string;
  readonly #tickMs: number;
  readonly #warn: (text: string) => void;

  /** `name` completes "the log of …". */
  constructor(statuses: readonly StatusWriter[], name: string, tickMs: number, warn: (text: string) => void) {
    assert(tickMs > 0, 'time passes');
    this.#statuses = statuses;
    this.#name = name;
    this.#tickMs = tickMs;
    this.#warn = warn;
  }

  onState(state: number): void {
    for (const status of this.#statuses) status.setLogState(state);
    this.#warn(`the log of ${this.#name} ${textOf(state)}`);
  }

  onFlush(ticks: number): void {
    assert(ticks >= 0, 'a flush ends after it began');
    for (const status of this.#statuses) status.setFlushMs(ticks * this.#tickMs);
  }
}

function textOf(state: number): string {
  if (state === LOG_FULL)
    return 'finds no space: commands are refused here until some is freed; reads and elections go on.';
  if (state === LOG_SLOW)
    return 'is much slower than those of the other members: leadership moves away. Look at its device.';
  if (state === LOG_FAILED) return 'failed and takes nothing more: check the medium, then restart the replica.';
  return 'is sound again.';
}
