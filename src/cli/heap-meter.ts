/**
 * Bytes that this thread asked its heap for between two moments: the growth of the used heap, plus what each collection
 * freed in between. The growth alone lies as soon as a collection runs.
 */
import { GCProfiler } from 'node:v8';

interface Collection {
  beforeGC: { heapStatistics: { usedHeapSize: number } };
  afterGC: { heapStatistics: { usedHeapSize: number } };
}

export class HeapMeter {
  #profiler: GCProfiler | undefined;
  #usedAtStart = 0;

  get isRunning(): boolean {
    return this.#profiler !== undefined;
  }

  start(): void {
    this.#profiler = new GCProfiler();
    this.#profiler.start();
    this.#usedAtStart = process.memoryUsage().heapUsed;
  }

  /** Bytes allocated since `start`; 0 when it does not run. */
  stop(): number {
    const profiler = this.#profiler;
    if (profiler === undefined) return 0;
    const grown = process.memoryUsage().heapUsed - this.#usedAtStart;
    this.#profiler = undefined;
    return grown + freedBytes((profiler.stop()?.statistics ?? []) as Collection[]);
  }
}

export function freedBytes(collections: readonly Collection[]): number {
  let freed = 0;
  for (const { beforeGC, afterGC } of collections) {
    freed += beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize;
  }
  return freed;
}
