/**
 * One segment in memory, and what stands at its blocks: the leaf of recovery. A submission counts only whole: header,
 * every record header, every value.
 *
 *   SegmentReader ──read, 1 MiB at a time──▶ SegmentScan ──submissionAt(offset)──▶ recovery
 */
import { assert } from '../base/assert.ts';
import { align, lowWord } from '../base/bits.ts';
import { SynodError } from '../base/errors.ts';
import type { LogPosition } from '../base/types.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../limits.ts';
import type { Checksum } from '../wire/crc32c.ts';
import type { RecoveredRecord } from './log.ts';
import * as layout from './record.ts';
import {
  emptyRecord,
  isRecordHeaderValid,
  isSubmissionHeaderValid,
  kindHasValue,
  readPair,
  readRecordHeader,
  readSegmentHeader,
  type SegmentHeader,
} from './record-header.ts';
import type { SegmentReader } from './segment.ts';

/** Bytes per read: large enough that the medium streams. */
const READ_BYTES = 1 << 20;

/** A recovered record; its header stands at `offset` of `bytes`, which are reused after the call. */
export type RecordVisitor = (record: RecoveredRecord, bytes: Uint8Array, words: Int32Array, offset: number) => void;

/** What stands at a block. */
export interface SubmissionView {
  offset: number;
  /** Bytes without the block padding. */
  size: number;
  serial: number;
  incarnation: number;
  floor: number;
  records: number;
  /** False where the header is whole and a record is not. */
  isWhole: boolean;
}

export class SegmentScan {
  /** Position of the loaded segment's first byte. */
  base: LogPosition = -1;
  readonly #reader: SegmentReader;
  readonly #checksum: Checksum;
  readonly #header = new Int32Array(layout.SEGMENT_HEADER_BYTES / 4);
  /** Lent by whoever asked; otherwise it holds the largest segment so far: logs that were written for a moment need little. */
  #bytes: Uint8Array = new Uint8Array(0);
  #words: Int32Array = new Int32Array(0);
  readonly #record = emptyRecord();
  #size = 0;
  #loaded = 0;
  /** Offsets of blocks of the loaded segment that the medium cannot give. */
  readonly #unreadable = new Set<number>();
  readonly #onLoaded: (bytes: number) => void;
  readonly #lent: SharedArrayBuffer | undefined;
  #scanned = 0;

  /** `onLoaded` hears how many bytes were loaded so far, of all segments; `lent` is LOG_SEGMENT_BYTES that nobody else uses meanwhile. */
  constructor(
    reader: SegmentReader,
    checksum: Checksum,
    onLoaded: (bytes: number) => void = () => {},
    lent?: SharedArrayBuffer,
  ) {
    this.#onLoaded = onLoaded;
    this.#lent = lent;
    this.#reader = reader;
    this.#checksum = checksum;
  }

