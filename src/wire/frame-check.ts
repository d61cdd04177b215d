/**
 * What a frame from another node must look like before it enters a ring: nothing in it may make a reader index, allocate or
 * believe too much. A certificate says who is talking, not that what is said is well formed.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { FRAME_BYTES_MAX, GROUPS_MAX } from '../limits.ts';
import { MESSAGE_KINDS } from '../paxos/message.ts';
import {
  FRAME_AUX_WORD,
  FRAME_AUX2_WORD,
  FRAME_BALLOT_WORD,
  FRAME_COMMIT_WORD,
  FRAME_GROUP_WORD,
  FRAME_HEADER_BYTES,
  FRAME_SLOT_WORD,
  FRAME_TYPE_WORD,
  isFrame,
} from './frame.ts';

/** High words of numbers below 2^53. */
const HIGH_WORD_END = 2 ** 21;

/** True for a frame of `size` bytes that member `from` may send: its own, of a group below `groups`, every number below 2^53. */
export function isSoundFrame(words: Int32Array, word: number, size: number, from: number, groups: number): boolean {
  assert(groups > 0 && groups <= GROUPS_MAX, 'a cluster has groups');
  if (size > FRAME_BYTES_MAX || !isFrame(words, word, size)) return false;
  const type = words[word + FRAME_TYPE_WORD]!;
  const kind = (type >>> 8) & 0xffff;
  if ((type & 0xff) !== from || kind === 0 || kind >= MESSAGE_KINDS) return false;
  if (words[word + FRAME_GROUP_WORD]! >>> 0 >= groups) return false;
  return areNumbersSound(words, word);
}

/** Ballot, slot and watermark count up from 0; the other two may also be -1 for nothing. */
function areNumbersSound(words: Int32Array, word: number): boolean {
  if (words[word + FRAME_BALLOT_WORD + 1]! >>> 0 >= HIGH_WORD_END) return false;
  if (words[word + FRAME_SLOT_WORD + 1]! >>> 0 >= HIGH_WORD_END) return false;
  if (words[word + FRAME_COMMIT_WORD + 1]! >>> 0 >= HIGH_WORD_END) return false;
  return isCountOrNone(words, word + FRAME_AUX_WORD) && isCountOrNone(words, word + FRAME_AUX2_WORD);
}

function isCountOrNone(words: Int32Array, word: number): boolean {
  const high = words[word + 1]!;
  return high === -1 ? words[word] === -1 : high >>> 0 < HIGH_WORD_END;
}

assert(FRAME_HEADER_BYTES === 64, 'the header is what the rings align to');
