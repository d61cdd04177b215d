/**
 * One segment file as recovery reads it: past the page cache where the file system allows it. After a write that failed the cache may hold,
 * clean, what the medium never got; who starts anew must see the medium.
 *
 *   O_DIRECT: whole blocks ──▶ page-aligned buffer ──▶ target          elsewhere: straight into the target
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { assert } from '../base/assert.ts';
import { align } from '../base/bits.ts';
import { LOG_BLOCK_BYTES } from '../limits.ts';
import { alignedMemory } from '../memory/aligned-memory.ts';

/** Bytes per read: large enough that the medium streams. */
const BUFFER_BYTES = 1 << 20;
/** Not on every system. */
const DIRECT: number | undefined = constants.O_DIRECT;

export class SegmentFile {
  readonly #path: string;
  #descriptor: number;
  /** Undefined where reads go through the cache. */
  #buffer: Uint8Array | undefined;

  /** `buffer`: what `makeBuffer` gave; undefined to read through the cache. Throws errors of node:fs. */
  constructor(path: string, buffer: Uint8Array | undefined) {
    this.#path = path;
    this.#buffer = buffer;
    this.#descriptor = this.#open();
  }

  /** Shared by the files of one reader. */
  static makeBuffer(): Uint8Array | undefined {
    return DIRECT === undefined ? undefined : new Uint8Array(alignedMemory(BUFFER_BYTES), 0, BUFFER_BYTES);
  }

  get size(): number {
    return fstatSync(this.#descriptor).size;
  }

  /** Reads up to `size` bytes from `offset`; returns how many, 0 at the end of the file. */
  read(offset: number, target: Uint8Array, targetOffset: number, size: number): number {
    assert(offset >= 0 && size > 0, 'a range of the file is read');
    assert(targetOffset + size <= target.length, 'the target holds what is read');
    if (this.#buffer !== undefined) {
      try {
        return this.#readBlocks(this.#buffer, offset, target, targetOffset, size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
        this.#readThroughCache();
      }
    }
    return readSync(this.#descriptor, target, targetOffset, size, offset);
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #readBlocks(buffer: Uint8Array, offset: number, target: Uint8Array, targetOffset: number, size: number): number {
    const from = offset - (offset % LOG_BLOCK_BYTES);
    const end = Math.min(from + BUFFER_BYTES, align(offset + size, LOG_BLOCK_BYTES));
    assert(end > from && end - from <= buffer.length, 'the buffer holds what is read');
    const got = readSync(this.#descriptor, buffer, 0, end - from, from) - (offset - from);
    const count = Math.min(got, size);
    if (count <= 0) return 0;
    target.set(buffer.subarray(offset - from, offset - from + count), targetOffset);
    return count;
  }

  /** The file system takes O_DIRECT when a file is opened, and not when it is read; or its blocks are larger. */
  #readThroughCache(): void {
    closeSync(this.#descriptor);
    this.#buffer = undefined;
    this.#descriptor = this.#open();
  }

  #open(): number {
    if (this.#buffer !== undefined) {
      try {
        return openSync(this.#path, constants.O_RDONLY | (DIRECT ?? 0));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
        this.#buffer = undefined;
      }
    }
    return openSync(this.#path, constants.O_RDONLY);
  }
}
