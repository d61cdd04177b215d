/**
 * What stands in the snapshot directories below a path, for whoever looks from outside: names and sizes, or every block. Only reads.
 *
 *   <cluster>/replica-<i>/snapshots/group-<g>/<watermark>.snap │ .snap.damaged │ .<id>.tmp        any directory of these may be given
 */
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SynodError } from '../base/errors.ts';
import { openSnapshotFile } from './snapshot-files.ts';
import { type Crc, readSnapshot, readSnapshotName } from './snapshot-format.ts';

/** Directories between a cluster's and its snapshots. */
const DEPTH_MAX = 4;
const FILE = /^([0-9a-f]{16})\.snap(\.damaged|\.\d+\.tmp)?$/;
const GROUP = /^group-(\d+)$/;

export interface SnapshotInspection {
  path: string;
  /** -1 where neither directory nor file tells. */
  shard: number;
  watermark: number;
  bytes: number;
  /** Published, found damaged and set aside, or not finished: being written, or left by a process that ended. */
  state: 'published' | 'setAside' | 'unfinished';
  publishedAt: string;
  ageMs: number;
  /** After `verify`: chunks of the image; -1 else. */
  chunks: number;
  /** What is wrong with it; null where nothing was found. */
  problem: string | null;
}

/** Every snapshot file below `directory`, by path. Throws ERR_SYNOD_DIRECTORY where it cannot be read. */
export function inspectSnapshots(directory: string, nowMs: number): SnapshotInspection[] {
  return findFiles(directory, DEPTH_MAX)
    .sort()
    .map((path) => inspectFile(path, nowMs));
}

/** The same, every block of every published one read. */
export function verifySnapshots(directory: string, nowMs: number, crc: Crc): SnapshotInspection[] {
  return inspectSnapshots(directory, nowMs).map((found) =>
    found.state === 'published' && found.problem === null ? verifyFile(found, crc) : found,
  );
}

function findFiles(directory: string, depth: number): string[] {
  const files: string[] = [];
  for (const entry of entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory() && depth > 0) files.push(...findFiles(path, depth - 1));
    else if (entry.isFile() && FILE.test(entry.name)) files.push(path);
  }
  return files;
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (cause) {
    throw new SynodError('ERR_SYNOD_DIRECTORY', `${directory} cannot be read: check its path and rights.`, { cause });
  }
}

function inspectFile(path: string, nowMs: number): SnapshotInspection {
  const [, digits = '', ending] = FILE.exec(basename(path)) ?? [];
  const watermark = Number.parseInt(digits, 16);
  const { size, mtimeMs } = statSync(path);
  const group = Number(GROUP.exec(basename(dirname(path)))?.[1] ?? -1);
  const named = nameIn(path);
  const state = ending === undefined ? 'published' : ending === '.damaged' ? 'setAside' : 'unfinished';
  return {
    path,
    shard: group < 0 ? (named?.group ?? -1) : group,
    watermark,
    bytes: size,
    state,
    publishedAt: new Date(mtimeMs).toISOString(),
    ageMs: Math.max(0, Math.round(nowMs - mtimeMs)),
    chunks: -1,
    problem: state === 'published' ? problemOf(named, watermark, group) : null,
  };
}

function nameIn(path: string) {
  const source = openSnapshotFile(path);
  try {
    return readSnapshotName(source);
  } finally {
    source.close();
  }
}

function problemOf(named: ReturnType<typeof readSnapshotName>, watermark: number, group: number): string | null {
  if (named === undefined) return 'its first block is damaged';
  if (named.watermark !== watermark) return `it says slot ${named.watermark}: it was renamed`;
  if (group >= 0 && named.group !== group) return `it says shard ${named.group}: it was moved`;
  return null;
}

function verifyFile(found: SnapshotInspection, crc: Crc): SnapshotInspection {
  const source = openSnapshotFile(found.path);
  try {
    const name = readSnapshotName(source);
    let chunks = 0;
    if (name !== undefined) for (const _chunk of readSnapshot(source, name, crc)) chunks += 1;
    return { ...found, chunks };
  } catch (error) {
    return { ...found, problem: error instanceof Error ? error.message : String(error) };
  } finally {
    source.close();
  }
}