  /** The header of a segment, undefined where none stands; loads nothing. */
  headerOf(base: LogPosition): SegmentHeader | undefined {
    if (this.#reader.sizeOf(base) < layout.SEGMENT_HEADER_BYTES) return undefined;
    const bytes = new Uint8Array(this.#header.buffer);
    return this.#reads(base, 0, bytes, 0, layout.SEGMENT_HEADER_BYTES) ? readSegmentHeader(this.#header) : undefined;
  }

  /** Makes `base` the segment that is scanned; its bytes are read as they are asked for. */
  load(base: LogPosition): void {
    if (this.base === base) return;
    this.#size = Math.min(this.#reader.sizeOf(base), LOG_SEGMENT_BYTES);
    this.#loaded = 0;
    this.#unreadable.clear();
    if (this.#size > this.#bytes.length) this.#grow();
    this.base = base;
  }

  #grow(): void {
    this.close();
    const room = align(Math.max(READ_BYTES / 16, this.#size), LOG_BLOCK_BYTES);
    const memory = this.#lent ?? new SharedArrayBuffer(Math.min(LOG_SEGMENT_BYTES, room));
    assert(memory.byteLength >= this.#size, 'a segment fits the memory that it is read into');
    this.#bytes = new Uint8Array(memory);
    this.#words = new Int32Array(memory);
    this.#checksum.attach(this.#bytes);
  }

  /** Lets go of the memory; `load` makes the scan usable again. */
  close(): void {
    this.base = -1;
    this.#checksum.detach(this.#bytes);
    this.#bytes = new Uint8Array(0);
  }

  /** Offset behind the last byte that was ever written. */
  get size(): number {
    return this.#size;
  }

  /** The submission that begins at `offset`, a multiple of LOG_BLOCK_BYTES; undefined where no header stands. */
  submissionAt(offset: number): SubmissionView | undefined {
    assert(offset % LOG_BLOCK_BYTES === 0, 'submissions begin at blocks');
    if (!this.#ensure(offset + layout.SUBMISSION_HEADER_BYTES)) return undefined;
    const index = offset >> 2;
    if (!isSubmissionHeaderValid(this.#words, index, this.base + offset)) return undefined;
    const view: SubmissionView = {
      offset,
      size: this.#words[index + layout.SUBMISSION_SIZE_WORD],
      serial: readPair(this.#words, index + layout.SUBMISSION_SERIAL_WORD),
      incarnation: readPair(this.#words, index + layout.SUBMISSION_INCARNATION_WORD),
      floor: readPair(this.#words, index + layout.SUBMISSION_FLOOR_WORD),
      records: this.#words[index + layout.SUBMISSION_RECORDS_WORD],
      isWhole: false,
    };
    view.isWhole = this.#areRecordsWhole(view);
    return view;
  }

  /** Shows the records of a whole submission, floor records excepted. */
  visit(view: SubmissionView, visitor: RecordVisitor): void {
    assert(view.isWhole, 'only whole submissions are shown');
    let at = view.offset + layout.SUBMISSION_HEADER_BYTES;
    for (let left = view.records; left > 0; left--) {
      readRecordHeader(this.#words, at >> 2, this.base + at, this.#record);
      const size = this.#words[(at >> 2) + layout.ENTRY_SIZE_WORD];
      if (this.#record.kind !== layout.KIND_FLOOR) visitor(this.#record, this.#bytes, this.#words, at);
      at += align(size, layout.ENTRY_ALIGNMENT);
    }
  }

  /** True where the block at `offset` begins with anything but zeros. */
  hasBytesAt(offset: number): boolean {
    return this.#ensure(offset + 4) && this.#words[offset >> 2] !== 0;
  }

  /** True where the medium cannot give one of the blocks from `offset`: no torn write, whatever stood there. */
  isUnreadable(offset: number, size: number): boolean {
    assert(offset % LOG_BLOCK_BYTES === 0, 'the medium is read in blocks');
    for (
      let at = offset;
      at < offset + size && this.#ensure(Math.min(at + LOG_BLOCK_BYTES, this.#size));
      at += LOG_BLOCK_BYTES
    )
      if (this.#unreadable.has(at)) return true;
    return false;
  }

  #areRecordsWhole(view: SubmissionView): boolean {
    const end = view.offset + view.size;
    if (!this.#ensure(end)) return false;
    let at = view.offset + layout.SUBMISSION_HEADER_BYTES;
    for (let left = view.records; left > 0; left--) {
      if (at + layout.ENTRY_HEADER_BYTES > end) return false;
      const index = at >> 2;
      if (!isRecordHeaderValid(this.#words, index, this.base + at)) return false;
      if (this.#words[index + layout.ENTRY_INCARNATION_WORD] !== lowWord(view.incarnation)) return false;
      const size = this.#words[index + layout.ENTRY_SIZE_WORD];
      if (at + size > end || !this.#isValueWhole(at)) return false;
      at += align(size, layout.ENTRY_ALIGNMENT);
    }
    return at === end;
  }

  #isValueWhole(at: number): boolean {
    const index = at >> 2;
    if (!kindHasValue(this.#words[index + layout.ENTRY_KIND_WORD] & 255)) return true;
    const length = this.#words[index + layout.ENTRY_VALUE_LENGTH_WORD];
    const crc = this.#checksum.crc32c(this.#bytes, at + layout.ENTRY_HEADER_BYTES, length, 0);
    return crc === this.#words[index + layout.ENTRY_VALUE_CRC_WORD];
  }

  /** Reads on until `end` is loaded; false where the segment has fewer bytes. */
  #ensure(end: number): boolean {
    if (end > this.#size) return false;
    while (this.#loaded < end) {
      const size = Math.min(READ_BYTES, this.#size - this.#loaded);
      if (!this.#reads(this.base, this.#loaded, this.#bytes, this.#loaded, size)) this.#readBlocks(size);
      this.#loaded += size;
      this.#scanned += size;
      this.#onLoaded(this.#scanned);
    }
    return true;
  }

  /** Block by block, to lose no more than the medium has lost. */
  #readBlocks(size: number): void {
    for (let at = this.#loaded; at < this.#loaded + size; at += LOG_BLOCK_BYTES) {
      const length = Math.min(LOG_BLOCK_BYTES, this.#size - at);
      if (this.#reads(this.base, at, this.#bytes, at, length)) continue;
      this.#bytes.fill(0, at, at + length);
      this.#unreadable.add(at);
    }
  }

  /** False where the medium cannot give the bytes; whatever else fails is thrown. */
  #reads(base: LogPosition, offset: number, target: Uint8Array, targetOffset: number, size: number): boolean {
    try {
      this.#reader.read(base, offset, target, targetOffset, size);
      return true;
    } catch (error) {
      if (error instanceof SynodError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EIO')
        return false;
      throw error;
    }
  }
}
