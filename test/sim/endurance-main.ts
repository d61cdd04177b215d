/**
 * `npm run sim:endurance -- [--seed N] [--hours H] [--samples N] [--json]`: a simulated cluster at full load for a day (default 24 virtual hours), with
 * disk and memory sampled. Exits 1 where either grew, or members differ.
 */
import { parseArgs } from 'node:util';
import { collectGarbage } from '../../src/cli/collect-garbage.ts';
import { runCommand, wholeNumber } from './arguments.ts';
import { Endurance, type EnduranceSample, TICKS_PER_HOUR } from './endurance.ts';
import { gitCommit } from './git-commit.ts';

const HOURS_MAX = 100_000;
const MIB = 2 ** 20;

function memoryInUse(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

await runCommand(() => {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      hours: { type: 'string', default: '24' },
      samples: { type: 'string', default: '4' },
      json: { type: 'boolean', default: false },
    },
  });
  const seed = wholeNumber('seed', values.seed, 0, Number.MAX_SAFE_INTEGER);
  const hours = wholeNumber('hours', values.hours, 1, HOURS_MAX);
  const samples = wholeNumber('samples', values.samples, 1, 3600);
  const started = performance.now();
  const endurance = new Endurance(seed, TICKS_PER_HOUR, memoryInUse);
  endurance.run(hours, samples, (sample) => {
    if (!values.json) console.log(lineOf(sample));
  });
  const growth = endurance.growth();
  const seconds = (performance.now() - started) / 1000;
  const last = endurance.samples.at(-1);
  const isSound = endurance.violation === '' && growth === '' && (last?.commands ?? 0) > 0;
  if (values.json)
    console.log(
      JSON.stringify({
        seed,
        hours,
        isSound,
        violation: endurance.violation,
        growth,
        seconds,
        gitCommit: gitCommit(),
        samples: endurance.samples,
      }),
    );
  else if (!isSound) console.log(`FAILED: ${endurance.violation || growth || 'nothing was acknowledged'}`);
  else console.log(`${hours} virtual hours in ${Math.round(seconds)} s: disk and memory are constant`);
  if (!isSound) process.exitCode = 1;
});

function lineOf(sample: EnduranceSample): string {
  const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1).padStart(7)} MiB`;
  return [
    `hour ${(sample.tick / TICKS_PER_HOUR).toFixed(2).padStart(6)}`,
    `${String(sample.commands).padStart(9)} commands`,
    `log ${mib(sample.logKeptBytes)} in ${mib(sample.segmentBytes)}`,
    `snapshots ${mib(sample.snapshotBytes)} (${sample.snapshots} taken, ${sample.installs} installed)`,
    `memory ${mib(sample.memoryBytes)}`,
  ].join('  ');
}
