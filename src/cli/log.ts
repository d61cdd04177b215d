/**
 * `synod log inspect|verify|dump <directory>`: what stands in the logs of a cluster, node or replica. Never writes; a log in use may be read,
 * its newest writes may then look torn.
 */
import { damageText } from '../log/damage-text.ts';
import { type DumpedRecord, findLogs, inspectLog, type LogInspection } from '../log/log-inspection.ts';
import { type CommandTable, dispatch } from './dispatch.ts';
import { EXIT_NO, EXIT_OK } from './exit-codes.ts';
import { describeFlags, type FlagSetting, type FlagValues, integerIn, parseCall } from './flags.ts';

const COMMANDS: CommandTable = {
  inspect: { summary: 'segments, records, torn tail, watermarks of every shard, damage', load: async () => runInspect },
  verify: { summary: 'reads everything and says whether it is sound', load: async () => runVerify },
  dump: { summary: 'every record, one a line', load: async () => runDump },
};

const FLAGS: readonly FlagSetting[] = [
  { name: 'json', default: false, allowed: '', doc: 'one line of JSON; dump: one per record' },
  { name: 'help', default: false, allowed: '', doc: 'this text' },
];
const DUMP_FLAGS: readonly FlagSetting[] = [
  ...FLAGS,
  { name: 'shard', default: undefined, ...integerIn(0, Number.MAX_SAFE_INTEGER), doc: 'of this shard only' },
  { name: 'from', default: 0, ...integerIn(0, Number.MAX_SAFE_INTEGER), doc: 'from this log position on' },
  { name: 'limit', default: undefined, ...integerIn(1, Number.MAX_SAFE_INTEGER), doc: 'so many records per log' },
];

/** Only an operator can do it. */
const REPAIR =
  'The replica gets what is missing from the others by itself when it is started, if there are three or more. Otherwise restore the file, or replace the replica.';

export async function runLog(args: readonly string[]): Promise<number> {
  return await dispatch('synod log', COMMANDS, args);
}

async function runInspect(args: readonly string[]): Promise<number> {
  return inspectAll('inspect', args, (log) => {
    for (const line of overviewOf(log)) console.log(line);
  });
}

async function runVerify(args: readonly string[]): Promise<number> {
  return inspectAll('verify', args, (log) => {
    const { directory, records, segments, damage } = log;
    if (damage === undefined) console.log(`${directory}: sound, ${records} records in ${segments.length} segments`);
    else console.log(`${damageText(damage)}\n${REPAIR}`);
  });
}

function inspectAll(command: string, args: readonly string[], show: (log: LogInspection) => void): number {
  const { values, words } = parseCall(FLAGS, args, ['directory']);
  if (values['help'] === true) return help(command, FLAGS);
  const logs = findLogs(words[0] as string).map((directory) => inspectLog(directory));
  const ok = logs.every(({ damage }) => damage === undefined);
  if (values['json'] === true)
    console.log(JSON.stringify({ ok, logs: logs.map((log) => ({ ...log, damage: log.damage ?? null })) }));
  else for (const log of logs) show(log);
  return ok ? EXIT_OK : EXIT_NO;
}

async function runDump(args: readonly string[]): Promise<number> {
  const { values, words } = parseCall(DUMP_FLAGS, args, ['directory']);
  if (values['help'] === true) return help('dump', DUMP_FLAGS);
  let isSound = true;
  for (const directory of findLogs(words[0] as string)) {
    const { damage } = inspectLog(directory, filtered(values));
    if (damage === undefined) continue;
    isSound = false;
    console.error(`synod: ${damageText(damage)}`);
  }
  return isSound ? EXIT_OK : EXIT_NO;
}

function filtered(values: FlagValues): (record: DumpedRecord) => void {
  const { shard, from, limit, json } = values;
  let left = (limit as number | undefined) ?? Number.POSITIVE_INFINITY;
  return (record) => {
    if (left === 0 || record.position < (from as number) || (shard !== undefined && record.group !== shard)) return;
    left -= 1;
    console.log(json === true ? JSON.stringify(record) : lineOf(record));
  };
}

function lineOf({ position, kind, group, ballot, slot, sequence, commitWatermark, valueBytes }: DumpedRecord): string {
  const value = valueBytes > 0 ? ` ${valueBytes} bytes` : '';
  return `${String(position).padStart(12)} ${kind.padEnd(10)} shard ${group} slot ${slot} ballot ${ballot} commit ${commitWatermark} sequence ${sequence}${value}`;
}

function overviewOf(log: LogInspection): string[] {
  const { identity, segments, kinds } = log;
  const owner =
    identity === undefined
      ? 'no segment has a header'
      : `cluster ${identity.clusterId}, node ${identity.nodeId}, log ${identity.logNumber}`;
  const counted = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`);
  return [
    `${log.directory}: ${owner}, incarnation ${log.incarnation}`,
    ...segments.map((segment) => {
      const { file, bytes, incarnation, generation, cut, isForgotten, hasHeader } = segment;
      const header = hasHeader ? `incarnation ${incarnation}, generation ${generation}, cut ${cut}` : 'no header';
      return `  ${file}  ${bytes} bytes, ${header}${isForgotten ? ', records before it are missing' : ''}`;
    }),
    `  ${log.records} records (${counted.join(', ') || 'none'}), ${log.bytes} bytes, end at ${log.endPosition}${log.tornTail ? ', a torn or stale tail behind it' : ''}`,
    ...log.groups.map((group) => {
      const { promisedBallot, commitWatermark, truncationPoint, firstSlot, lastSlot, isRejoining } = group;
      const slots = firstSlot < 0 ? 'no values' : `values of slots ${firstSlot} to ${lastSlot}`;
      return `  shard ${group.group}: promised ${promisedBallot}, commit ${commitWatermark}, truncated below ${truncationPoint}, ${slots}${isRejoining ? ', rejoining' : ''}`;
    }),
    ...(log.damage === undefined ? [] : [`  DAMAGE: ${damageText(log.damage)}`, `  ${REPAIR}`]),
    '',
  ];
}

function help(command: string, flags: readonly FlagSetting[]): number {
  console.log(
    [
      `synod log ${command} <directory>: ${COMMANDS[command]?.summary}`,
      '',
      'The directory of a cluster, a node, a replica or a log. Never writes. Exit codes: 0 sound, 1 cannot be read, 2 wrong command line, 5 damage found.',
      '',
      describeFlags(flags),
    ].join('\n'),
  );
  return EXIT_OK;
}
