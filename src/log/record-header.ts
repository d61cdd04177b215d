/**
 * Writes and checks the headers of the log's layouts: records, submissions, segments (drawn in log/record).
 *
 *   log-writer ── write*Header ──▶ in-memory tail ──▶ medium ──▶ recovery, locate ── is*Valid, read*
 *
 * Everything works on word indices of a view that starts where a segment or block starts, so that a position and its
 * index agree modulo 64 bytes.
 * @hot
 */
import { assert, CONTRACTS, requires } from '../base/assert.ts';
import { fromWords, highWord, lowWord } from '../base/bits.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, SUBMISSION_BYTES_MAX, VALUE_BYTES_MAX } from '../limits.ts';
import { crc32cPair, crc32cWords } from '../wire/crc32c.ts';
import {
  HEADER_BALLOT,
  HEADER_COMMIT,
  HEADER_EPOCH,
  HEADER_GROUP,
  HEADER_KIND,
  HEADER_SEQUENCE,
  HEADER_SLOT,
  HEADER_VALUE_CRC,
  HEADER_VALUE_LENGTH,
  type RecoveredRecord,
} from './log.ts';
import * as layout from './record.ts';

/** Whose log it is; in every segment header. */
export interface LogIdentity {
  clusterId: number;
  nodeId: number;
  logNumber: number;
}

export interface SegmentHeader {
  version: number;
  clusterId: number;
  nodeId: number;
  logNumber: number;
  generation: number;
  incarnation: number;
  base: number;
  cut: number;
  /** Durable records are missing before this incarnation (S12). */
  isForgotten: boolean;
}

/** True for the kinds whose value follows the header. */
export function kindHasValue(kind: number): boolean {
  return kind === layout.KIND_VOTE || kind === layout.KIND_LEARNED;
}

/** Checksum of the record header at `index`, bound to its position. */
export function recordCrc(words: Int32Array, index: number, positionLow: number, positionHigh: number): number {
  return crc32cPair(positionLow, positionHigh, crc32cWords(words, index, layout.ENTRY_CRC_WORD, 0));
}

/** Writes the record header at `index`; the value, if any, already stands behind it. */
export function writeRecordHeader(
  words: Int32Array,
  index: number,
  header: Float64Array,
  size: number,
  incarnationLow: number,
  positionLow: number,
  positionHigh: number,
): void {
  assert(size >= layout.ENTRY_HEADER_BYTES, 'a record holds at least its header');
  if (CONTRACTS) requires((positionLow & (layout.ENTRY_ALIGNMENT - 1)) === 0, 'records stand at multiples of 64');
  words[index + layout.ENTRY_SIZE_WORD] = size;
  words[index + layout.ENTRY_KIND_WORD] = header[HEADER_KIND];
  words[index + layout.ENTRY_GROUP_WORD] = header[HEADER_GROUP];
  words[index + layout.ENTRY_EPOCH_WORD] = header[HEADER_EPOCH];
  writePair(words, index + layout.ENTRY_BALLOT_WORD, header[HEADER_BALLOT]);
  writePair(words, index + layout.ENTRY_SLOT_WORD, header[HEADER_SLOT]);
  writePair(words, index + layout.ENTRY_SEQUENCE_WORD, header[HEADER_SEQUENCE]);
  writePair(words, index + layout.ENTRY_COMMIT_WORD, header[HEADER_COMMIT]);
  words[index + layout.ENTRY_VALUE_LENGTH_WORD] = header[HEADER_VALUE_LENGTH];
  words[index + layout.ENTRY_VALUE_CRC_WORD] = header[HEADER_VALUE_CRC];
  words[index + layout.ENTRY_INCARNATION_WORD] = incarnationLow;
  words[index + layout.ENTRY_CRC_WORD] = recordCrc(words, index, positionLow, positionHigh);
}

