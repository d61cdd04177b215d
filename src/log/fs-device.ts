/**
 * The log device in pure Node: synchronous writes on files opened with O_DSYNC. A submission is durable when `submit` returns.
 * Used where no addon could be built; costs the worker the whole write.
 */
import * as nodeFs from 'node:fs';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { SynodError } from '../base/errors.ts';
import type { LogPosition } from '../base/types.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../limits.ts';
import { deviceError, errnoOf, isTransient } from './device-failure.ts';
import type { LogDevice } from './log.ts';
import { segmentFileName } from './segment.ts';
import { type FileCalls, SegmentSpares, syncDirectory } from './segment-spares.ts';

const { constants } = nodeFs;
const { EIO } = osConstants.errno;
const ZEROS = new Uint8Array(1 << 20);
/** Reads go back to old segments one at a time. */
const OPEN_FILES_MAX = 8;
/** Made full of zeros under this name: a segment is never seen half made. */
const FILL_NAME = 'fill.tmp';

export class FsDevice implements LogDevice {
  readonly name = 'fs';
  readonly durable: boolean;
  readonly #directory: string;
  readonly #chunks: readonly Uint8Array[];
  readonly #fs: FileCalls;
  readonly #spares: SegmentSpares;
  /** Descriptors by segment base, the one used longest ago first. */
  readonly #files = new Map<LogPosition, number>();
  #count = 0;
  #error = 0;
  #isClosed = false;

  constructor(directory: string, chunks: readonly SharedArrayBuffer[], durable: boolean, fs: FileCalls = nodeFs) {
    this.#directory = directory;
    this.#chunks = chunks.map((chunk) => new Uint8Array(chunk));
    this.durable = durable;
    this.#fs = fs;
    this.#spares = new SegmentSpares(directory, fs);
  }

  submit(chunkIndex: number, offset: number, size: number, segment: number, _alone: boolean): boolean {
    assert(offset % LOG_BLOCK_BYTES === 0 && size % LOG_BLOCK_BYTES === 0, 'submissions are whole blocks');
    assert(segment >= 0, 'segments count from 0');
    assert(offset + size <= LOG_SEGMENT_BYTES, 'a submission stays in its segment');
    if (this.#error !== 0 || this.#isClosed) return false;
    try {
      this.#write(
        this.#file(segment * LOG_SEGMENT_BYTES),
        this.#chunks[chunkIndex] as Uint8Array,
        offset,
        size,
        offset,
      );
      this.#count = (this.#count + 1) | 0;
    } catch (error) {
      this.#error = errnoOf(error);
    }
    return true;
  }

  durableCount(): number {
    return this.#count;
  }

  error(): number {
    return this.#error;
  }

  read(position: LogPosition, target: Uint8Array, targetOffset: number, size: number): void {
    const offset = position % LOG_SEGMENT_BYTES;
    try {
      const file = this.#file(position - offset);
      for (let done = 0; done < size; ) {
        const got = this.#fs.readSync(file, target, targetOffset + done, size - done, offset + done);
        if (got === 0)
          throw new SynodError('ERR_SYNOD_LOG_FAILED', `${this.#directory}: the log ends before position ${position}.`);
        done += got;
      }
    } catch (error) {
      throw error instanceof SynodError ? error : deviceError(this.#directory, 'read', errnoOf(error), error);
    }
  }

  openSegment(base: LogPosition, header: Uint8Array): void {
    assert(!this.#isClosed, 'a closed device opens nothing');
    const what = 'open a segment of';
    if (this.#error !== 0) throw deviceError(this.#directory, what, this.#error);
    try {
      this.#forget(base);
      if (!this.#spares.take(base)) this.#makeZeroed(base);
      this.#write(this.#file(base), header, 0, header.length, 0);
      syncDirectory(this.#directory, this.#fs);
    } catch (error) {
      const errno = errnoOf(error);
      if (!isTransient(errno)) this.#error = errno;
      this.#forget(base);
      throw deviceError(this.#directory, what, errno, error);
    }
  }

  openAhead(base: LogPosition, header: Uint8Array): boolean {
    if (!this.#files.has(base)) this.openSegment(base, header);
    return true;
  }

  retireSegment(base: LogPosition): void {
    this.#forget(base);
    this.#spares.retire(base);
  }

  close(): void {
    this.#isClosed = true;
    for (const file of this.#files.values()) this.#fs.closeSync(file);
    this.#files.clear();
  }

  /** Whatever an earlier attempt left in the file is gone afterwards. */
  #makeZeroed(base: LogPosition): void {
    const path = join(this.#directory, FILL_NAME);
    const file = this.#fs.openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o644);
    try {
      for (let at = 0; at < LOG_SEGMENT_BYTES; at += ZEROS.length) this.#write(file, ZEROS, 0, ZEROS.length, at);
      this.#fs.fdatasyncSync(file);
    } finally {
      this.#fs.closeSync(file);
    }
    this.#fs.renameSync(path, this.#pathOf(base));
  }

  #file(base: LogPosition): number {
    let file = this.#files.get(base);
    if (file === undefined) {
      file = this.#fs.openSync(this.#pathOf(base), constants.O_RDWR | constants.O_DSYNC);
      if (this.#files.size === OPEN_FILES_MAX) this.#closeOldest();
    } else {
      this.#files.delete(base);
    }
    this.#files.set(base, file);
    return file;
  }

  #forget(base: LogPosition): void {
    const file = this.#files.get(base);
    if (file === undefined) return;
    this.#files.delete(base);
    this.#fs.closeSync(file);
  }

  #closeOldest(): void {
    const [base] = this.#files.keys();
    this.#forget(base);
  }

  #pathOf(base: LogPosition): string {
    return join(this.#directory, segmentFileName(base));
  }

  #write(file: number, bytes: Uint8Array, offset: number, size: number, at: number): void {
    for (let done = 0; done < size; ) {
      const count = this.#fs.writeSync(file, bytes, offset + done, size - done, at + done);
      if (count === 0) throw Object.assign(new Error('the medium took nothing'), { errno: -EIO });
      done += count;
    }
  }
}
