/**
 * The log of one worker without a medium (durability `memory`): the chunks are the log. They and the control block belong
 * to the coordinator, so a replacement worker finds every vote that its predecessor gave (S4).
 *
 *   chunk     | one block unused, as segment headers take it | record | record | … | SIZE 0: goes on in the next chunk
 *   control   Float64: position behind the last whole record; stored after the record is complete
 *
 * Records are those of log/record, incarnation 1, without submissions. Chunks are never recycled: once the last one is
 * full, `stage` answers -1 for ever.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { align, highWord, lowWord } from '../base/bits.ts';
import { SynodError } from '../base/errors.ts';
import type { LogPosition } from '../base/types.ts';
import { ENTRY_RESERVE_BYTES, LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, VALUE_BYTES_MAX } from '../limits.ts';
import type { EntryStore } from './entry-store.ts';
import { HEADER_KIND, HEADER_VALUE_LENGTH, type Log, type LogDevice } from './log.ts';
import { ENTRY_ALIGNMENT, ENTRY_HEADER_BYTES, ENTRY_SIZE_WORD } from './record.ts';
import {
  emptyRecord,
  isRecordHeaderValid,
  kindHasValue,
  readRecordHeader,
  writeRecordHeader,
} from './record-header.ts';
import type { RecordVisitor } from './segment-scan.ts';

/** Size of the control block. */
export const VOLATILE_CONTROL_BYTES = 64;

const INCARNATION = 1;
const NONE = -1;

/** Indices into `#numbers`. */
const SEGMENT_BASE = 0;
const DURABLE = 1;
/** Position of the record appended last. */
const APPENDED = 2;
const NUMBERS = 3;

export class VolatileLog implements Log {
  readonly device: LogDevice;
  readonly #store: EntryStore;
  readonly #control: Float64Array;
  readonly #numbers = new Float64Array(NUMBERS);
  #chunk = 0;
  #offset = LOG_BLOCK_BYTES;
  #staged = NONE;
  #stagedRoom = 0;
  #hasMoved = false;
  #isFull = false;
  #readChunk = 0;
  #readOffset = 0;

