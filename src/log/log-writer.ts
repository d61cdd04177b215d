/**
 * The log of one worker above a durable device: builds submissions in the in-memory tail, hands them to the device, and
 * knows which prefix is durable.
 *
 *   stage, append ──▶ open submission ──close──▶ submission-queue ──submit──▶ LogDevice
 *                     (entry-store chunk)                          ◀──poll── durable count
 *
 * A submission starts on a fresh block, is padded to what the device writes at once, and does not change once the device has it (S11). It is
 * closed by `submit`, by SUBMISSION_BYTES_MAX, or by the end of its segment; until the device takes it, it stays open and
 * gathers more records. A segment is open on the device before its first submission; the next one is asked for when half
 * of this one is filled (log/segment-opener). Offsets inside a segment are small integers; what exceeds 2^31 lives in `#numbers`.
 * @hot
 */
import { assert, CONTRACTS, ensures, requires } from '../base/assert.ts';
import { align, highWord, lowWord } from '../base/bits.ts';
import { SynodError } from '../base/errors.ts';
import type { LogPosition } from '../base/types.ts';
import {
  ENTRY_RESERVE_BYTES,
  LOG_BLOCK_BYTES,
  LOG_SEGMENT_BYTES,
  SUBMISSION_BYTES_MAX,
  VALUE_BYTES_MAX,
} from '../limits.ts';
import type { Checksum } from '../wire/crc32c.ts';
import type { EntryStore } from './entry-store.ts';
import { HEADER_FIELDS, HEADER_KIND, HEADER_VALUE_CRC, HEADER_VALUE_LENGTH, type Log, type LogDevice } from './log.ts';
import { ENTRY_ALIGNMENT, ENTRY_HEADER_BYTES, KIND_FLOOR, SUBMISSION_HEADER_BYTES } from './record.ts';
import {
  kindHasValue,
  PLACE_FIELDS,
  PLACE_FLOOR,
  PLACE_INCARNATION,
  PLACE_POSITION,
  PLACE_SERIAL,
  writeRecordHeader,
  writeSubmissionHeader,
} from './record-header.ts';
import { RecordReader } from './record-reader.ts';
import { type Incarnation, SegmentOpener } from './segment-opener.ts';
import { SubmissionQueue } from './submission-queue.ts';

export interface LogStart extends Incarnation {
  /** First byte of the segment in which this incarnation begins. */
  base: LogPosition;
  /** Base of the oldest segment on the medium; `base` where there is none. */
  firstBase: LogPosition;
  /** The next segment is asked for once this one is filled so far: the rest is the reserve for hard state (S14). */
  aheadOffset: number;
}

/** Indices into `#numbers`. */
const SEGMENT_BASE = 0;
const DURABLE = 1;
/** Submission serial of the last submission that the device took. */
const SERIAL = 2;
/** Position of the record appended last. */
const APPENDED = 3;
/** Base of the oldest segment that is kept. */
const FIRST = 4;
const NUMBERS = 5;

/** Records that end before it need no look at the next segment, however they are aligned. */
const NEAR_END = LOG_SEGMENT_BYTES - ENTRY_RESERVE_BYTES - LOG_BLOCK_BYTES - SUBMISSION_HEADER_BYTES;

/** `#open` while no submission is open. */
const NONE = -1;

export class LogWriter implements Log {
  readonly device: LogDevice;
  readonly incarnation: number;
  readonly #checksum: Checksum;
  readonly #store: EntryStore;
  readonly #numbers = new Float64Array(NUMBERS);
  readonly #queue = new SubmissionQueue();
  readonly #reader: RecordReader;
  readonly #opener: SegmentOpener;
  readonly #aheadOffset: number;
  readonly #unitBytes: number;
  readonly #floorHeader = new Float64Array(HEADER_FIELDS);
  readonly #place = new Float64Array(PLACE_FIELDS);
  #deviceCount = 0;

  /** The segment that is being filled, by number, its chunk, and the offset of the next byte in it. */
  #segment = 0;
  #chunk = 0;
  #offset = LOG_BLOCK_BYTES;
  /** Offset of the open submission's header, and the records in it. */
  #open = NONE;
  #openRecords = 0;
  /** Offset at which the staged value's record begins, and room for its value; NONE while nothing is staged. */
  #staged = NONE;
  #stagedRoom = 0;
  /** True while a record was appended that no floor record covers. */
  #owesFloor = false;