/** True where a whole record header for `position` stands at `index`; says nothing about the value's bytes. */
export function isRecordHeaderValid(words: Int32Array, index: number, position: number): boolean {
  const size = words[index + layout.ENTRY_SIZE_WORD];
  if (size < layout.ENTRY_HEADER_BYTES || size > layout.ENTRY_HEADER_BYTES + VALUE_BYTES_MAX) return false;
  const crc = recordCrc(words, index, lowWord(position), highWord(position));
  if (words[index + layout.ENTRY_CRC_WORD] !== crc) return false;
  const hasValue = kindHasValue(words[index + layout.ENTRY_KIND_WORD] & 255);
  const valueBytes = hasValue ? words[index + layout.ENTRY_VALUE_LENGTH_WORD] : 0;
  return size === layout.ENTRY_HEADER_BYTES + valueBytes;
}

/** Copies the fields of the record header at `index` into `record`. */
export function readRecordHeader(words: Int32Array, index: number, position: number, record: RecoveredRecord): void {
  record.kind = words[index + layout.ENTRY_KIND_WORD] & 255;
  record.group = words[index + layout.ENTRY_GROUP_WORD];
  record.epoch = words[index + layout.ENTRY_EPOCH_WORD];
  record.ballot = readPair(words, index + layout.ENTRY_BALLOT_WORD);
  record.slot = readPair(words, index + layout.ENTRY_SLOT_WORD);
  record.sequence = readPair(words, index + layout.ENTRY_SEQUENCE_WORD);
  record.commitWatermark = readPair(words, index + layout.ENTRY_COMMIT_WORD);
  record.valueLength = words[index + layout.ENTRY_VALUE_LENGTH_WORD];
  record.valueCrc = words[index + layout.ENTRY_VALUE_CRC_WORD];
  record.position = position;
}

/** A record to read into. */
export function emptyRecord(): RecoveredRecord {
  return {
    kind: 0,
    group: 0,
    epoch: 0,
    ballot: 0,
    slot: 0,
    sequence: 0,
    commitWatermark: 0,
    valueLength: 0,
    valueCrc: 0,
    position: 0,
  };
}

/** Where a submission stands in its log; indices into a Float64Array, so that no number is boxed on its way here. */
export const PLACE_SERIAL = 0;
export const PLACE_INCARNATION = 1;
export const PLACE_POSITION = 2;
export const PLACE_FLOOR = 3;
export const PLACE_FIELDS = 4;

/** `place` holds PLACE_*. */
export function writeSubmissionHeader(
  words: Int32Array,
  index: number,
  size: number,
  records: number,
  place: Float64Array,
): void {
  assert(
    size > layout.SUBMISSION_HEADER_BYTES && size <= SUBMISSION_BYTES_MAX,
    'a submission holds records, not too many',
  );
  assert(place[PLACE_FLOOR] <= place[PLACE_POSITION], 'the durable floor lies before the submission');
  words[index + layout.SUBMISSION_MAGIC_WORD] = layout.SUBMISSION_MAGIC;
  words[index + layout.SUBMISSION_SIZE_WORD] = size;
  writePair(words, index + layout.SUBMISSION_SERIAL_WORD, place[PLACE_SERIAL]);
  writePair(words, index + layout.SUBMISSION_INCARNATION_WORD, place[PLACE_INCARNATION]);
  writePair(words, index + layout.SUBMISSION_POSITION_WORD, place[PLACE_POSITION]);
  writePair(words, index + layout.SUBMISSION_FLOOR_WORD, place[PLACE_FLOOR]);
  words[index + layout.SUBMISSION_RECORDS_WORD] = records;
  for (let word = layout.SUBMISSION_RECORDS_WORD + 1; word < layout.SUBMISSION_CRC_WORD; word++)
    words[index + word] = 0;
  words[index + layout.SUBMISSION_CRC_WORD] = crc32cWords(words, index, layout.SUBMISSION_CRC_WORD, 0);
}

