/**
 * Bytes that this thread's heap was asked for between two moments: the growth of the used heap, plus what each collection
 * freed in between. The growth alone lies as soon as a collection runs.
 */
import { GCProfiler } from 'node:v8';

interface Collection {
  beforeGC: { heapStatistics: { usedHeapSize: number } };
  afterGC: { heapStatistics: { usedHeapSize: number } };
}

export class AllocationMeter {
  readonly #profiler = new GCProfiler();
  #start = 0;

  start(): void {
    this.#profiler.start();
    this.#start = process.memoryUsage().heapUsed;
  }

  /** Bytes allocated since `start`. */
  stop(): number {
    const end = process.memoryUsage().heapUsed;
    const collections = this.#profiler.stop()?.statistics as Collection[] | undefined;
    return end - this.#start + freedBytes(collections ?? []);
  }
}

export function freedBytes(collections: readonly Collection[]): number {
  let freed = 0;
  for (const { beforeGC, afterGC } of collections) {
    freed += beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize;
  }
  return freed;
}
