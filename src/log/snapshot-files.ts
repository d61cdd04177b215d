/**
 * Snapshots of one group as files. Appending goes to the page cache; flushing, verifying and renaming block for long and are
 * asked of somebody else (`publish`), whose answer comes through `settle`.
 *
 *   <directory>/<16 hex digits of the watermark>.tmp  ──published──▶  <watermark>.snap
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { SynodError } from '../base/errors.ts';
import type { GroupId, Slot } from '../base/types.ts';
import {
  type OpenSnapshot,
  SNAPSHOT_FAILED,
  SNAPSHOT_PUBLISHED,
  SNAPSHOT_PUBLISHING,
  SNAPSHOT_WRITING,
  type SnapshotMedium,
  type SnapshotTarget,
} from './snapshot-medium.ts';

const NAME = /^([0-9a-f]{16})\.snap$/;
const HEX_DIGITS = 16;

/** A file to flush, verify and rename. */
export interface PublishTask {
  id: number;
  directory: string;
  temporary: string;
  final: string;
  clusterId: number;
  group: GroupId;
  watermark: Slot;
}

export const snapshotFileName = (watermark: Slot): string =>
  `${watermark.toString(HEX_DIGITS).padStart(HEX_DIGITS, '0')}.snap`;

/** Watermarks of the snapshots in a directory, ascending; none where it is missing. */
export function listSnapshots(directory: string): Slot[] {
  return namesIn(directory)
    .flatMap((name) => NAME.exec(name)?.slice(1) ?? [])
    .map((digits) => Number.parseInt(digits, HEX_DIGITS))
    .sort((a, b) => a - b);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new SynodError('ERR_SYNOD_DIRECTORY', `${directory} cannot be read: check its rights.`, { cause: error });
  }
}

export function openSnapshotFile(path: string): OpenSnapshot {
  const file = openSync(path, 'r');
  return {
    size: fstatSync(file).size,
    read: (offset, target, size) => readAll(file, path, offset, target, size),
    close: () => closeSync(file),
  };
}

function readAll(file: number, path: string, offset: number, target: Uint8Array, size: number): void {
  for (let done = 0; done < size; ) {
    const got = readSync(file, target, done, size - done, offset + done);
    if (got === 0) throw new SynodError('ERR_SYNOD_SNAPSHOT_DAMAGED', `${path} became shorter while it was read.`);
    done += got;
  }
}

export class FileSnapshots implements SnapshotMedium {
  readonly #directory: string;
  readonly #clusterId: number;
  readonly #group: GroupId;
  readonly #publish: (task: PublishTask) => void;
  readonly #publishing = new Map<number, FileTarget>();
  readonly #nextId: () => number;

  /** `nextId` gives numbers that no other group of the worker uses. */
  constructor(
    directory: string,
    clusterId: number,
    group: GroupId,
    nextId: () => number,
    publish: (task: PublishTask) => void,
  ) {
    this.#directory = directory;
    this.#clusterId = clusterId;
    this.#group = group;
    this.#nextId = nextId;
    this.#publish = publish;
    for (const name of namesIn(directory)) if (name.endsWith('.tmp')) rmSync(join(directory, name), { force: true });
  }

  list(): Slot[] {
    return listSnapshots(this.#directory);
  }

  open(watermark: Slot): OpenSnapshot {
    return openSnapshotFile(join(this.#directory, snapshotFileName(watermark)));
  }

  create(watermark: Slot): SnapshotTarget {
    mkdirSync(this.#directory, { recursive: true });
    const final = join(this.#directory, snapshotFileName(watermark));
    const id = this.#nextId();
    const temporary = `${final}.${id}.tmp`;
    return new FileTarget(watermark, temporary, (target) => {
      this.#publishing.set(id, target);
      const { group, clusterId } = { group: this.#group, clusterId: this.#clusterId };
      this.#publish({ id, directory: this.#directory, temporary, final, clusterId, group, watermark });
    });
  }

  /** Publishing ended; `failure` is empty where it succeeded. False where the id is of another group. */
  settle(id: number, failure: string): boolean {
    const target = this.#publishing.get(id);
    if (target === undefined) return false;
    this.#publishing.delete(id);
    target.settle(failure);
    return true;
  }

  setAside(watermark: Slot): void {
    const path = join(this.#directory, snapshotFileName(watermark));
    renameSync(path, `${path}.damaged`);
  }

  remove(watermark: Slot): void {
    rmSync(join(this.#directory, snapshotFileName(watermark)), { force: true });
  }
}

class FileTarget implements SnapshotTarget {
  readonly watermark: Slot;
  size = 0;
  failure = '';
  readonly #temporary: string;
  readonly #publish: (target: FileTarget) => void;
  #file: number;
  #state = SNAPSHOT_WRITING;

  constructor(watermark: Slot, temporary: string, publish: (target: FileTarget) => void) {
    this.watermark = watermark;
    this.#temporary = temporary;
    this.#publish = publish;
    this.#file = openSync(temporary, 'w');
  }

  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done, bytes.length - done);
    this.size += bytes.length;
  }

  publish(): void {
    this.#close();
    this.#state = SNAPSHOT_PUBLISHING;
    this.#publish(this);
  }

  settle(failure: string): void {
    this.failure = failure;
    this.#state = failure === '' ? SNAPSHOT_PUBLISHED : SNAPSHOT_FAILED;
  }

  state(): number {
    return this.#state;
  }

  abandon(): void {
    this.#close();
    rmSync(this.#temporary, { force: true });
  }

  #close(): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
  }
}
