/**
 * `npm run sim:swarm -- [--minutes M | --seeds N] [--jobs J] [--from SEED] [--ticks N] [--coverage] [--json]`: runs seeds in parallel processes and adds up what they did.
 * Exits 1 on a violation, on a run that chose nothing, or when a fault class that exists never struck.
 */
import { fork, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type FileCoverage, mergeCoverage, percentOf } from './coverage.ts';
import { FaultCounts } from './fault-counts.ts';
import { gitCommit } from './git-commit.ts';
import { runArguments } from './shrink.ts';
import { describeBound, NO_TIMES, type Part, speedOf } from './speed.ts';
import type { CoverageReport, JobReport, JobTask } from './swarm-job.ts';
import { swarmShape } from './swarm-shape.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seeds: { type: 'string', default: '40' },
    jobs: { type: 'string', default: '2' },
    from: { type: 'string' },
    ticks: { type: 'string', default: '6000' },
    json: { type: 'boolean', default: false },
    coverage: { type: 'boolean', default: false },
  },
});

const jobs = Number(values.jobs);
const from = values.from === undefined ? Math.floor(Date.now() / 1000) % 1_000_000_000 : Number(values.from);
const total = new FaultCounts();
const sum = {
  runs: 0,
  ticks: 0,
  events: 0,
  chosen: 0,
  acknowledged: 0,
  elections: 0,
  empty: 0,
  judgements: 0,
  leastFaults: Number.POSITIVE_INFINITY,
};
/** What the runs cost in processor time, and where it went. */
const cost = { cpuSeconds: 0, garbageSeconds: 0, times: { ...NO_TIMES } };
const violations: string[] = [];
/** Arguments that run the first failure again. */
const firstReplay: string[] = [];
const EXPLAIN_MS = 120_000;
/** A job is one core's: a collector with threads of its own would take another. */
const JOB_FLAGS = ['--single-threaded-gc', '--max-semi-space-size=32'];
const coverage: FileCoverage[] = [];
const started = performance.now();

await Promise.all(Array.from({ length: jobs }, (_, job) => runJob(job)));
report();

function runJob(job: number): Promise<void> {
  const task: JobTask = {
    first: from + job,
    step: jobs,
    count: values.minutes === undefined ? Math.ceil(Number(values.seeds) / jobs) : Number.POSITIVE_INFINITY,
    milliseconds: values.minutes === undefined ? Number.POSITIVE_INFINITY : Number(values.minutes) * 60_000,
    ticks: Number(values.ticks),
    coverage: values.coverage ? 1 : 0,
  };
  const child = fork(
    fileURLToPath(new URL('./swarm-job.js', import.meta.url)),
    [JSON.stringify({ ...task, count: String(task.count), milliseconds: String(task.milliseconds) })],
    {
      env: { ...process.env, SYNOD_CONTRACTS: '1' },
      execArgv: JOB_FLAGS,
    },
  );
  return new Promise((resolve, reject) => {
    child.on('message', (message: JobReport | CoverageReport) => {
      if ('coverage' in message) coverage.push(...message.coverage);
      else add(message);
    });
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`job ${job} ended with ${code}`))));
  });
}

/** The first failing run once more, with its last trace lines, made as small as it gets. */
function explainFirst(): void {
  if (firstReplay.length === 0) return;
  const entry = fileURLToPath(new URL('./main.js', import.meta.url));
  spawnSync(process.execPath, [entry, ...firstReplay], {
    stdio: 'inherit',
    timeout: EXPLAIN_MS,
    env: { ...process.env, SYNOD_CONTRACTS: '1' },
  });
}

function add(run: JobReport): void {
  sum.runs += 1;
  sum.ticks += run.ticks;
  sum.events += run.events;
  sum.chosen += run.chosen;
  sum.acknowledged += run.acknowledged;
  sum.elections += run.elections;
  sum.judgements += run.judgements;
  cost.cpuSeconds += run.cpuSeconds;
  cost.garbageSeconds += run.cpuSeconds * run.garbageShare;
  for (const part of Object.keys(NO_TIMES) as Part[]) cost.times[part] += run.times[part];
  if (run.chosen === 0) sum.empty += 1;
  const struck = new FaultCounts();
  struck.add(run.counts);
  sum.leastFaults = Math.min(sum.leastFaults, struck.total);
  total.add(run.counts);
  if (run.violation !== '') {
    violations.push(`seed ${run.seed}: ${run.violation}`);
    console.log(`VIOLATION seed ${run.seed}: ${run.violation}`);
    const size = runArguments({ seed: run.seed, ticks: Number(values.ticks), ...swarmShape(run.seed), swarm: true });
    console.log(`replay: npm run sim -- ${size.join(' ')}   # commit ${gitCommit()}`);
    if (firstReplay.length === 0) firstReplay.push(...size);
  }
}

/** Executed lines of the core in percent, and what was missed, file by file. */
function describeCoverage(): object {
  if (!values.coverage) return {};
  const files = mergeCoverage(coverage);
  const missed = Object.fromEntries(
    files.filter((file) => file.missed.length > 0).map((file) => [file.file, file.missed]),
  );
  return { paxosLinesPercent: percentOf(files), paxosLinesMissed: missed };
}

function report(): void {
  const seconds = (performance.now() - started) / 1000;
  const missed = Object.entries(total)
    .filter(([, count]) => count === 0)
    .map(([name]) => name);
  const figures = {
    ...sum,
    violations: violations.length,
    firstSeed: from,
    commandsPerVirtualSecond: Math.round((1000 * sum.acknowledged) / sum.ticks) / 10,
    virtualHours: Number((sum.ticks / 360_000).toFixed(2)),
    ...speedOf(sum.ticks, sum.events, seconds, cost.cpuSeconds),
    boundBy: describeBound(cost.times, cost.garbageSeconds / cost.cpuSeconds),
    jobs,
    gitCommit: gitCommit(),
    faults: total,
    ...describeCoverage(),
  };
  if (values.json) console.log(JSON.stringify(figures));
  else
    for (const [name, value] of Object.entries(figures))
      console.log(`${name.padEnd(16)} ${typeof value === 'object' ? JSON.stringify(value) : value}`);
  if (missed.length > 0) console.log(`fault classes that never struck: ${missed.join(', ')}`);
  if (sum.empty > 0) console.log(`${sum.empty} runs chose nothing`);
  const failed = violations.length + sum.empty + (missed.length > 0 ? 1 : 0);
  explainFirst();
  console.log(`${sum.runs - violations.length} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
