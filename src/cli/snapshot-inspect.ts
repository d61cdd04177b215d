/**
 * `synod snapshot inspect <directory>` and `synod snapshot verify <directory>`: what stands in the snapshot directories of a cluster, node or
 * replica. Never writes; they may be in use.
 */
import { inspectSnapshots, type SnapshotInspection, verifySnapshots } from '../log/snapshot-inspection.ts';
import { crc32c } from '../wire/crc32c.ts';
import { type CommandHelp, commandHelp, HELP_FLAG, JSON_FLAG } from './client-flags.ts';
import { EXIT_FAILED, EXIT_NO, EXIT_OK, EXIT_USAGE } from './exit-codes.ts';
import { parseCall } from './flags.ts';

const EXITS = [EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_NO];
const FLAGS = [JSON_FLAG, HELP_FLAG];
const DETAILS = [
  'The directory is that of a cluster, a node, a replica, or of its snapshots. Nothing is written.',
  'A damaged one costs nothing by itself: the replica starts from the one before it, or gets one from another replica.',
];

const INSPECT: CommandHelp = {
  usage: 'synod snapshot inspect <directory> [flags]',
  summary: 'Lists every snapshot: shard, slot, size, age, state. Reads the first block of each.',
  details: DETAILS,
  flags: FLAGS,
  exits: EXITS,
};
const VERIFY: CommandHelp = {
  usage: 'synod snapshot verify <directory> [flags]',
  summary: 'Reads every block of every published snapshot and says whether it is what was written.',
  details: DETAILS,
  flags: FLAGS,
  exits: EXITS,
};

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export async function runSnapshotInspect(args: readonly string[]): Promise<number> {
  return look(INSPECT, args, (directory) => inspectSnapshots(directory, Date.now()));
}

export async function runSnapshotVerify(args: readonly string[]): Promise<number> {
  return look(VERIFY, args, (directory) => verifySnapshots(directory, Date.now(), crc32c));
}

function look(help: CommandHelp, args: readonly string[], read: (directory: string) => SnapshotInspection[]): number {
  const { values, words } = parseCall(help.flags, args, ['directory']);
  if (values['help'] === true) {
    console.log(commandHelp(help));
    return EXIT_OK;
  }
  const directory = words[0] as string;
  const snapshots = read(directory);
  const ok = snapshots.every(({ problem }) => problem === null);
  if (values['json'] === true) console.log(JSON.stringify({ ok, snapshots }));
  else if (snapshots.length === 0) console.log(`no snapshots below ${directory}`);
  else for (const snapshot of snapshots) console.log(lineOf(snapshot));
  return ok ? EXIT_OK : EXIT_NO;
}

function lineOf({ path, shard, watermark, bytes, state, ageMs, chunks, problem }: SnapshotInspection): string {
  const found = problem === null ? wordsOf(state, chunks) : `DAMAGED: ${problem}`;
  const size = sizeOf(bytes).padStart(10);
  return `shard ${shard}  slot ${String(watermark).padStart(12)}  ${size}  ${ageOf(ageMs).padStart(8)}  ${found}  ${path}`;
}

function wordsOf(state: SnapshotInspection['state'], chunks: number): string {
  if (state === 'setAside') return 'set aside as damaged';
  if (state === 'unfinished') return 'not finished';
  return chunks < 0 ? 'published' : `sound, ${chunks} chunks`;
}

function sizeOf(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

function ageOf(ms: number): string {
  if (ms < 2 * MINUTE_MS) return `${Math.round(ms / SECOND_MS)} s`;
  if (ms < 2 * HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  return `${Math.round(ms / HOUR_MS)} h`;
}
