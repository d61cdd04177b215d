/**
 * Frame = one protocol message between two replicas: a 64-byte header, then the value for kinds that carry one.
 * In peer rings a frame is one record (alignment 64, so that value and log payload agree modulo 64).
 *
 *   0   SIZE           header + value                 (owned by the ring)
 *   4   TYPE           TYPE_FRAME << 24 | KIND << 8 | FROM
 *   8   GROUP          12  EPOCH
 *   16  BALLOT (2)     24  SLOT (2)
 *   32  COMMIT (2)     40  AUX (2)
 *   48  VALUE_LENGTH   52  VALUE_CRC
 *   56  AUX2 (2)
 *
 * @hot
 */
import { fromWords, highWord } from '../base/bits.ts';
import type { GroupId, MemberIndex } from '../base/types.ts';
import { RECORD_TYPE_SHIFT, TYPE_FRAME } from '../memory/descriptor.ts';
import {
  hasValue,
  M_AUX,
  M_AUX2,
  M_BALLOT,
  M_COMMIT,
  M_EPOCH,
  M_FROM,
  M_KIND,
  M_SLOT,
  M_TO,
  M_VALUE_CRC,
  M_VALUE_LENGTH,
} from '../paxos/message.ts';

export const FRAME_TYPE_WORD = 1;
export const FRAME_GROUP_WORD = 2;
export const FRAME_EPOCH_WORD = 3;
export const FRAME_BALLOT_WORD = 4;
export const FRAME_SLOT_WORD = 6;
export const FRAME_COMMIT_WORD = 8;
export const FRAME_AUX_WORD = 10;
export const FRAME_VALUE_LENGTH_WORD = 12;
export const FRAME_VALUE_CRC_WORD = 13;
export const FRAME_AUX2_WORD = 14;
export const FRAME_HEADER_BYTES = 64;

/** Writes a message's fields behind the size and type words that the ring has written; `word` is the header's first word. */
export function encodeFrame(words: Int32Array, word: number, group: GroupId, message: Float64Array): void {
  words[word + FRAME_TYPE_WORD] =
    (TYPE_FRAME << RECORD_TYPE_SHIFT) | ((message[M_KIND] as number) << 8) | (message[M_FROM] as number);
  words[word + FRAME_GROUP_WORD] = group;
  words[word + FRAME_EPOCH_WORD] = message[M_EPOCH] as number;
  writeField(words, word + FRAME_BALLOT_WORD, message, M_BALLOT);
  writeField(words, word + FRAME_SLOT_WORD, message, M_SLOT);
  writeField(words, word + FRAME_COMMIT_WORD, message, M_COMMIT);
  writeField(words, word + FRAME_AUX_WORD, message, M_AUX);
  words[word + FRAME_VALUE_LENGTH_WORD] = message[M_VALUE_LENGTH] as number;
  words[word + FRAME_VALUE_CRC_WORD] = message[M_VALUE_CRC] as number;
  writeField(words, word + FRAME_AUX2_WORD, message, M_AUX2);
}

/** Reads a frame header into a message, for the member `to`. */
export function decodeFrame(words: Int32Array, word: number, to: MemberIndex, message: Float64Array): void {
  const type = words[word + FRAME_TYPE_WORD] as number;
  message[M_KIND] = (type >>> 8) & 0xff;
  message[M_FROM] = type & 0xff;
  message[M_TO] = to;
  message[M_EPOCH] = words[word + FRAME_EPOCH_WORD] as number;
  readField(words, word + FRAME_BALLOT_WORD, message, M_BALLOT);
  readField(words, word + FRAME_SLOT_WORD, message, M_SLOT);
  readField(words, word + FRAME_COMMIT_WORD, message, M_COMMIT);
  readField(words, word + FRAME_AUX_WORD, message, M_AUX);
  message[M_VALUE_LENGTH] = words[word + FRAME_VALUE_LENGTH_WORD] as number;
  message[M_VALUE_CRC] = words[word + FRAME_VALUE_CRC_WORD] as number;
  readField(words, word + FRAME_AUX2_WORD, message, M_AUX2);
}

/** True where the header can be a frame: its type is right and its value fits its size. */
export function isFrame(words: Int32Array, word: number, size: number): boolean {
  if (size < FRAME_HEADER_BYTES) return false;
  if ((words[word + FRAME_TYPE_WORD] as number) >>> RECORD_TYPE_SHIFT !== TYPE_FRAME) return false;
  if (!hasValue(((words[word + FRAME_TYPE_WORD] as number) >>> 8) & 0xff)) return true;
  return words[word + FRAME_VALUE_LENGTH_WORD] === size - FRAME_HEADER_BYTES;
}

function writeField(words: Int32Array, word: number, message: Float64Array, field: number): void {
  words[word] = message[field] as number;
  words[word + 1] = highWord(message[field] as number);
}

function readField(words: Int32Array, word: number, message: Float64Array, field: number): void {
  message[field] = fromWords(words[word] as number, words[word + 1] as number);
}
