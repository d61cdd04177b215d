/**
 * How fast a simulation is, and what bounds it. Processor time is measured beside the clock: other work on the machine disturbs the one
 * and not the other.
 *
 *   Stopwatch: one tick in SAMPLE is timed part by part       CpuMeter: user and system time of this process
 */
import { PerformanceObserver, performance } from 'node:perf_hooks';

const SAMPLE = 16;
/** A tick is ten virtual milliseconds. */
export const TICKS_PER_SECOND = 100;

/** Names of the parts of a tick. */
export type Part = 'faults' | 'recoveries' | 'turns' | 'time' | 'checks';

/** Milliseconds per part of the timed ticks. */
export type PartTimes = Record<Part, number>;

export const NO_TIMES: PartTimes = { faults: 0, recoveries: 0, turns: 0, time: 0, checks: 0 };

export class Stopwatch {
  readonly times: PartTimes = { ...NO_TIMES };
  #isOn = false;
  #last = 0;

  /** A tick begins. */
  begin(tick: number): void {
    this.#isOn = tick % SAMPLE === 0;
    if (this.#isOn) this.#last = performance.now();
  }

  /** A part of the tick is over. */
  lap(part: Part): void {
    if (!this.#isOn) return;
    const now = performance.now();
    this.times[part] += now - this.#last;
    this.#last = now;
  }
}

/** Processor seconds of this process, and its time spent on garbage. */
export class CpuMeter {
  readonly #started = performance.now();
  readonly #cpu = process.cpuUsage();
  readonly #observer: PerformanceObserver;
  #garbageMs = 0;

  constructor() {
    this.#observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) this.#garbageMs += duration;
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  get cpuSeconds(): number {
    const { user, system } = process.cpuUsage(this.#cpu);
    return (user + system) / 1e6;
  }

  /** Part of the time that went into garbage collection, 0 to 1; the observer is told between turns of the event loop. */
  async garbageShare(): Promise<number> {
    await new Promise(setImmediate);
    for (const { duration } of this.#observer.takeRecords()) this.#garbageMs += duration;
    return this.#garbageMs / 1000 / Math.max(this.seconds, 1e-9);
  }

  close(): void {
    this.#observer.disconnect();
  }
}

/** What the report says of a simulation's speed. */
export function speedOf(ticks: number, events: number, seconds: number, cpuSeconds: number): Record<string, number> {
  return {
    ticksPerSecond: Math.round(ticks / seconds),
    eventsPerSecond: Math.round(events / seconds),
    timesRealTime: Math.round(ticks / TICKS_PER_SECOND / seconds),
    cpuSeconds: Number(cpuSeconds.toFixed(1)),
    eventsPerCpuSecond: Math.round(events / cpuSeconds),
    timesRealTimePerCore: Math.round(ticks / TICKS_PER_SECOND / cpuSeconds),
  };
}

/** In percent, largest first: `turns 46 %, recoveries 33 %, …; garbage 15 % of all`. */
export function describeBound(times: PartTimes, garbageShare: number): string {
  const sum = Math.max(
    Object.values(times).reduce((all, ms) => all + ms, 0),
    1e-9,
  );
  const parts = (Object.entries(times) as [Part, number][])
    .sort(([, a], [, b]) => b - a)
    .map(([part, ms]) => `${part} ${Math.round((100 * ms) / sum)} %`);
  return `${parts.join(', ')}; garbage ${Math.round(100 * garbageShare)} % of all`;
}
