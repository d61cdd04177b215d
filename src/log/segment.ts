/**
 * The segments of one log as recovery sees them: a list in order, and reads inside one. Files in production; the
 * simulator and the tests bring their own medium.
 *
 *   <directory>/<16 hex digits of base / LOG_SEGMENT_BYTES>.seg
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { SynodError } from '../base/errors.ts';
import type { LogPosition } from '../base/types.ts';
import { LOG_SEGMENT_BYTES } from '../limits.ts';
import { SegmentFile } from './segment-file.ts';

const SUFFIX = '.seg';
const NAME = /^[0-9a-f]{16}\.seg$/;

/** What recovery needs of a medium. */
export interface SegmentReader {
  /** Positions of the first bytes of the segments that exist, ascending. */
  list(): LogPosition[];
  /** Bytes that the segment has; what is missing to LOG_SEGMENT_BYTES was never written. */
  sizeOf(base: LogPosition): number;
  /** Reads `size` bytes from `offset` of the segment; all of them lie below `sizeOf`. Throws with cause EIO where the medium cannot. */
  read(base: LogPosition, offset: number, target: Uint8Array, targetOffset: number, size: number): void;
  /** How an operator finds the segment: the path of its file. */
  nameOf(base: LogPosition): string;
  /** Lets go of open files; further calls open them again. Idempotent. */
  close(): void;
}

/** File name of the segment that begins at `base`. */
export function segmentFileName(base: LogPosition): string {
  assert(base % LOG_SEGMENT_BYTES === 0, 'segments begin at multiples of their size');
  return (base / LOG_SEGMENT_BYTES).toString(16).padStart(16, '0') + SUFFIX;
}

/** Segments in a directory; files of other names are left alone. */
export class FileSegmentReader implements SegmentReader {
  readonly #directory: string;
  /** The file read last stays open: recovery reads segments one after the other. */
  #openBase = -1;
  #file: SegmentFile | undefined;
  #buffer: Uint8Array | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  list(): LogPosition[] {
    const names = this.#try('list', () => readdirSync(this.#directory));
    return names
      .filter((name) => NAME.test(name))
      .map((name) => Number.parseInt(name, 16) * LOG_SEGMENT_BYTES)
      .sort((a, b) => a - b);
  }

  sizeOf(base: LogPosition): number {
    return this.#try('stat', () => this.#open(base).size);
  }

  read(base: LogPosition, offset: number, target: Uint8Array, targetOffset: number, size: number): void {
    let done = 0;
    while (done < size) {
      const count = this.#try('read', () =>
        this.#open(base).read(offset + done, target, targetOffset + done, size - done),
      );
      if (count === 0)
        throw new SynodError('ERR_SYNOD_DIRECTORY', `${this.nameOf(base)} became shorter while it was read.`);
      done += count;
    }
  }

  nameOf(base: LogPosition): string {
    return join(this.#directory, segmentFileName(base));
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#openBase = -1;
  }

  #open(base: LogPosition): SegmentFile {
    if (this.#file !== undefined && this.#openBase === base) return this.#file;
    this.close();
    this.#buffer ??= SegmentFile.makeBuffer();
    this.#file = new SegmentFile(this.nameOf(base), this.#buffer);
    this.#openBase = base;
    return this.#file;
  }

  #try<T>(what: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      const text = `Cannot ${what} the log in ${this.#directory}: check that it exists and may be read.`;
      throw new SynodError('ERR_SYNOD_DIRECTORY', text, { cause: error });
    }
  }
}
