/** What the runs of a swarm did, added up, and whether it passes: a violation, a run that chose nothing, a fault class that never struck do not. */
import { type FileCoverage, mergeCoverage, percentOf } from './coverage.ts';
import { FaultCounts } from './fault-counts.ts';
import { describeBound, NO_TIMES, type Part, speedOf, TICKS_PER_SECOND } from './speed.ts';
import type { JobReport } from './swarm-job.ts';

export class SwarmSum {
  readonly violations: string[] = [];
  readonly coverage: FileCoverage[] = [];
  readonly #faults = new FaultCounts();
  readonly #sum = { runs: 0, ticks: 0, events: 0, slotsChosen: 0, acknowledged: 0, elections: 0, judgements: 0 };
  readonly #times = { ...NO_TIMES };
  #emptyRuns = 0;
  #leastFaults = Number.POSITIVE_INFINITY;
  #cpuSeconds = 0;
  #garbageSeconds = 0;

  add(run: JobReport): void {
    const sum = this.#sum;
    sum.runs += 1;
    sum.ticks += run.ticks;
    sum.events += run.events;
    sum.slotsChosen += run.chosen;
    sum.acknowledged += run.acknowledged;
    sum.elections += run.elections;
    sum.judgements += run.judgements;
    if (run.chosen === 0) this.#emptyRuns += 1;
    if (run.violation !== '') this.violations.push(`seed ${run.seed}: ${run.violation}`);
    const struck = new FaultCounts();
    struck.add(run.counts);
    this.#leastFaults = Math.min(this.#leastFaults, struck.total);
    this.#faults.add(run.counts);
    this.#cpuSeconds += run.cpuSeconds;
    this.#garbageSeconds += run.cpuSeconds * run.garbageShare;
    for (const part of Object.keys(NO_TIMES) as Part[]) this.#times[part] += run.times[part];
  }

  /** Fault classes that exist and never struck. */
  get missedFaults(): string[] {
    return Object.entries(this.#faults)
      .filter(([name, count]) => count === 0 && !this.#faults.isReport(name))
      .map(([name]) => name);
  }

  /** Why it does not pass, one line each. */
  get failures(): string[] {
    const failures = [...this.violations];
    if (this.#sum.runs === 0) failures.push('no seed ran');
    if (this.#emptyRuns > 0) failures.push(`${this.#emptyRuns} runs chose nothing`);
    if (this.missedFaults.length > 0) failures.push(`fault classes that never struck: ${this.missedFaults.join(', ')}`);
    return failures;
  }

  get passed(): number {
    return this.#sum.runs - this.violations.length;
  }

  /** The report's fields. */
  figures(seconds: number): Record<string, unknown> {
    const { ticks, events, acknowledged } = this.#sum;
    const files = mergeCoverage(this.coverage);
    const missed = files.filter((file) => file.missed.length > 0).map((file) => [file.file, file.missed]);
    return {
      ...this.#sum,
      violations: this.violations.length,
      emptyRuns: this.#emptyRuns,
      leastFaults: this.#leastFaults,
      snapshots: this.#faults.snapshot,
      reconfigurations: this.#faults.reconfiguration,
      commandsPerVirtualSecond: Math.round((10 * TICKS_PER_SECOND * acknowledged) / ticks) / 10,
      virtualHours: Number((ticks / TICKS_PER_SECOND / 3600).toFixed(2)),
      ...speedOf(ticks, events, seconds, this.#cpuSeconds),
      boundBy: describeBound(this.#times, this.#garbageSeconds / this.#cpuSeconds),
      faults: this.#faults,
      missedFaults: this.missedFaults,
      paxosLinesPercent: percentOf(files),
      paxosLinesMissed: Object.fromEntries(missed),
    };
  }
}
