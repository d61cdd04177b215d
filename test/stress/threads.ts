/**
 * Real threads for stress tests: a test file starts itself again in workers, one per task, and gets their results.
 * A thread that stands still fails by itself: `Patience` bounds the idle steps in a row, not the time.
 */
import { Worker } from 'node:worker_threads';

/** Starts one thread of `url` per task and waits for all results; the first failure ends the other threads. */
export async function runThreads<Result>(url: string, tasks: readonly object[]): Promise<Result[]> {
  const workers = tasks.map((task) => new Worker(new URL(url), { workerData: task }));
  const results = workers.map(
    (worker) =>
      new Promise<Result>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
        worker.once('exit', () => reject(new Error('a thread ended without a result')));
      }),
  );
  try {
    return await Promise.all(results);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

const SPINS = 100;
const IDLE_STEPS_MAX = 60_000;

/** Back-off of a thread that finds nothing to do: a few spins, then short waits that give the core away. */
export class Patience {
  private readonly nobodyStoresHere = new Int32Array(new SharedArrayBuffer(4));
  private steps = 0;

  progress(): void {
    this.steps = 0;
  }

  idle(): void {
    this.steps += 1;
    if (this.steps > IDLE_STEPS_MAX) throw new Error('the other thread stands still');
    if (this.steps > SPINS) Atomics.wait(this.nobodyStoresHere, 0, 0, 0.2);
  }
}
