/**
 * The log device in pure Node: synchronous writes on files opened with O_DSYNC. A submission is durable when `submit` returns.
 * Used where no addon could be built; costs the worker the whole write.
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { SynodError } from '../base/errors.ts';
import type { LogPosition } from '../base/types.ts';
import { LOG_SEGMENT_BYTES } from '../limits.ts';
import type { LogDevice } from './log.ts';
import { segmentFileName } from './segment.ts';

const ZEROS = new Uint8Array(1 << 20);

export class FsDevice implements LogDevice {
  readonly name = 'fs';
  readonly durable: boolean;
  readonly #directory: string;
  readonly #chunks: readonly Uint8Array[];
  readonly #files = new Map<LogPosition, number>();
  #count = 0;
  #error = 0;

  constructor(directory: string, chunks: readonly SharedArrayBuffer[], durable: boolean) {
    this.#directory = directory;
    this.#chunks = chunks.map((chunk) => new Uint8Array(chunk));
    this.durable = durable;
  }

  submit(chunkIndex: number, offset: number, size: number, position: LogPosition, _alone: boolean): boolean {
    if (this.#error !== 0) return false;
    const base = Math.floor(position / LOG_SEGMENT_BYTES) * LOG_SEGMENT_BYTES;
    try {
      const file = this.#file(base);
      let done = 0;
      while (done < size)
        done += writeSync(
          file,
          this.#chunks[chunkIndex] as Uint8Array,
          offset + done,
          size - done,
          position - base + done,
        );
      this.#count = (this.#count + 1) | 0;
    } catch (error) {
      this.#latch(error);
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
    const base = Math.floor(position / LOG_SEGMENT_BYTES) * LOG_SEGMENT_BYTES;
    let done = 0;
    while (done < size) {
      const got = readSync(this.#file(base), target, targetOffset + done, size - done, position - base + done);
      if (got <= 0)
        throw new SynodError(
          'ERR_SYNOD_LOG_FAILED',
          `${this.#directory}: the log ends before position ${position + done}.`,
        );
      done += got;
    }
  }

  openSegment(base: LogPosition, header: Uint8Array): void {
    const path = join(this.#directory, segmentFileName(base));
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_DSYNC, 0o644);
    for (let at = 0; fstatSync(file).size < LOG_SEGMENT_BYTES; at += ZEROS.length)
      writeSync(file, ZEROS, 0, ZEROS.length, at);
    writeSync(file, header, 0, header.length, 0);
    fsyncSync(file);
    const directory = openSync(this.#directory, 'r');
    fsyncSync(directory);
    closeSync(directory);
    this.#files.set(base, file);
  }

  close(): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
  }

  #file(base: LogPosition): number {
    const known = this.#files.get(base);
    if (known !== undefined) return known;
    const file = openSync(join(this.#directory, segmentFileName(base)), constants.O_RDWR | constants.O_DSYNC);
    this.#files.set(base, file);
    return file;
  }

  /** The first failure ends the log for good: what a flush failed to write is never tried again. */
  #latch(error: unknown): void {
    this.#error = (error as NodeJS.ErrnoException).errno ?? os.errno.EIO;
  }
}
