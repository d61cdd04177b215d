/**
 * `npm run sim:swarm -- [--minutes M | --seeds N] [--jobs J] [--from SEED|commit] [--ticks N] [--coverage-seeds N] [--json]`
 * `                     [--replicas 3|5] [--clients N] [--groups N]`: runs seeds in parallel processes and adds up what they did. The first few
 * seeds run once more to see which lines of the core they execute. `--from commit` draws the seeds from the commit, so that a red run can be
 * repeated; the last three are of every run, and 0 or absent: what its seed draws.
 *
 * Exits 1 on a violation, on a run that chose nothing, or when a fault class that exists never struck.
 */
import { fork, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { oneOf, runCommand, wholeNumber } from './arguments.ts';
import { gitCommit, seedOfCommit } from './git-commit.ts';
import { runArguments } from './shrink.ts';
import { CLIENTS_MAX } from './sim-client.ts';
import type { CoverageReport, JobReport, JobTask } from './swarm-job.ts';
import { type FixedShape, GROUPS_MAX, swarmShape } from './swarm-shape.ts';
import { SwarmSum } from './swarm-sum.ts';

const SEEDS_MAX = 10_000_000;
const TICKS_MAX = 1_000_000_000;
const JOBS_MAX = 256;
const MINUTES_MAX = 1_000_000;
const EXPLAIN_MS = 120_000;
/** A job is one core's: a collector with threads of its own would take another. */
const JOB_FLAGS = ['--single-threaded-gc', '--max-semi-space-size=32', '--initial-old-space-size=1024'];

interface Arguments extends FixedShape {
  from: number;
  seeds: number;
  milliseconds: number;
  jobs: number;
  ticks: number;
  coverageSeeds: number;
  isJson: boolean;
}

await runCommand(async () => {
  const given = readArguments();
  const { jobs } = given;
  const sum = new SwarmSum();
  const failed: number[] = [];
  const started = performance.now();
  const count = Number.isFinite(given.milliseconds) ? SEEDS_MAX : Math.ceil(given.seeds / jobs);
  const shares = Array.from({ length: jobs }, (_, job) => ({ first: given.from + job, step: jobs, count }));
  const onRun = (run: JobReport): void => {
    sum.add(run);
    if (run.violation === '') return;
    failed.push(run.seed);
    if (!given.isJson) console.log(`VIOLATION seed ${run.seed}: ${run.violation}\n${replayOf(run.seed, given)}`);
  };
  await Promise.all(shares.map((share) => runJob({ ...share, ...taskOf(given) }, onRun, sum)));
  const seconds = (performance.now() - started) / 1000;
  const covered = { first: given.from, step: 1, count: Math.min(given.coverageSeeds, given.seeds) };
  if (covered.count > 0) await runJob({ ...covered, ...taskOf(given), coverage: 1 }, () => {}, sum);
  report(given, sum, seconds, failed);
});

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seeds: { type: 'string', default: '40' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      from: { type: 'string' },
      ticks: { type: 'string', default: '6000' },
      replicas: { type: 'string', default: '0' },
      clients: { type: 'string', default: '0' },
      groups: { type: 'string', default: '0' },
      'coverage-seeds': { type: 'string', default: '8' },
      json: { type: 'boolean', default: false },
    },
  });
  const fresh = String(Math.floor(Date.now() / 1000) % 1_000_000_000);
  const { minutes } = values;
  return {
    from:
      values.from === 'commit'
        ? seedOfCommit()
        : wholeNumber('from', values.from ?? fresh, 0, Number.MAX_SAFE_INTEGER - SEEDS_MAX),
    seeds: wholeNumber('seeds', values.seeds, 1, SEEDS_MAX),
    milliseconds:
      minutes === undefined ? Number.POSITIVE_INFINITY : 60_000 * wholeNumber('minutes', minutes, 1, MINUTES_MAX),
    jobs: wholeNumber('jobs', values.jobs, 1, JOBS_MAX),
    ticks: wholeNumber('ticks', values.ticks, 1, TICKS_MAX),
    replicas: Number(oneOf('replicas', values.replicas, ['0', '3', '5'])),
    clients: wholeNumber('clients', values.clients, 0, CLIENTS_MAX),
    groups: wholeNumber('groups', values.groups, 0, GROUPS_MAX),
    coverageSeeds: wholeNumber('coverage-seeds', values['coverage-seeds'], 0, SEEDS_MAX),
    isJson: values.json,
  };
}

function taskOf(given: Arguments): Omit<JobTask, 'first' | 'step' | 'count'> {
  const { milliseconds, ticks, replicas, clients, groups } = given;
  return { milliseconds, ticks, replicas, clients, groups, coverage: 0 };
}

function runJob(task: JobTask, onRun: (run: JobReport) => void, sum: SwarmSum): Promise<void> {
  const entry = fileURLToPath(new URL('./swarm-job.js', import.meta.url));
  const child = fork(entry, [JSON.stringify({ ...task, milliseconds: String(task.milliseconds) })], {
    env: { ...process.env, SYNOD_CONTRACTS: '1' },
    execArgv: JOB_FLAGS,
  });
  return new Promise((resolve, reject) => {
    child.on('message', (message: JobReport | CoverageReport) => {
      if ('coverage' in message) sum.coverage.push(...message.coverage);
      else onRun(message);
    });
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a job ended with ${code}`))));
  });
}

function argumentsOf(seed: number, given: Arguments): string[] {
  return runArguments({ seed, ticks: given.ticks, ...swarmShape(seed, given), swarm: true });
}

function replayOf(seed: number, given: Arguments): string {
  return `replay: npm run sim -- ${argumentsOf(seed, given).join(' ')}   # commit ${gitCommit()}`;
}

function report(given: Arguments, sum: SwarmSum, seconds: number, failed: readonly number[]): void {
  const { failures } = sum;
  const figures = {
    firstSeed: given.from,
    jobs: given.jobs,
    gitCommit: gitCommit(),
    ...sum.figures(seconds),
    failures,
    replays: failed.map((seed) => replayOf(seed, given)),
  };
  process.exitCode = failures.length > 0 ? 1 : 0;
  if (given.isJson) {
    console.log(JSON.stringify(figures));
    return;
  }
  for (const [name, value] of Object.entries(figures))
    console.log(`${name.padEnd(24)} ${typeof value === 'object' ? JSON.stringify(value) : value}`);
  if (failed.length > 0) explain(failed[0] as number, given);
  console.log(`${sum.passed} passed, ${failures.length} failed`);
}

/** A failing run once more, with its last trace lines, made as small as it gets. */
function explain(seed: number, given: Arguments): void {
  const entry = fileURLToPath(new URL('./main.js', import.meta.url));
  spawnSync(process.execPath, [entry, ...argumentsOf(seed, given)], {
    stdio: 'inherit',
    timeout: EXPLAIN_MS,
    env: { ...process.env, SYNOD_CONTRACTS: '1' },
  });
}
