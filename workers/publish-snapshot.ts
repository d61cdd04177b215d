/**
 * Short task of its own thread: makes a written snapshot durable, reads it back, and gives it its name. Blocks for as long as the
 * disk takes, which is why no group worker does it.
 *
 *   flush: begin to write ─▶ verify what was flushed before ─▶ wait      …      publish: flush all ─▶ verify the rest ─▶ rename
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { dirname } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { snapshotChecksum } from '../src/log/snapshot-checksum.ts';
import { openSnapshotFile, type PublishTask } from '../src/log/snapshot-files.ts';
import { type Crc, SnapshotVerifier } from '../src/log/snapshot-format.ts';
import type { OpenSnapshot } from '../src/log/snapshot-medium.ts';
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

type Task = PublishTask & { native: 'auto' | 'required' | 'off' };

/** The piscina task. Throws where the snapshot is not what it should be or the disk refuses. */
export function publish(task: Task): void {
  if (task.step === 'flush') flushPart(task);
  else if (task.step === 'verify') verifyRest(task);
  else name(task);
}

/** A file that is read back part by part; open only meanwhile, so that one which is given up gives its room back. */
class ReadBack {
  readonly #verifier: SnapshotVerifier;
  readonly #file: string;
  #source: OpenSnapshot | undefined;

  constructor(task: Task) {
    this.#file = task.file;
    const read: OpenSnapshot['read'] = (offset, target, size) => this.#source?.read(offset, target, size);
    this.#verifier = new SnapshotVerifier(read, task, checksumOf(task.native));
  }

  advance(size: number): void {
    this.#read(() => this.#verifier.advance(size));
  }

  finish(): void {
    this.#read(({ size }) => this.#verifier.finish(size));
  }

  #read(verify: (source: OpenSnapshot) => void): void {
    const source = openSnapshotFile(this.#file);
    this.#source = source;
    try {
      verify(source);
    } finally {
      source.close();
    }
  }

  close(): void {
    this.#verifier.close();
  }
}

/** Files that are being written; those that were given up go as others come. */
const growing = new Map<string, ReadBack>();
const GROWING_MAX = 8;

/** What was flushed before is read back while the disk is busy with this part. */
function flushPart(task: Task): void {
  const binding = loadNative(task.native).binding;
  if (binding === undefined) {
    flush(task.file, fdatasyncSync);
    return;
  }
  check(binding.imageBegin(task.file, task.from, task.end), task);
  readBackOf(task).advance(task.from);
  check(binding.imageFlush(task.file, task.from, task.end, task.isUrgent), task);
}

function check(result: number, task: Task): void {
  if (result !== 0) throw new Error(`${task.file} cannot be written: ${getSystemErrorName(result)}`);
}

function readBackOf(task: Task): ReadBack {
  const known = growing.get(task.file);
  if (known !== undefined) return known;
  for (const file of growing.keys()) if (growing.size >= GROWING_MAX) forget(file);
  const readBack = new ReadBack(task);
  growing.set(task.file, readBack);
  return readBack;
}

function forget(file: string): void {
  growing.get(file)?.close();
  growing.delete(file);
}

function name(task: Task): void {
  const binding = loadNative(task.native).binding;
  if (binding !== undefined) check(binding.imageFlush(task.file, task.from, task.end, task.isUrgent), task);
  flush(task.file, fsyncSync);
  verifyRest(task);
  renameSync(task.file, task.final);
  // Its own directory may be new, and the one above: a name is durable once every directory on the way is.
  flush(task.directory, fsyncSync);
  flush(dirname(task.directory), fsyncSync);
  flush(dirname(dirname(task.directory)), fsyncSync);
}

let checksum: Crc | undefined;

function checksumOf(native: Task['native']): Crc {
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

/** Whatever of it was not read yet. */
function verifyRest(task: Task): void {
  const readBack = growing.get(task.file) ?? new ReadBack(task);
  growing.delete(task.file);
  try {
    readBack.finish();
  } finally {
    readBack.close();
  }
}
