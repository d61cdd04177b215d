/**
 * When to dial a peer again: at once after a connection that lasted, then in doubling steps with jitter, so that nodes that lost
 * each other do not come back in lockstep.
 */
import type { Prng } from '../base/prng.ts';
import { RECONNECT_MS_MAX, RECONNECT_MS_MIN } from '../limits.ts';

/** A connection that stood for so long was sound. */
const SOUND_MS = 5000;

export class BackOff {
  readonly #prng: Prng;
  #failures = 0;
  #upSinceMs = -1;
  #dueMs = 0;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs;
  }

  connected(nowMs: number): void {
    this.#upSinceMs = nowMs;
  }

  /** The connection, or the attempt to make one, ended. */
  failed(nowMs: number): void {
    const wasSound = this.#upSinceMs >= 0 && nowMs - this.#upSinceMs >= SOUND_MS;
    this.#upSinceMs = -1;
    this.#failures = wasSound ? 0 : this.#failures + 1;
    const step = Math.min(RECONNECT_MS_MIN * 2 ** Math.min(this.#failures, 16), RECONNECT_MS_MAX);
    this.#dueMs = wasSound ? nowMs : nowMs + step * (0.5 + this.#prng.float() / 2);
  }

  /** Something changed (an address, certificates): the next attempt need not wait. */
  reset(): void {
    this.#failures = 0;
    this.#dueMs = 0;
  }
}
