/**
 * The machine under a run, and who else used it meanwhile: a figure without these conditions means nothing.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { gitCommit } from '../src/cli/demo-report.ts';

/** A case that lost more processor time than this to other machines on the host is marked as disturbed, */
export const STEAL_PERCENT_MAX = 5;
/** and one beside which other processes used more than this. */
export const FOREIGN_PERCENT_MAX = 25;

const BYTES_PER_MB = 1e6;

export interface Machine {
  gitCommit: string | null;
  gitDirty: boolean | null;
  nodeVersion: string;
  cpuModel: string;
  cpus: number;
  memoryMb: number;
}

export function describeMachine(): Machine {
  return {
    gitCommit: gitCommit(),
    gitDirty: isDirty(),
    nodeVersion: process.version,
    cpuModel: cpus()[0]?.model ?? 'unknown',
    cpus: availableParallelism(),
    memoryMb: Math.round(totalmem() / BYTES_PER_MB),
  };
}

/** True where tracked files differ from the commit: the figures are not those of the commit. */
function isDirty(): boolean | null {
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  try {
    const args = ['status', '--porcelain', '--untracked-files=no'];
    return execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() !== '';
  } catch {
    return null;
  }
}

/** Jiffies since boot, over all processors. */
export interface Ticks {
  all: number;
  busy: number;
  steal: number;
}

/** The first line of /proc/stat: `cpu user nice system idle iowait irq softirq steal …`. */
export function parseProcStat(text: string): Ticks | null {
  const fields = /^cpu +(.*)$/m.exec(text)?.[1]?.split(' ').map(Number);
  if (fields === undefined || fields.length < 8) return null;
  const [user, nice, system, idle, iowait, irq, softirq, steal] = fields;
  const busy = user + nice + system + irq + softirq;
  return { all: busy + idle + iowait + steal, busy, steal };
}

function readTicks(): Ticks | null {
  try {
    return parseProcStat(readFileSync('/proc/stat', 'utf8'));
  } catch {
    return null;
  }
}

export interface Disturbance {
  cpuSeconds: number;
  /** Percent of all processor time; null where the system does not tell. */
  stealPercent: number | null;
  foreignCpuPercent: number | null;
  disturbed: boolean | null;
}

/** Percentages between two readings, with the processor seconds that were this process's own. */
export function disturbanceBetween(
  before: Ticks | null,
  after: Ticks | null,
  cpuSeconds: number,
  wallSeconds: number,
): Disturbance {
  if (before === null || after === null || after.all <= before.all) {
    return { cpuSeconds, stealPercent: null, foreignCpuPercent: null, disturbed: null };
  }
  const all = after.all - before.all;
  const ownShare = cpuSeconds / (wallSeconds * availableParallelism());
  const stealPercent = (100 * (after.steal - before.steal)) / all;
  const foreignCpuPercent = Math.max(0, 100 * ((after.busy - before.busy) / all - ownShare));
  const disturbed = stealPercent > STEAL_PERCENT_MAX || foreignCpuPercent > FOREIGN_PERCENT_MAX;
  return { cpuSeconds, stealPercent, foreignCpuPercent, disturbed };
}

/** Starts watching; the returned function tells what happened since. */
export function watchMachine(): () => Disturbance {
  const ticks = readTicks();
  const cpu = process.cpuUsage();
  const start = performance.now();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return disturbanceBetween(ticks, readTicks(), (user + system) / 1e6, (performance.now() - start) / 1e3);
  };
}
