/**
 * Flushes, verifies and names snapshots on a thread of its own, one after the other: that takes long, and nobody waits for it.
 */
import { Piscina } from 'piscina';
import type { WorkerMessage } from '../../workers/worker-data.ts';

export type PublishTask = Extract<WorkerMessage, { kind: 'publish' }>['task'];

const IDLE_MS = 10_000;

export class SnapshotPublisher {
  readonly #pool: Piscina;
  readonly #native: 'auto' | 'required' | 'off';

  constructor(native: 'auto' | 'required' | 'off') {
    this.#native = native;
    const entry = new URL(
      `../../workers/publish-snapshot${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
      import.meta.url,
    );
    this.#pool = new Piscina({
      filename: entry.href,
      name: 'publish',
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_MS,
      recordTiming: false,
      // Parts of a file in order, and its name last.
      stricterFIFO: true,
    });
  }

  /** Resolves to the empty string, or to why it failed; never rejects. */
  async publish(task: PublishTask): Promise<string> {
    try {
      await this.#pool.run({ ...task, native: this.#native });
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#pool.close();
  }
}
