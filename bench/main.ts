/**
 * Entry of `npm run bench`: parses the flags, loads the suites asked for, runs their cases one after the other, prints.
 * `--repeat` starts itself anew per repetition: figures of one process agree with each other more than with the next one.
 */
import { rmdirSync } from 'node:fs';
import { FlagError, helpText, parseFlags, type Settings } from './flags.ts';
import { type BenchCase, runCase } from './harness.ts';
import { describeMachine, type Machine } from './machine.ts';
import { repeat } from './repeat.ts';
import { type Row, toJson, toText } from './row.ts';
import { sweepTable } from './sweep-table.ts';

const EXIT_USAGE = 2;

/** Loaded when asked for: a suite must not pay for the modules of another. */
const SUITE_CASES: Readonly<Record<string, (settings: Settings) => Promise<BenchCase[]>>> = {
  ring: async () => (await import('./ring.bench.ts')).ringCases(),
  paxos: async () => (await import('./paxos.bench.ts')).paxosCases(),
  recovery: async (settings) => (await import('./recovery.bench.ts')).recoveryCases(settings),
  log: async (settings) => (await import('./log.bench.ts')).logCases(settings),
  engine: async (settings) => (await import('./engine.bench.ts')).engineCases(settings),
  shards: async (settings) => (await import('./shards.bench.ts')).shardsCases(settings),
  snapshots: async () => (await import('./snapshots.bench.ts')).snapshotsCases(),
  transport: async () => (await import('./transport.bench.ts')).transportCases(),
  nodes: async () => (await import('./nodes.bench.ts')).nodesCases(),
  limits: async () => (await import('./limits.bench.ts')).limitsCases(),
};

async function main(args: readonly string[]): Promise<number> {
  const settings = parseFlags(args);
  if (settings.help) {
    console.log(helpText());
    return 0;
  }
  if (settings.repeat > 1) return repeat(args, settings);
  const machine = describeMachine();
  if (!settings.json) console.log(conditions(settings, machine));
  const rows: Row[] = [];
  for (const suite of settings.suites) {
    for (const benchCase of await casesOf(suite, settings)) {
      if (!benchCase.name.includes(settings.only)) continue;
      const row = await runCase(benchCase, settings, machine);
      rows.push(row);
      console.log(settings.json ? toJson(row) : toText(row));
    }
  }
  if (!settings.json) for (const line of sweepTable(rows)) console.log(line);
  removeIfEmpty(settings.directory);
  return rows.every(({ ok }) => ok) ? 0 : 1;
}

/** The cases of a suite; one that fails where the suite cannot be loaded, so that the others still run. */
async function casesOf(suite: string, settings: Settings): Promise<BenchCase[]> {
  try {
    return await SUITE_CASES[suite](settings);
  } catch (error) {
    return [{ suite, name: `load${settings.only}`, run: () => Promise.reject(error) }];
  }
}

function conditions(settings: Settings, machine: Machine): string {
  const { nodeVersion, cpuModel, cpus, memoryMb, gitCommit, gitDirty } = machine;
  const contracts = process.env['SYNOD_CONTRACTS'] === '1' ? ', CONTRACTS ON' : '';
  return (
    `node ${nodeVersion}, ${cpus} x ${cpuModel}, ${memoryMb} MB, commit ${gitCommit?.slice(0, 12) ?? 'none'}${gitDirty === true ? ' + changes' : ''}, ` +
    `${settings.seconds} s per case, payload ${settings.payload} B, seed ${settings.seed}${contracts}`
  );
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Absent, or it holds files of somebody else.
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof FlagError)) throw error;
  console.error(error.message);
  process.exitCode = EXIT_USAGE;
}
