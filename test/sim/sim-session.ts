/**
 * The session of a simulated client over its lives: a next life goes on with it, or begins another. What a session tells when it is resumed is
 * checked: nothing acknowledged is missing, and what it says was not applied never shows.
 *
 *   life ── ends, some writes unanswered ──▶ unsettled ── resumed: the last number applied ──▶ took effect │ never will
 */
import type { LaneClient } from '../../src/engine/lane-client.ts';
import { REPLY_SESSION_EXPIRED } from '../../src/memory/descriptor.ts';
import type { History } from './history.ts';
import type { RegisterOperation } from './linearizability.ts';

type PendingWrite = RegisterOperation & { key: number };

/** So many of the last attempts to resume are remembered: a late duplicate of an older one takes the session over. */
const ATTEMPTS_REMEMBERED = 2;

export class SimSession {
  /** The name it has over all lives. */
  readonly name: number;
  /** Number of the last command whose outcome is known to be that it was applied. */
  acknowledged = 0;
  readonly #history: History;
  #isOpened = false;
  #isResuming = false;
  #attempts = 0;
  /** Attempts of lives that ended before the log told of them: they may come yet, and win. */
  #rivals = 0;
  #unsettled: { number: number; write: PendingWrite }[] = [];

  constructor(name: number, history: History) {
    this.name = name;
    this.#history = history;
  }

  /** A life ends with these unanswered, in order. */
  end(lane: LaneClient, unanswered: readonly PendingWrite[]): void {
    this.#isOpened ||= lane.isOpen;
    if (this.#isResuming) this.#rivals += 1;
    this.#isResuming = false;
    this.#history.pending.push(...unanswered);
    this.#unsettled.push(...unanswered.map((write, i) => ({ number: this.acknowledged + 1 + i, write })));
  }

  /** The log knows it: another life can go on with it. */
  get canResume(): boolean {
    return this.#isOpened;
  }

  resume(): void {
    this.#isResuming = true;
    this.#attempts += 1;
  }

  /** Something else may have gone on with it. */
  mayBeLost(status: number): boolean {
    return status === REPLY_SESSION_EXPIRED && (this.#rivals > 0 || this.#attempts > ATTEMPTS_REMEMBERED);
  }

  /** Where it was just resumed: settles what an earlier life left, and tells what is wrong, if anything is. */
  look(lane: LaneClient, now: number): string {
    if (!this.#isResuming || !lane.isOpen) return '';
    this.#isResuming = false;
    const { lastApplied } = lane;
    const last = this.#unsettled.at(-1)?.number ?? this.acknowledged;
    if (lastApplied < this.acknowledged)
      return `session ${this.name} was resumed at ${lastApplied}, after ${this.acknowledged} was acknowledged`;
    if (lastApplied > last)
      return `session ${this.name} was resumed at ${lastApplied}, and ${last} was the last one sent`;
    const never = new Set<PendingWrite>();
    for (const { number, write } of this.#unsettled) {
      if (number > lastApplied) never.add(write);
      else write.respondedAt = now;
    }
    this.#history.pending = this.#history.pending.filter((write) => !never.has(write));
    this.#unsettled = [];
    this.acknowledged = lastApplied;
    return '';
  }
}
