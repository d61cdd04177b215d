/**
 * Bytes that this thread allocated between start and stop: heap in use at the end minus at the start, plus what each collection
 * in between freed. A bare difference lies as soon as one collection runs.
 */
import { GCProfiler, getHeapStatistics } from 'node:v8';

export class AllocationMeter {
  #profiler: GCProfiler | undefined;
  #heapAtStart = 0;
  #commandsAtStart = 0;

  start(commands: number): void {
    this.#profiler = new GCProfiler();
    this.#profiler.start();
    this.#heapAtStart = getHeapStatistics().used_heap_size;
    this.#commandsAtStart = commands;
  }

  /** Bytes and commands since `start`. */
  stop(commands: number): { bytes: number; commands: number } {
    const profile = this.#profiler?.stop();
    const grown = getHeapStatistics().used_heap_size - this.#heapAtStart;
    let freed = 0;
    for (const event of profile?.statistics ?? []) {
      freed += event.beforeGC.heapStatistics.usedHeapSize - event.afterGC.heapStatistics.usedHeapSize;
    }
    this.#profiler = undefined;
    return { bytes: grown + freed, commands: commands - this.#commandsAtStart };
  }
}
