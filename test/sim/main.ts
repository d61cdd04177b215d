/**
 * `npm run sim -- --seed 42 [--ticks N] [--replicas 3|5] [--clients N] [--groups N] [--swarm] [--mix JSON] [--log short|full] [--json]`
 * `--mix` names the fault classes that are on, as a shrunk failure prints them.
 */
import { parseArgs } from 'node:util';
import { NO_FAULTS } from './faults.ts';
import { gitCommit } from './git-commit.ts';
import { replayLine, shrink } from './shrink.ts';
import { type SimOptions, Simulator } from './simulator.ts';
import { CpuMeter, describeBound, speedOf } from './speed.ts';
import { Trace } from './trace.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    ticks: { type: 'string', default: '20000' },
    replicas: { type: 'string', default: '3' },
    clients: { type: 'string', default: '3' },
    groups: { type: 'string', default: '1' },
    swarm: { type: 'boolean', default: false },
    mix: { type: 'string' },
    log: { type: 'string', default: 'short' },
    json: { type: 'boolean', default: false },
  },
});

const options: SimOptions = {
  seed: Number(values.seed),
  ticks: Number(values.ticks),
  replicas: Number(values.replicas),
  clients: Number(values.clients),
  groups: Number(values.groups),
  swarm: values.swarm,
  ...(values.mix === undefined ? {} : { faults: { ...NO_FAULTS, ...JSON.parse(values.mix) } }),
};
const meter = new CpuMeter();
const simulator = new Simulator(options, values.log === 'full' ? new Trace((line) => console.log(line)) : new Trace());
const result = simulator.run();
const speed = speedOf(result.ticks, result.events, meter.seconds, meter.cpuSeconds);
const boundBy = describeBound(simulator.times, await meter.garbageShare());
meter.close();
if (values.json)
  console.log(JSON.stringify({ ...result, trace: undefined, ...speed, boundBy, gitCommit: gitCommit() }));
else {
  console.log(
    `seed ${result.seed}: ${result.ticks} ticks, ${result.events} events, ${result.chosen} slots chosen, ${result.elections} elections`,
  );
  console.log(
    `${result.acknowledged} commands acknowledged, ${result.reads} reads, faults ${JSON.stringify(result.counts)}`,
  );
  console.log(
    `${speed['eventsPerSecond']} events/s, ${speed['timesRealTime']} x real time; per core ${speed['eventsPerCpuSecond']} events/s, ${speed['timesRealTimePerCore']} x`,
  );
  console.log(`bounded by ${boundBy}`);
}
if (result.violation !== '') {
  if (!values.json) for (const line of result.trace) console.log(line);
  const least = shrink(options, result);
  console.log(`VIOLATION ${result.violation}`);
  console.log(`shrunk to: ${replayLine(least, gitCommit())}`);
  console.log(`           ${least.violation.split('\n')[0]}`);
  console.log(
    `replay: npm run sim -- --seed ${result.seed} --ticks ${values.ticks} --replicas ${values.replicas} --clients ${values.clients} --groups ${values.groups}${values.swarm ? ' --swarm' : ''}   # commit ${gitCommit()}`,
  );
  process.exitCode = 1;
} else if (result.chosen === 0) {
  console.log('nothing was chosen: the run proves nothing');
  process.exitCode = 1;
}
