/**
 * What the ring cases write into a record and read out of it: every word of the payload, so that its bytes really travel.
 * @hot
 */
import { RECORD_HEADER_BYTES } from '../src/memory/descriptor.ts';
import type { RecordHandler } from '../src/memory/ring.ts';

/** Fills the payload of a claimed record of `size` bytes. */
export function writeRecord(words: Int32Array, offset: number, size: number, seed: number): void {
  const end = (offset + size) >> 2;
  for (let word = (offset + RECORD_HEADER_BYTES) >> 2; word < end; word++) words[word] = seed + word;
}

/** Reads records into one running hash. */
export class RecordReader {
  hash = 0;
  readonly onRecord: RecordHandler;

  constructor() {
    this.onRecord = (words, _bytes, offset, size) => this.read(words, offset, size);
  }

  private read(words: Int32Array, offset: number, size: number): void {
    const end = (offset + size) >> 2;
    let sum = this.hash;
    for (let word = (offset + RECORD_HEADER_BYTES) >> 2; word < end; word++) sum = (sum + words[word]) | 0;
    this.hash = Math.imul(sum, 31);
  }
}