  /** Goes on behind the last whole record, which `recoverVolatileLog` has read. */
  constructor(device: LogDevice, store: EntryStore, control: SharedArrayBuffer) {
    assert(!device.durable, 'a volatile log stands on no medium');
    assert(control.byteLength >= VOLATILE_CONTROL_BYTES, 'the control block is too small');
    this.device = device;
    this.#store = store;
    this.#control = new Float64Array(control);
    const end = Math.max(this.#control[0], LOG_BLOCK_BYTES);
    const lastBase = Math.floor((end - 1) / LOG_SEGMENT_BYTES) * LOG_SEGMENT_BYTES;
    for (let base = 0; base <= lastBase; base += LOG_SEGMENT_BYTES) this.#chunk = store.enter(base, base);
    this.#numbers[SEGMENT_BASE] = lastBase;
    this.#numbers[DURABLE] = end;
    this.#offset = end - lastBase;
  }

  get appendedPosition(): LogPosition {
    return this.#numbers[SEGMENT_BASE] + this.#offset;
  }

  /** There is no device to hand anything to. */
  get submissions(): number {
    return 0;
  }

  get durablePosition(): LogPosition {
    return this.#numbers[DURABLE];
  }

  get stagedBytes(): Uint8Array {
    return this.#store.bytes[this.#chunk];
  }

  get stagedWords(): Int32Array {
    return this.#store.words[this.#chunk];
  }

  get readBytes(): Uint8Array {
    return this.#store.bytes[this.#readChunk];
  }

  get readWords(): Int32Array {
    return this.#store.words[this.#readChunk];
  }

  get readOffset(): number {
    return this.#readOffset;
  }

  /** True once a value found no room: the log holds no further one, ever. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Header-only appends end the staging; stage again after them. */
  stage(valueBytes: number): number {
    assert(valueBytes >= 0 && valueBytes <= VALUE_BYTES_MAX, 'a staged value is at most VALUE_BYTES_MAX long');
    this.#staged = this.#place(align(ENTRY_HEADER_BYTES + valueBytes, ENTRY_ALIGNMENT), ENTRY_RESERVE_BYTES);
    if (this.#staged === NONE) {
      this.#isFull = true;
      return -1;
    }
    this.#stagedRoom = valueBytes;
    return this.#staged + ENTRY_HEADER_BYTES;
  }

  /** Small enough to be inlined by its caller: the position then travels without a box. */
  append(header: Float64Array): LogPosition {
    this.#write(header);
    return this.#numbers[APPENDED];
  }

  #write(header: Float64Array): void {
    const valueBytes = kindHasValue(header[HEADER_KIND]) ? header[HEADER_VALUE_LENGTH] : 0;
    const size = ENTRY_HEADER_BYTES + valueBytes;
    let start = this.#staged;
    if (valueBytes > 0) {
      assert(start !== NONE, 'stage comes before append of a value');
      assert(valueBytes <= this.#stagedRoom, 'the value fits what was staged');
    } else {
      start = this.#place(size, 0);
      if (start === NONE) throw new SynodError('ERR_SYNOD_FULL', 'The volatile log is full: give it more memory.');
    }
    this.#staged = NONE;
    const position = this.#numbers[SEGMENT_BASE] + start;
    const words = this.#store.words[this.#chunk];
    writeRecordHeader(words, start >> 2, header, size, INCARNATION, lowWord(position), highWord(position));
    this.#offset = start + align(size, ENTRY_ALIGNMENT);
    this.#control[0] = this.#numbers[SEGMENT_BASE] + this.#offset;
    this.#numbers[APPENDED] = position;
  }

  /** Nothing to wait for: what was appended counts as durable. */
  submit(_alone: boolean): number {
    const appended = this.appendedPosition;
    if (appended === this.#numbers[DURABLE]) return 0;
    this.#numbers[DURABLE] = appended;
    this.#hasMoved = true;
    return 1;
  }

  tick(): void {}

  poll(): boolean {
    const hasMoved = this.#hasMoved;
    this.#hasMoved = false;
    return hasMoved;
  }

  readonly firstPosition = 0;

  /** The memory of a volatile log is given once: nothing can be given back. */
  retire(): number {
    return 0;
  }

  locate(position: LogPosition): void {
    assert(position % ENTRY_ALIGNMENT === 0, 'records stand at multiples of 64');
    assert(position < this.appendedPosition, 'only appended records can be located');
    this.#readChunk = this.#store.chunkOf(position);
    this.#readOffset = position % LOG_SEGMENT_BYTES;
    const size = this.readWords[(this.#readOffset >> 2) + ENTRY_SIZE_WORD];
    assert(size >= ENTRY_HEADER_BYTES, 'a record stands at the position');
  }

  /** A log without medium owes no floor. */
  writeFloor(): boolean {
    return false;
  }

  /** Offset at which a record of `recordBytes` may begin, in the next chunk if need be; NONE where none is left. */
  #place(recordBytes: number, reserve: number): number {
    const nextBase = this.#numbers[SEGMENT_BASE] + LOG_SEGMENT_BYTES;
    const hasNext = this.#store.canEnter(nextBase, nextBase);
    const limit = hasNext ? LOG_SEGMENT_BYTES : LOG_SEGMENT_BYTES - reserve;
    if (this.#offset + recordBytes <= limit) return this.#offset;
    if (!hasNext) return NONE;
    if (this.#offset < LOG_SEGMENT_BYTES) this.stagedWords[(this.#offset >> 2) + ENTRY_SIZE_WORD] = 0;
    this.#chunk = this.#store.enter(nextBase, nextBase);
    this.#numbers[SEGMENT_BASE] = nextBase;
    this.#offset = LOG_BLOCK_BYTES;
    return this.#offset;
  }
}

export interface VolatileRecovery {
  records: number;
  endPosition: LogPosition;
}

/** Shows the records that a predecessor left in the chunks; memory that does not match its checksums is refused. */
export function recoverVolatileLog(
  store: EntryStore,
  control: SharedArrayBuffer,
  visitor: RecordVisitor,
): VolatileRecovery {
  const endPosition = new Float64Array(control)[0];
  const record = emptyRecord();
  let records = 0;
  let position = LOG_BLOCK_BYTES;
  while (position < endPosition) {
    const chunk = store.chunkOf(position);
    const offset = position % LOG_SEGMENT_BYTES;
    const words = store.words[chunk];
    const size = words[(offset >> 2) + ENTRY_SIZE_WORD];
    if (offset === 0) {
      position += LOG_BLOCK_BYTES;
    } else if (size === 0) {
      position += LOG_SEGMENT_BYTES - offset;
    } else {
      if (!isRecordHeaderValid(words, offset >> 2, position)) {
        throw new SynodError(
          'ERR_SYNOD_LOG_DAMAGED',
          `The memory of the log is damaged at position ${position}: start anew.`,
        );
      }
      readRecordHeader(words, offset >> 2, position, record);
      visitor(record, store.bytes[chunk], words, offset);
      records++;
      position += align(size, ENTRY_ALIGNMENT);
    }
  }
  return { records, endPosition };
}
