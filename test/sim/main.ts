/**
 * `npm run sim -- --seed 42 [--ticks N] [--replicas 3|5] [--clients N] [--groups N] [--nodes] [--swarm] [--mix JSON] [--log short|full] [--json]`
 * `--nodes`: each member is a node of its own with clients that live and die with it.
 * `--mix` names the fault classes that are on, as a shrunk failure prints them.
 *
 * A failure prints what would run it again, its last lines with every frame, and the smallest run that still fails in the same way.
 */
import { parseArgs } from 'node:util';
import { ArgumentError, oneOf, runCommand, wholeNumber } from './arguments.ts';
import { type FaultMix, NO_FAULTS } from './faults.ts';
import { gitCommit } from './git-commit.ts';
import { replayLine, runArguments, shrink } from './shrink.ts';
import { CLIENTS_MAX } from './sim-client.ts';
import { type SimOptions, type SimResult, Simulator } from './simulator.ts';
import { CpuMeter, describeBound, speedOf, TICKS_PER_SECOND } from './speed.ts';
import { GROUPS_MAX } from './swarm-shape.ts';
import { Trace } from './trace.ts';

const SEED_MAX = Number.MAX_SAFE_INTEGER;
const TICKS_MAX = 1_000_000_000;

interface Failure {
  violation: string;
  replay: string;
  shrunk: string;
  lastLines: string[];
}

await runCommand(async () => {
  const { options, isFull, isJson } = readArguments();
  const meter = new CpuMeter();
  const trace = isFull ? new Trace((line) => console.log(line)) : new Trace();
  const simulator = new Simulator(options, trace);
  const result = simulator.run();
  const speed = speedOf(result.ticks, result.events, meter.seconds, meter.cpuSeconds);
  const boundBy = describeBound(simulator.times, await meter.garbageShare());
  meter.close();
  const failure = result.violation === '' ? undefined : explain(options, result);
  const { trace: _, ...figures } = result;
  const report = {
    ...figures,
    virtualHours: result.ticks / TICKS_PER_SECOND / 3600,
    ...speed,
    boundBy,
    failure,
    gitCommit: gitCommit(),
  };
  if (isJson) console.log(JSON.stringify(report));
  else print(result, failure);
  // A full trace is the same to the byte every time: what depends on the machine goes elsewhere.
  if (!isJson) (isFull ? console.error : console.log)(describeSpeed(speed, boundBy));
  if (failure !== undefined || result.chosen === 0) process.exitCode = 1;
});

function readArguments(): { options: SimOptions; isFull: boolean; isJson: boolean } {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      ticks: { type: 'string', default: '20000' },
      replicas: { type: 'string', default: '3' },
      clients: { type: 'string', default: '3' },
      groups: { type: 'string', default: '1' },
      nodes: { type: 'boolean', default: false },
      swarm: { type: 'boolean', default: false },
      mix: { type: 'string' },
      log: { type: 'string', default: 'short' },
      json: { type: 'boolean', default: false },
    },
  });
  const options: SimOptions = {
    seed: wholeNumber('seed', values.seed, 0, SEED_MAX),
    ticks: wholeNumber('ticks', values.ticks, 1, TICKS_MAX),
    replicas: Number(oneOf('replicas', values.replicas, ['3', '5'])),
    clients: wholeNumber('clients', values.clients, 1, CLIENTS_MAX),
    groups: wholeNumber('groups', values.groups, 1, GROUPS_MAX),
    nodes: values.nodes,
    swarm: values.swarm,
    ...(values.mix === undefined ? {} : { faults: readMix(values.mix) }),
  };
  return { options, isFull: oneOf('log', values.log, ['short', 'full']) === 'full', isJson: values.json };
}

function readMix(text: string): FaultMix {
  try {
    return { ...NO_FAULTS, ...JSON.parse(text) };
  } catch {
    throw new ArgumentError(`--mix ${text}: JSON such as {"loss":0.1,"crash":0.002} is needed`);
  }
}

/** Runs it again with every frame in its trace, then makes it smaller. */
function explain(options: SimOptions, result: SimResult): Failure {
  const again = new Simulator(options, new Trace(() => {})).run();
  const commit = gitCommit();
  const least = shrink(options, result);
  return {
    violation: result.violation,
    replay: `npm run sim -- ${runArguments(options).join(' ')}   # commit ${commit}`,
    shrunk: `${replayLine(least, commit)}\n           ${least.violation.split('\n')[0]}`,
    lastLines: again.trace,
  };
}

function describeSpeed(speed: Record<string, number>, boundBy: string): string {
  const { eventsPerSecond, timesRealTime, eventsPerCpuSecond, timesRealTimePerCore } = speed;
  const perCore = `per core ${eventsPerCpuSecond} events/s, ${timesRealTimePerCore} x`;
  return `${eventsPerSecond} events/s, ${timesRealTime} x real time; ${perCore}\nbounded by ${boundBy}`;
}

function print(result: SimResult, failure: Failure | undefined): void {
  const { seed, ticks, events, chosen, elections, acknowledged, reads, counts } = result;
  console.log(
    `seed ${seed}: ${ticks} ticks, ${events} events, ${chosen} slots chosen, ${elections} elections, ${counts.snapshot} snapshots`,
  );
  console.log(`${acknowledged} commands acknowledged, ${reads} reads, faults ${JSON.stringify(counts)}`);
  if (chosen === 0) console.log('nothing was chosen: the run proves nothing');
  if (failure === undefined) return;
  for (const line of failure.lastLines) console.log(line);
  console.log(`VIOLATION ${failure.violation}`);
  console.log(`shrunk to: ${failure.shrunk}`);
  console.log(`replay: ${failure.replay}`);
}