  constructor(device: LogDevice, store: EntryStore, checksum: Checksum, start: LogStart) {
    assert(start.incarnation > 0, 'log incarnations count from 1');
    assert(start.cut <= start.base, 'the cut lies before the first segment of the incarnation');
    this.device = device;
    this.incarnation = start.incarnation;
    this.#store = store;
    this.#checksum = checksum;
    this.#deviceCount = device.durableCount();
    this.#reader = new RecordReader(device, store, checksum);
    this.#opener = new SegmentOpener(device, start);
    this.#aheadOffset = start.aheadOffset;
    this.#unitBytes = device.unitBytes ?? LOG_BLOCK_BYTES;
    this.#floorHeader[HEADER_KIND] = KIND_FLOOR;
    this.#place[PLACE_INCARNATION] = start.incarnation;
    this.#segment = start.base / LOG_SEGMENT_BYTES;
    this.#numbers[SEGMENT_BASE] = start.base;
    this.#numbers[FIRST] = start.firstBase;
    this.#numbers[DURABLE] = start.base + LOG_BLOCK_BYTES;
    this.#chunk = store.enter(start.base, start.base);
  }

  /** Makes the first segment of the incarnation durable, and with it the cut; nothing is valid in it before (S11). */
  open(): void {
    this.#opener.openFirst(this.#numbers[SEGMENT_BASE]);
  }

  get isFull(): boolean {
    return this.#opener.isFull;
  }

  tick(): void {
    this.#opener.tick();
  }

  get appendedPosition(): LogPosition {
    return this.#numbers[SEGMENT_BASE] + this.#offset;
  }

  get submissions(): number {
    return this.#numbers[SERIAL];
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
    return this.#reader.bytes;
  }

  get readWords(): Int32Array {
    return this.#reader.words;
  }

  get readOffset(): number {
    return this.#reader.offset;
  }

  /** True while something was appended that is not durable yet. */
  get isBusy(): boolean {
    return this.#openRecords > 0 || this.#queue.waiting > 0 || this.#queue.inFlight > 0;
  }

