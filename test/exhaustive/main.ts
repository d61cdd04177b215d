/**
 * `node dist/test/exhaustive/main.js [--scope=NAME …] [--states=N] [--depth=N]`: every interleaving within a scope, over the real
 * core. Prints one line per scope; a violation prints the steps that lead to it and makes the exit code 1.
 */
import { Explorer, type Report } from './explorer.ts';
import { openReplicaClass } from './open-core.ts';
import { SCOPES } from './scopes.ts';

const bounds = { statesMax: 2_000_000, depthMax: 1000 };
const names: string[] = [];
for (const argument of process.argv.slice(2)) {
  const [flag, value] = argument.split('=') as [string, string | undefined];
  if (flag === '--scope' && value !== undefined) names.push(value);
  else if (flag === '--states' && value !== undefined) bounds.statesMax = Number(value);
  else if (flag === '--depth' && value !== undefined) bounds.depthMax = Number(value);
  else throw new Error(`unknown flag ${argument}: use --scope=NAME, --states=N or --depth=N`);
}

const replicaClass = await openReplicaClass();
for (const scope of SCOPES.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const started = process.hrtime.bigint();
  const report = new Explorer(replicaClass, scope, bounds).run();
  print(report, Number(process.hrtime.bigint() - started) / 1e9);
  if (report.violation !== '') process.exitCode = 1;
}

function print(report: Report, seconds: number): void {
  const { scope, states, depth, isComplete, memberStates, transitions, messages, chosenStates } = report;
  const extent = isComplete ? 'complete' : `bounded at ${bounds.statesMax} states, depth ${bounds.depthMax}`;
  console.log(
    `${scope}: ${states} states (${extent}), depth ${depth}, ${Math.round(states / seconds)} states/s, ` +
      `${memberStates} member states, ${transitions} calls of the core, ${messages} messages, ` +
      `states by slots chosen ${chosenStates.join('/')}, with two leaders ${report.twoLeaders}, applied ${report.applied}`,
  );
  if (report.violation === '') return;
  console.log(`VIOLATION ${report.violation}`);
  for (const step of report.trace) console.log(`  ${step}`);
}
