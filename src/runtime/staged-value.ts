/**
 * The value that stands behind the log's tail while the core decides about it: copied in from a frame and checked there (S24), or written
 * there by a batch. What the core does not persist is simply written over.
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { LogPosition } from '../base/types.ts';
import type { Log } from '../log/log.ts';
import { ENTRY_HEADER_BYTES, ENTRY_VALUE_LENGTH_WORD } from '../log/record.ts';
import type { Bulk } from '../memory/bulk.ts';
import { M_VALUE_CRC, M_VALUE_LENGTH } from '../paxos/message.ts';

export class StagedValue {
  readonly #bulk: Bulk;
  #log: Log = undefined as unknown as Log;
  /** Byte offset in the log's staged chunk, -1 when nothing is staged. */
  #offset = -1;
  #length = 0;

  constructor(bulk: Bulk) {
    this.#bulk = bulk;
  }

  attachLog(log: Log): void {
    this.#log = log;
  }

  /** `length` bytes stand at `offset` of the log's staged chunk. Returns their checksum. */
  set(offset: number, length: number): number {
    assert(offset >= 0 && length > 0, 'a staged value has a place and bytes');
    this.#offset = offset;
    this.#length = length;
    return this.#bulk.crc32c(this.#log.stagedBytes, offset, length);
  }

  clear(): void {
    this.#offset = -1;
  }

  /** True where a value of `length` bytes is staged. */
  has(length: number): boolean {
    return this.#offset >= 0 && this.#length === length;
  }

  /** Copies the value of an inbound message behind the tail; false where there is no room or the copy is not what was sent. */
  copyIn(bytes: Uint8Array, offset: number, message: Float64Array): boolean {
    const length = message[M_VALUE_LENGTH] as number;
    assert(this.#offset < 0, 'one value is staged at a time');
    if (length === 0) return true;
    const at = this.#log.stage(length);
    if (at < 0) return false;
    this.#bulk.copy(bytes, offset, this.#log.stagedBytes, at, length);
    if (this.#bulk.crc32c(this.#log.stagedBytes, at, length) !== message[M_VALUE_CRC]) return false;
    this.#offset = at;
    this.#length = length;
    return true;
  }

  /** True where the record at `position` holds the same bytes (S3); position 0 = no record. */
  equalsRecord(position: LogPosition): boolean {
    if (position === 0 || this.#offset < 0) return false;
    const log = this.#log;
    log.locate(position);
    if (log.readWords[(log.readOffset >> 2) + ENTRY_VALUE_LENGTH_WORD] !== this.#length) return false;
    const recorded = log.readOffset + ENTRY_HEADER_BYTES;
    return this.#bulk.equal(log.readBytes, recorded, log.stagedBytes, this.#offset, this.#length);
  }
}
