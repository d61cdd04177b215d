/**
 * The application thread's part: one asynchronous loop that routes, settles promises and sleeps on the client doorbell.
 * A pending wait on shared memory does not keep the process alive; the running workers do.
 */
import type { Sleeper } from '../memory/doorbell.ts';

/** Longest sleep: routes and deadlines are looked at so often at least. */
const SLEEP_MS = 20;

export class Pump {
  readonly #sleeper: Sleeper;
  readonly #turn: () => number;
  #waiters: (() => void)[] = [];
  #isStopped = false;
  #done: Promise<void> | undefined;

  constructor(sleeper: Sleeper, turn: () => number) {
    this.#sleeper = sleeper;
    this.#turn = turn;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** Resolves after the next wake-up, at the latest after SLEEP_MS; at once when the pump is stopped. */
  nextWake(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
    this.#wakeWaiters();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      if (this.#turn() > 0) {
        this.#wakeWaiters();
        await nextTurn();
        continue;
      }
      this.#sleeper.prepare();
      if (this.#turn() === 0) await this.#sleeper.asyncWait(SLEEP_MS);
      this.#sleeper.cancel();
      this.#wakeWaiters();
    }
  }

  #wakeWaiters(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
