/**
 * The codecs against lists of what was written: frames of messages and records of the log, written one behind the other and read in any
 * order; what is damaged is never taken for whole where a checksum says so.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { highWord, lowWord } from '../../src/base/bits.ts';
import {
  HEADER_BALLOT,
  HEADER_COMMIT,
  HEADER_FIELDS,
  HEADER_GROUP,
  HEADER_KIND,
  HEADER_SEQUENCE,
  HEADER_SLOT,
  HEADER_VALUE_CRC,
  HEADER_VALUE_LENGTH,
} from '../../src/log/log.ts';
import { ENTRY_CRC_WORD, ENTRY_HEADER_BYTES, KIND_PROMISE, KIND_VOTE_AGAIN } from '../../src/log/record.ts';
import { emptyRecord, isRecordHeaderValid, readRecordHeader, writeRecordHeader } from '../../src/log/record-header.ts';
import { RECORD_SIZE_WORD } from '../../src/memory/descriptor.ts';
import { hasValue, M_TO, MESSAGE_FIELDS, MESSAGE_KINDS } from '../../src/paxos/message.ts';
import { decodeFrame, encodeFrame, FRAME_GROUP_WORD, FRAME_HEADER_BYTES, isFrame } from '../../src/wire/frame.ts';
import { command, followsModel } from '../support/commands.ts';
import { message } from '../support/core.ts';

const FRAMES_MAX = 64;
const FRAME_WORDS = FRAME_HEADER_BYTES / 4;
const RECORD_WORDS = ENTRY_HEADER_BYTES / 4;
/** Somewhere beyond 2^32, where two words differ from one. */
const BASE = 2 ** 40 + 4096;

interface Model {
  frames: { group: number; fields: Float64Array }[];
  records: { header: Float64Array; isDamaged: boolean }[];
}

class Real {
  readonly frames = new Int32Array(FRAMES_MAX * FRAME_WORDS).fill(-1);
  readonly records = new Int32Array(FRAMES_MAX * RECORD_WORDS).fill(-1);
}

type Fields = Parameters<typeof message>[1];

function writeFrame(kind: number, group: number, fields: Fields) {
  return command<Model, Real>(
    `frame of kind ${kind}`,
    (model, real) => {
      const original = message(kind, fields);
      original[M_TO] = 1;
      encodeFrame(real.frames, model.frames.length * FRAME_WORDS, group, original);
      model.frames.push({ group, fields: original });
    },
    (model) => model.frames.length < FRAMES_MAX,
  );
}

function readFrame(pick: number) {
  return command<Model, Real>(
    `read frame ${pick}`,
    (model, real) => {
      const index = pick % model.frames.length;
      const { group, fields } = model.frames[index] as Model['frames'][number];
      const decoded = new Float64Array(MESSAGE_FIELDS);
      decodeFrame(real.frames, index * FRAME_WORDS, 1, decoded);
      assert.equal([...decoded], [...fields], 'a frame comes back as it was written, whatever stands behind it');
      assert.is(real.frames[index * FRAME_WORDS + FRAME_GROUP_WORD], group);
    },
    (model) => model.frames.length > 0,
  );
}

/** What arrives is believed about its size by nobody. */
function judgeFrame(pick: number, size: number) {
  return command<Model, Real>(
    `judge frame ${pick} at ${size} bytes`,
    (model, real) => {
      const index = pick % model.frames.length;
      const { fields } = model.frames[index] as Model['frames'][number];
      const kind = fields[0] as number;
      const length = fields[9] as number;
      const fits = size >= FRAME_HEADER_BYTES && (!hasValue(kind) || length === size - FRAME_HEADER_BYTES);
      real.frames[index * FRAME_WORDS + RECORD_SIZE_WORD] = size;
      assert.is(isFrame(real.frames, index * FRAME_WORDS, size), fits);
    },
    (model) => model.frames.length > 0,
  );
}

const positionOf = (index: number): number => BASE + index * ENTRY_HEADER_BYTES;

