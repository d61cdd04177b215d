/**
 * Short task of its own thread: makes a written snapshot durable, reads it back, and gives it its name. Blocks for as long as the
 * disk takes, which is why no group worker does it.
 */
import { closeSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { openSnapshotFile, type PublishTask } from '../src/log/snapshot-files.ts';
import { readSnapshot } from '../src/log/snapshot-format.ts';
import { crc32c } from '../src/wire/crc32c.ts';

/** The piscina task. Throws where the snapshot is not what it should be or the disk refuses. */
export function publish(task: PublishTask): void {
  flush(task.temporary);
  verify(task);
  renameSync(task.temporary, task.final);
  flush(task.directory);
}

function flush(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function verify(task: PublishTask): void {
  const source = openSnapshotFile(task.temporary);
  try {
    for (const _chunk of readSnapshot(source, task, crc32c));
  } finally {
    source.close();
  }
}
