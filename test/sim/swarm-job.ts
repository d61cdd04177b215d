/** One process of a swarm: runs its share of the seeds and reports each. */
import { CoverageMeter, type FileCoverage } from './coverage.ts';
import type { FaultCounts } from './fault-counts.ts';
import { Simulator } from './simulator.ts';
import { CpuMeter, type PartTimes } from './speed.ts';
import { type FixedShape, swarmShape } from './swarm-shape.ts';

export interface JobTask extends FixedShape {
  first: number;
  step: number;
  count: number;
  milliseconds: number;
  ticks: number;
  /** 1: measure which lines of the core run. */
  coverage: number;
}

export interface JobReport {
  seed: number;
  violation: string;
  ticks: number;
  events: number;
  chosen: number;
  acknowledged: number;
  elections: number;
  counts: FaultCounts;
  /** Histories of keys judged without the witness. */
  judgements: number;
  /** What the run cost, and which part of it went where. */
  cpuSeconds: number;
  times: PartTimes;
  garbageShare: number;
}

/** Sent once, at the end of a job that measured. */
export interface CoverageReport {
  coverage: FileCoverage[];
}

const given = JSON.parse(process.argv[2] as string) as Record<keyof JobTask, string | number>;
const task: JobTask = {
  first: Number(given.first),
  step: Number(given.step),
  count: Number(given.count),
  milliseconds: Number(given.milliseconds),
  ticks: Number(given.ticks),
  replicas: Number(given.replicas),
  clients: Number(given.clients),
  groups: Number(given.groups),
  coverage: Number(given.coverage),
};

const meter = new CoverageMeter();
if (task.coverage === 1) meter.start();

// Whoever asked for it is gone: nobody reads what comes of it.
process.on('disconnect', () => process.exit());

const end = performance.now() + task.milliseconds;
for (let n = 0; n < task.count && performance.now() < end; n++) {
  const seed = task.first + n * task.step;
  const cost = new CpuMeter();
  const simulator = new Simulator({
    seed,
    ticks: task.ticks,
    ...swarmShape(seed, task),
    swarm: true,
  });
  const result = simulator.run();
  const { violation, ticks, events, chosen, acknowledged, elections, counts, judgements } = result;
  const report: JobReport = {
    seed,
    violation,
    ticks,
    events,
    chosen,
    acknowledged,
    elections,
    counts,
    judgements,
    cpuSeconds: cost.cpuSeconds,
    times: simulator.times,
    garbageShare: await cost.garbageShare(),
  };
  cost.close();
  await send(report);
}
if (task.coverage === 1) await send({ coverage: meter.take('src/paxos/') });
process.disconnect?.();

function send(message: JobReport | CoverageReport): Promise<unknown> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, {}, resolve);
  });
}
