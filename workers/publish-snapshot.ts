/**
 * Short task of its own thread: makes a written snapshot durable, reads it back, and gives it its name. Blocks for as long as the
 * disk takes, which is why no group worker does it.
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { dirname } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { snapshotChecksum } from '../src/log/snapshot-checksum.ts';
import { openSnapshotFile, type PublishTask } from '../src/log/snapshot-files.ts';
import { type Crc, readSnapshot } from '../src/log/snapshot-format.ts';
import { loadNative } from '../src/native-binding.ts';

/** Reading a snapshot back takes a core for as long: whoever has commands to apply goes first. Of this thread alone, where the system has that. */
if (!isMainThread) lowerPriority();

function lowerPriority(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Not allowed here: it is as urgent as everybody else.
  }
}

/** The piscina task. Throws where the snapshot is not what it should be or the disk refuses. */
export function publish(task: PublishTask & { native: 'auto' | 'required' | 'off' }): void {
  if (task.step === 'verify') verify(task);
  else if (task.step === 'flush') flush(task.file, fdatasyncSync);
  else name(task);
}

function name(task: Parameters<typeof publish>[0]): void {
  flush(task.file, fsyncSync);
  verify(task);
  renameSync(task.file, task.final);
  // Its own directory may be new, and the one above: a name is durable once every directory on the way is.
  flush(task.directory, fsyncSync);
  flush(dirname(task.directory), fsyncSync);
  flush(dirname(dirname(task.directory)), fsyncSync);
}

let checksum: Crc | undefined;

function checksumOf(native: 'auto' | 'required' | 'off'): Crc {
  checksum ??= snapshotChecksum(loadNative(native).binding);
  return checksum;
}

function flush(path: string, sync: (file: number) => void): void {
  const file = openSync(path, 'r');
  try {
    sync(file);
  } finally {
    closeSync(file);
  }
}

function verify(task: Parameters<typeof publish>[0]): void {
  const crc = checksumOf(task.native);
  const source = openSnapshotFile(task.file);
  try {
    for (const _chunk of readSnapshot(source, task, crc));
  } finally {
    source.close();
  }
}