function writeRecord(kind: number, numbers: number[]) {
  return command<Model, Real>(
    `record of kind ${kind}`,
    (model, real) => {
      const header = new Float64Array(HEADER_FIELDS);
      const fields = [HEADER_BALLOT, HEADER_SLOT, HEADER_SEQUENCE, HEADER_COMMIT];
      for (const [n, field] of fields.entries()) header[field] = numbers[n] as number;
      header[HEADER_KIND] = kind;
      header[HEADER_GROUP] = (numbers[4] as number) % 4096;
      header[HEADER_VALUE_LENGTH] = (numbers[4] as number) % 100_000;
      header[HEADER_VALUE_CRC] = (numbers[4] as number) | 0;
      const index = model.records.length;
      const position = positionOf(index);
      const words = [index * RECORD_WORDS, ENTRY_HEADER_BYTES, 7, lowWord(position), highWord(position)] as const;
      writeRecordHeader(real.records, words[0], header, words[1], words[2], words[3], words[4]);
      model.records.push({ header, isDamaged: false });
    },
    (model) => model.records.length < FRAMES_MAX,
  );
}

function readRecord(pick: number) {
  return command<Model, Real>(
    `read record ${pick}`,
    (model, real) => {
      const index = pick % model.records.length;
      const { header, isDamaged } = model.records[index] as Model['records'][number];
      const isValid = isRecordHeaderValid(real.records, index * RECORD_WORDS, positionOf(index));
      assert.is(isValid, !isDamaged, 'damage shows, and nothing else does');
      assert.not(
        isRecordHeaderValid(real.records, index * RECORD_WORDS, positionOf(index) + 2 ** 32),
        'a record is bound to its place',
      );
      if (!isValid) return;
      const record = emptyRecord();
      readRecordHeader(real.records, index * RECORD_WORDS, positionOf(index), record);
      const { kind, group, ballot, slot, sequence, commitWatermark, valueLength, valueCrc } = record;
      const fields = [HEADER_KIND, HEADER_GROUP, HEADER_BALLOT, HEADER_SLOT, HEADER_SEQUENCE, HEADER_COMMIT];
      const written = [...fields, HEADER_VALUE_LENGTH, HEADER_VALUE_CRC].map((field) => header[field]);
      assert.equal([kind, group, ballot, slot, sequence, commitWatermark, valueLength, valueCrc], written);
    },
    (model) => model.records.length > 0,
  );
}

function damageRecord(pick: number, bit: number) {
  return command<Model, Real>(
    `flip bit ${bit} of record ${pick}`,
    (model, real) => {
      const index = pick % model.records.length;
      const record = model.records[index] as Model['records'][number];
      if (record.isDamaged) return;
      const word = index * RECORD_WORDS + ((bit >> 5) % (ENTRY_CRC_WORD + 1));
      real.records[word] = (real.records[word] as number) ^ (1 << (bit & 31));
      record.isDamaged = true;
    },
    (model) => model.records.length > 0,
  );
}

const number53 = fc.maxSafeNat();
const pick = fc.nat(FRAMES_MAX);
const fields = fc.record({
  from: fc.nat(14),
  ballot: number53,
  slot: number53,
  commit: number53,
  aux: number53,
  aux2: number53,
  length: fc.nat(1 << 20),
  crc: fc.integer(),
});

const test = suite('property/codec');

test('frames and records come back as they were written, and damage shows', () => {
  const commands = [
    fc.tuple(fc.integer({ min: 1, max: MESSAGE_KINDS - 1 }), fc.nat(4095), fields).map((args) => writeFrame(...args)),
    pick.map(readFrame),
    fc.tuple(pick, fc.nat(200)).map((args) => judgeFrame(...args)),
    fc
      .tuple(fc.constantFrom(KIND_VOTE_AGAIN, KIND_PROMISE), fc.array(number53, { minLength: 5, maxLength: 5 }))
      .map((args) => writeRecord(...args)),
    pick.map(readRecord),
    fc.tuple(pick, fc.nat(511)).map((args) => damageRecord(...args)),
  ];
  followsModel(commands, () => ({ model: { frames: [], records: [] }, real: new Real() }), 500);
});

test.run();