/** True where a submission header for `position` stands at `index`; says nothing about its records. */
export function isSubmissionHeaderValid(words: Int32Array, index: number, position: number): boolean {
  if (words[index + layout.SUBMISSION_MAGIC_WORD] !== layout.SUBMISSION_MAGIC) return false;
  const crc = crc32cWords(words, index, layout.SUBMISSION_CRC_WORD, 0);
  if (words[index + layout.SUBMISSION_CRC_WORD] !== crc) return false;
  const size = words[index + layout.SUBMISSION_SIZE_WORD];
  if (size <= layout.SUBMISSION_HEADER_BYTES || size > SUBMISSION_BYTES_MAX) return false;
  if ((position % LOG_SEGMENT_BYTES) + size > LOG_SEGMENT_BYTES) return false;
  return readPair(words, index + layout.SUBMISSION_POSITION_WORD) === position;
}

/** Fills `block`, the first block of a segment. */
export function writeSegmentHeader(
  block: Int32Array,
  identity: LogIdentity,
  generation: number,
  incarnation: number,
  base: number,
  cut: number,
  isForgotten: boolean,
): void {
  assert(block.length * 4 === LOG_BLOCK_BYTES, 'a segment header takes one block');
  assert(base % LOG_SEGMENT_BYTES === 0, 'segments begin at multiples of their size');
  assert(cut <= base, 'the cut lies before the segments of its incarnation');
  block.fill(0);
  block[layout.SEGMENT_MAGIC_WORD] = layout.SEGMENT_MAGIC;
  block[layout.SEGMENT_VERSION_WORD] = layout.LOG_FORMAT_VERSION;
  writePair(block, layout.SEGMENT_CLUSTER_WORD, identity.clusterId);
  block[layout.SEGMENT_NODE_WORD] = identity.nodeId;
  block[layout.SEGMENT_LOG_WORD] = identity.logNumber;
  writePair(block, layout.SEGMENT_GENERATION_WORD, generation);
  writePair(block, layout.SEGMENT_INCARNATION_WORD, incarnation);
  writePair(block, layout.SEGMENT_BASE_WORD, base);
  writePair(block, layout.SEGMENT_CUT_WORD, cut);
  block[layout.SEGMENT_FORGOTTEN_WORD] = isForgotten ? 1 : 0;
  block[layout.SEGMENT_CRC_WORD] = crc32cWords(block, 0, layout.SEGMENT_CRC_WORD, 0);
}

/** Reads a segment header from the first words of a segment; undefined where none stands. */
export function readSegmentHeader(words: Int32Array): SegmentHeader | undefined {
  if (words[layout.SEGMENT_MAGIC_WORD] !== layout.SEGMENT_MAGIC) return undefined;
  if (words[layout.SEGMENT_CRC_WORD] !== crc32cWords(words, 0, layout.SEGMENT_CRC_WORD, 0)) return undefined;
  return {
    version: words[layout.SEGMENT_VERSION_WORD],
    clusterId: readPair(words, layout.SEGMENT_CLUSTER_WORD),
    nodeId: words[layout.SEGMENT_NODE_WORD],
    logNumber: words[layout.SEGMENT_LOG_WORD],
    generation: readPair(words, layout.SEGMENT_GENERATION_WORD),
    incarnation: readPair(words, layout.SEGMENT_INCARNATION_WORD),
    base: readPair(words, layout.SEGMENT_BASE_WORD),
    cut: readPair(words, layout.SEGMENT_CUT_WORD),
    isForgotten: words[layout.SEGMENT_FORGOTTEN_WORD] === 1,
  };
}

/** Stores a number below 2^53 as two words, low then high. */
export function writePair(words: Int32Array, index: number, value: number): void {
  words[index] = lowWord(value);
  words[index + 1] = highWord(value);
}

export function readPair(words: Int32Array, index: number): number {
  return fromWords(words[index], words[index + 1]);
}
