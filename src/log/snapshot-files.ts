/**
 * Snapshots of one group as files. Appending goes to the page cache; flushing, verifying and renaming block for long and are
 * asked of somebody else (`ask`), whose answer comes through `settle`. What is appended is flushed part by part, so that neither the page
 * cache nor the last flush grows with the snapshot.
 *
 *   <directory>/<16 hex digits of the watermark>.<id>.tmp  ──published──▶  <watermark>.snap  ──found damaged──▶  <watermark>.snap.damaged
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
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
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

/** What somebody who may block does: writes a part of `file` to the disk; or makes it durable, verifies it and names it `final`; or only reads it to its end. */
export interface PublishTask {
  id: number;
  step: 'flush' | 'publish' | 'verify';
  /** The part: bytes [from, end); of one that is published, those that were not flushed yet. */
  from: number;
  end: number;
  /** So much waits to be flushed that the logs do not come first. */
  isUrgent: boolean;
  directory: string;
  file: string;
  final: string;
  clusterId: number;
  group: GroupId;
  watermark: Slot;
}

/** Bytes of a part that is flushed; parts on their way at once, so that the disk need not wait for the next; bytes that may wait in all. */
const FLUSH_BYTES = 8 << 20;
const FLUSHES_MAX = 2;
const BEHIND_BYTES = 4 * FLUSH_BYTES;
/** More than that waits only where appending could not wait. */
const URGENT_BYTES = 2 * BEHIND_BYTES;
/** A snapshot of so little holds no log up for long. */
const SMALL_BYTES = 2 << 20;

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

type Part = Pick<PublishTask, 'step' | 'file' | 'from' | 'end' | 'isUrgent' | 'watermark'>;
type Ask = (part: Part, settled: (failure: string) => void) => void;

export class FileSnapshots implements SnapshotMedium {
  readonly #directory: string;
  readonly #clusterId: number;
  readonly #group: GroupId;
  readonly #publish: (task: PublishTask) => void;
  readonly #asked = new Map<number, (failure: string) => void>();
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
    return openSnapshotFile(this.#path(watermark));
  }

  create(watermark: Slot): SnapshotTarget {
    mkdirSync(this.#directory, { recursive: true });
    const temporary = `${this.#path(watermark)}.${this.#nextId()}.tmp`;
    return new FileTarget(watermark, temporary, (part, settled) => this.#ask(part, settled));
  }

  #path(watermark: Slot): string {
    return join(this.#directory, snapshotFileName(watermark));
  }

  #ask(part: Part, settled: (failure: string) => void): void {
    const id = this.#nextId();
    assert(!this.#asked.has(id), 'a question has a number of its own');
    this.#asked.set(id, settled);
    const final = this.#path(part.watermark);
    const { group, clusterId } = { group: this.#group, clusterId: this.#clusterId };
    this.#publish({ ...part, id, directory: this.#directory, final, clusterId, group });
  }

  /** What was asked for ended; `failure` is empty where it succeeded. False where the id is of another group. */
  settle(id: number, failure: string): boolean {
    const settled = this.#asked.get(id);
    if (settled === undefined) return false;
    this.#asked.delete(id);
    settled(failure);
    return true;
  }

  verify(watermark: Slot): () => number {
    let state = SNAPSHOT_PUBLISHING;
    this.#ask(wholeOf('verify', this.#path(watermark), watermark), (failure) => {
      state = failure === '' ? SNAPSHOT_PUBLISHED : SNAPSHOT_FAILED;
    });
    return () => state;
  }

  setAside(watermark: Slot): void {
    for (const name of namesIn(this.#directory))
      if (name.endsWith('.damaged')) rmSync(join(this.#directory, name), { force: true });
    renameSync(this.#path(watermark), `${this.#path(watermark)}.damaged`);
  }

  remove(watermark: Slot): void {
    rmSync(this.#path(watermark), { force: true });
  }

  bytes(): number {
    let bytes = 0;
    for (const name of namesIn(this.#directory))
      bytes += statSync(join(this.#directory, name), { throwIfNoEntry: false })?.size ?? 0;
    return bytes;
  }

  publishedAt(watermark: Slot): number {
    return statSync(this.#path(watermark), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }
}

function wholeOf(step: PublishTask['step'], file: string, watermark: Slot): Part {
  return { step, file, from: 0, end: 0, isUrgent: false, watermark };
}

class FileTarget implements SnapshotTarget {
  readonly watermark: Slot;
  size = 0;
  failure = '';
  readonly #temporary: string;
  readonly #ask: Ask;
  #file: number;
  #state = SNAPSHOT_WRITING;
  /** Bytes that were flushed, and those that will be once the flushes under way end. */
  #flushed = 0;
  #asked = 0;
  #flushes = 0;

  constructor(watermark: Slot, temporary: string, ask: Ask) {
    this.watermark = watermark;
    this.#temporary = temporary;
    this.#ask = ask;
    this.#file = openSync(temporary, 'w');
  }

  append(bytes: Uint8Array): void {
    assert(this.#file >= 0, 'a snapshot that is not published yet grows');
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done, bytes.length - done);
    this.size += bytes.length;
    if (this.size - this.#asked >= FLUSH_BYTES && this.#flushes < FLUSHES_MAX) this.#flush();
  }

  #flush(): void {
    const isUrgent = this.size - this.#flushed > URGENT_BYTES;
    const [from, end] = [this.#asked, this.size];
    this.#asked = end;
    this.#flushes += 1;
    this.#ask({ step: 'flush', file: this.#temporary, from, end, isUrgent, watermark: this.watermark }, (failure) => {
      this.#flushed = end;
      this.#flushes -= 1;
      if (failure !== '') this.#settle(failure);
      else if (this.#flushes === 0 && this.#state === SNAPSHOT_PUBLISHING) this.#name();
    });
  }

  get mayAppend(): boolean {
    return this.size - this.#flushed < BEHIND_BYTES;
  }

  publish(): void {
    this.#close();
    if (this.#state === SNAPSHOT_FAILED) return;
    this.#state = SNAPSHOT_PUBLISHING;
    if (this.#flushes === 0) this.#name();
  }

  /** Once every flush has been answered: the kernel tells of a write that failed once, and fsync would know nothing of it any more. */
  #name(): void {
    const rest = { from: this.#asked, end: this.size, isUrgent: this.size <= SMALL_BYTES };
    this.#ask({ ...wholeOf('publish', this.#temporary, this.watermark), ...rest }, (failure) => this.#settle(failure));
  }

  #settle(failure: string): void {
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
