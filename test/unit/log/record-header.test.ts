/** Headers: what is written is read back, and any flipped bit, wrong place or wrong size is seen. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { highWord, lowWord } from '../../../src/base/bits.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, VALUE_BYTES_MAX } from '../../../src/limits.ts';
import { HEADER_FIELDS, HEADER_KIND, HEADER_VALUE_LENGTH } from '../../../src/log/log.ts';
import * as layout from '../../../src/log/record.ts';
import {
  emptyRecord,
  isRecordHeaderValid,
  isSubmissionHeaderValid,
  kindHasValue,
  readRecordHeader,
  readSegmentHeader,
  recordCrc,
  writeRecordHeader,
  writeSegmentHeader,
  writeSubmissionHeader,
} from '../../../src/log/record-header.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';

const test = suite('log/record-header');

const POSITION = 2 ** 45 + LOG_SEGMENT_BYTES + 8192;
const IDENTITY = { clusterId: 2 ** 52 + 1, nodeId: 9, logNumber: 4 };

/** kind, group, epoch, ballot, slot, sequence, commit watermark, value length, value crc */
const FIELDS = Float64Array.of(layout.KIND_VOTE, 7, 3, 2 ** 52 + 5, 2 ** 40 + 9, 2 ** 33 + 1, 2 ** 40, 100, -1234);

function writeRecord(words: Int32Array, header: Float64Array, position: number): void {
  const valueBytes = kindHasValue(header[HEADER_KIND]) ? header[HEADER_VALUE_LENGTH] : 0;
  writeRecordHeader(words, 0, header, 64 + valueBytes, 77, lowWord(position), highWord(position));
}

test('a record header is read back, with numbers beyond 2^31', () => {
  const words = new Int32Array(16);
  writeRecord(words, FIELDS, POSITION);
  const record = emptyRecord();
  readRecordHeader(words, 0, POSITION, record);
  assert.ok(isRecordHeaderValid(words, 0, POSITION));
  assert.equal(record, {
    kind: layout.KIND_VOTE,
    group: 7,
    epoch: 3,
    ballot: 2 ** 52 + 5,
    slot: 2 ** 40 + 9,
    sequence: 2 ** 33 + 1,
    commitWatermark: 2 ** 40,
    valueLength: 100,
    valueCrc: -1234,
    position: POSITION,
  });
});

test('recordCrc is the checksum of bytes 0 to 59 and of the position', () => {
  const words = new Int32Array(18);
  writeRecord(words, FIELDS, POSITION);
  const bytes = Buffer.alloc(68);
  Buffer.from(words.buffer, 0, 60).copy(bytes);
  bytes.writeBigUInt64LE(BigInt(POSITION), 60);
  assert.is(words[layout.ENTRY_CRC_WORD], crc32c(bytes, 0, 68, 0));
});

test('every flipped bit of a record header is seen', () => {
  const words = new Int32Array(16);
  writeRecord(words, FIELDS, POSITION);
  const bytes = new Uint8Array(words.buffer);
  for (let bit = 0; bit < 512; bit++) {
    bytes[bit >> 3] ^= 1 << (bit & 7);
    assert.not(isRecordHeaderValid(words, 0, POSITION), `bit ${bit}`);
    bytes[bit >> 3] ^= 1 << (bit & 7);
  }
  assert.ok(isRecordHeaderValid(words, 0, POSITION));
});

test('a record at another position is refused, also 2^32 away', () => {
  const words = new Int32Array(16);
  writeRecord(words, FIELDS, POSITION);
  assert.not(isRecordHeaderValid(words, 0, POSITION + 64));
  assert.not(isRecordHeaderValid(words, 0, POSITION + 2 ** 32));
});

test('a record whose size and value length disagree is refused even with a right checksum', () => {
  const words = new Int32Array(16);
  const withSize = (size: number): boolean => {
    words[layout.ENTRY_SIZE_WORD] = size;
    words[layout.ENTRY_CRC_WORD] = recordCrc(words, 0, lowWord(POSITION), highWord(POSITION));
    return isRecordHeaderValid(words, 0, POSITION);
  };
  writeRecord(words, FIELDS, POSITION);
  assert.ok(withSize(164));
  for (const size of [0, -1, 63, 64, 163, 165, 65 + VALUE_BYTES_MAX]) assert.not(withSize(size), `size ${size}`);
});

test('a vote again names a value that is not behind it', () => {
  const words = new Int32Array(16);
  const header = new Float64Array(HEADER_FIELDS);
  header.set(FIELDS);
  header[HEADER_KIND] = layout.KIND_VOTE_AGAIN;
  writeRecord(words, header, POSITION);
  assert.ok(isRecordHeaderValid(words, 0, POSITION));
  assert.is(words[layout.ENTRY_SIZE_WORD], 64);
  assert.is(words[layout.ENTRY_VALUE_LENGTH_WORD], 100);
});

test('a submission header is bound to its position and its size', () => {
  const words = new Int32Array(16);
  const write = (size: number): void =>
    writeSubmissionHeader(words, 0, size, 2, Float64Array.of(2 ** 33, 5, POSITION, POSITION - 64));
  write(4096);
  assert.ok(isSubmissionHeaderValid(words, 0, POSITION));
  assert.not(isSubmissionHeaderValid(words, 0, POSITION + LOG_BLOCK_BYTES));
  assert.throws(() => write(64), /holds records/);
  const late = Float64Array.of(1, 5, POSITION, POSITION + 64);
  assert.throws(() => writeSubmissionHeader(words, 0, 128, 1, late), /floor/);
  const bytes = new Uint8Array(words.buffer);
  write(192);
  for (let bit = 0; bit < 512; bit++) {
    bytes[bit >> 3] ^= 1 << (bit & 7);
    assert.not(isSubmissionHeaderValid(words, 0, POSITION), `bit ${bit}`);
    bytes[bit >> 3] ^= 1 << (bit & 7);
  }
});

test('a submission that leaves its segment is refused', () => {
  const words = new Int32Array(16);
  const position = 3 * LOG_SEGMENT_BYTES - LOG_BLOCK_BYTES;
  writeSubmissionHeader(words, 0, LOG_BLOCK_BYTES, 1, Float64Array.of(1, 1, position, 0));
  assert.ok(isSubmissionHeaderValid(words, 0, position));
  writeSubmissionHeader(words, 0, LOG_BLOCK_BYTES + 64, 1, Float64Array.of(1, 1, position, 0));
  assert.not(isSubmissionHeaderValid(words, 0, position));
});

test('a segment header is read back and refused when any bit differs', () => {
  const block = new Int32Array(LOG_BLOCK_BYTES / 4).fill(-1);
  const base = 2 ** 40;
  writeSegmentHeader(block, IDENTITY, 2 ** 34, 2 ** 35, base, base - 4096, true);
  assert.equal(readSegmentHeader(block), {
    ...IDENTITY,
    version: layout.LOG_FORMAT_VERSION,
    generation: 2 ** 34,
    incarnation: 2 ** 35,
    base,
    cut: base - 4096,
    isForgotten: true,
  });
  assert.ok(
    block.subarray(16).every((word) => word === 0),
    'stale bytes are gone',
  );
  const bytes = new Uint8Array(block.buffer);
  for (let bit = 0; bit < 512; bit++) {
    bytes[bit >> 3] ^= 1 << (bit & 7);
    assert.is(readSegmentHeader(block), undefined, `bit ${bit}`);
    bytes[bit >> 3] ^= 1 << (bit & 7);
  }
});

test.run();