  /** Header-only appends and `submit` end the staging; stage again after them. */
  stage(valueBytes: number): number {
    assert(valueBytes >= 0 && valueBytes <= VALUE_BYTES_MAX, 'a staged value is at most VALUE_BYTES_MAX long');
    if (this.#opener.isFull) return -1;
    this.#staged = this.#findRoom(align(ENTRY_HEADER_BYTES + valueBytes, ENTRY_ALIGNMENT), ENTRY_RESERVE_BYTES);
    if (this.#staged === NONE) return -1;
    this.#stagedRoom = valueBytes;
    if (CONTRACTS) ensures(this.#staged % ENTRY_ALIGNMENT === 0, 'staged values stand at multiples of 64');
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
      start = this.#findRoom(size, 0);
      if (start === NONE) this.#refuse();
    }
    this.#staged = NONE;
    const bytes = this.#store.bytes[this.#chunk];
    if (CONTRACTS && valueBytes > 0) this.#requireValueCrc(bytes, start + ENTRY_HEADER_BYTES, header);
    const end = start + align(size, ENTRY_ALIGNMENT);
    for (let at = start + size; at < end; at++) bytes[at] = 0;
    const position = this.#numbers[SEGMENT_BASE] + start;
    const words = this.#store.words[this.#chunk];
    const positionLow = lowWord(position);
    writeRecordHeader(words, start >> 2, header, size, lowWord(this.incarnation), positionLow, highWord(position));
    this.#offset = end;
    this.#openRecords++;
    this.#owesFloor = true;
    this.#numbers[APPENDED] = position;
  }

  submit(alone: boolean): number {
    this.#staged = NONE;
    if (this.device.error() !== 0) return 0;
    let submissions = 0;
    const wantsNext = this.#offset > this.#aheadOffset || this.#opener.isFull;
    if (wantsNext && this.#opener.openedSegment <= this.#segment) this.#opener.goOn(this.#numbers[SEGMENT_BASE]);
    while (this.#queue.canAccept) {
      if (this.#queue.waiting === 0) {
        if (this.#openRecords === 0) break;
        this.#close();
      }
      if (!this.#handOver(alone && this.#queue.waiting === 1 && this.#queue.inFlight === 0)) break;
      submissions++;
    }
    return submissions;
  }

  poll(): boolean {
    const count = this.device.durableCount();
    const fresh = (count - this.#deviceCount) | 0;
    if (fresh === 0) return false;
    assert(fresh > 0 && fresh <= this.#queue.inFlight, 'the device counts what is in flight');
    for (let index = 0; index < fresh; index++) {
      const entry = this.#queue.retire();
      const end = align(this.#queue.offsetAt(entry) + this.#queue.sizeAt(entry), LOG_BLOCK_BYTES);
      this.#numbers[DURABLE] = this.#queue.segmentAt(entry) * LOG_SEGMENT_BYTES + end;
    }
    this.#deviceCount = count;
    return true;
  }

  get firstPosition(): LogPosition {
    return this.#numbers[FIRST];
  }

  /** The segment being filled, and whatever is not durable, stay. */
  retire(position: LogPosition): number {
    const limit = position < this.#numbers[DURABLE] ? position : this.#numbers[DURABLE];
    let retired = 0;
    while (this.#numbers[FIRST] + LOG_SEGMENT_BYTES <= limit && this.#numbers[FIRST] < this.#numbers[SEGMENT_BASE]) {
      this.device.retireSegment(this.#numbers[FIRST]);
      this.#numbers[FIRST] += LOG_SEGMENT_BYTES;
      retired += 1;
    }
    return retired;
  }

  locate(position: LogPosition): void {
    if (CONTRACTS) requires(position < this.appendedPosition, 'only appended records can be located');
    this.#reader.locate(position);
  }

  /**
   * Appends a floor record if the log is idle and its last records have none: their rot can then be told from a torn
   * write (S11). Returns true when it did; the caller submits.
   */
  writeFloor(): boolean {
    if (!this.#owesFloor || this.isBusy || this.device.error() !== 0) return false;
    this.append(this.#floorHeader);
    this.#owesFloor = false;
    return true;
  }

  /**
   * Finds room for a record in the open submission, in a new one, or in the next segment; returns the record's offset in
   * `#chunk`, or NONE. `reserve` bytes stay free at the end of the tail.
   */
  #findRoom(recordBytes: number, reserve: number): number {
    const isNear = this.#offset + recordBytes > NEAR_END;
    const hasNext =
      isNear && this.#store.canEnter(this.#numbers[SEGMENT_BASE] + LOG_SEGMENT_BYTES, this.#numbers[DURABLE]);
    const limit = hasNext ? LOG_SEGMENT_BYTES : LOG_SEGMENT_BYTES - reserve;
    if (this.#open !== NONE) {
      const end = this.#offset + recordBytes;
      if (end <= limit && end - this.#open <= SUBMISSION_BYTES_MAX) return this.#offset;
    }
    const block = align(this.#offset, LOG_BLOCK_BYTES);
    if (block + SUBMISSION_HEADER_BYTES + recordBytes > limit) {
      if (!hasNext) return NONE;
      this.#close();
      this.#enterNext();
    } else {
      this.#close();
    }
    this.#open = this.#offset;
    this.#offset += SUBMISSION_HEADER_BYTES;
    return this.#offset;
  }

  #enterNext(): void {
    this.#numbers[SEGMENT_BASE] += LOG_SEGMENT_BYTES;
    this.#segment += 1;
    this.#chunk = this.#store.enter(this.#numbers[SEGMENT_BASE], this.#numbers[DURABLE]);
    this.#offset = LOG_BLOCK_BYTES;
  }

  /** Closes the open submission: pads it to the block and queues it. An empty one vanishes. */
  #close(): void {
    if (this.#open === NONE) return;
    if (this.#openRecords === 0) {
      this.#offset = this.#open;
    } else {
      const end = align(this.#offset, LOG_BLOCK_BYTES);
      this.#store.bytes[this.#chunk].fill(0, this.#offset, align(this.#offset, this.#unitBytes));
      this.#queue.push(this.#chunk, this.#open, this.#offset - this.#open, this.#openRecords, this.#segment);
      this.#store.extend(this.#chunk, end);
      this.#offset = end;
    }
    this.#open = NONE;
    this.#openRecords = 0;
  }

  /** Completes the first waiting submission's header and gives it to the device; false when the device is full. */
  #handOver(alone: boolean): boolean {
    const entry = this.#queue.first();
    const segment = this.#queue.segmentAt(entry);
    assert(segment <= this.#segment, 'what waits stands in a segment that was entered');
    if (segment > this.#opener.openedSegment && !this.#opener.ensure(segment * LOG_SEGMENT_BYTES)) return false;
    const chunk = this.#queue.chunkAt(entry);
    const offset = this.#queue.offsetAt(entry);
    const size = this.#queue.sizeAt(entry);
    const place = this.#place;
    place[PLACE_SERIAL] = this.#numbers[SERIAL] + 1;
    place[PLACE_POSITION] = segment * LOG_SEGMENT_BYTES + offset;
    place[PLACE_FLOOR] = this.#numbers[DURABLE];
    if (CONTRACTS) requires(place[PLACE_FLOOR] <= place[PLACE_POSITION], 'durable blocks are never rewritten');
    writeSubmissionHeader(this.#store.words[chunk], offset >> 2, size, this.#queue.recordsAt(entry), place);
    if (!this.device.submit(chunk, offset, align(size, this.#unitBytes), segment, alone)) return false;
    this.#numbers[SERIAL] += 1;
    this.#queue.accept();
    return true;
  }

  #requireValueCrc(bytes: Uint8Array, offset: number, header: Float64Array): void {
    const crc = this.#checksum.crc32c(bytes, offset, header[HEADER_VALUE_LENGTH], 0);
    requires(crc === (header[HEADER_VALUE_CRC] | 0), 'valueCrc is the checksum of the staged value');
  }

  #refuse(): never {
    if (this.device.error() !== 0) {
      throw new SynodError('ERR_SYNOD_LOG_FAILED', 'The log is closed after a failed write: restart the replica.');
    }
    throw new SynodError(
      'ERR_SYNOD_FULL',
      'The reserve of the in-memory tail is used up: wait until the log is durable.',
    );
  }
}
