/**
 * Reads what a member promises to others off the frames that it hands to the network, for the persistence checker.
 */
import { fromWords } from '../../src/base/bits.ts';
import type { MemberIndex } from '../../src/base/types.ts';
import {
  FRAME_AUX_WORD,
  FRAME_BALLOT_WORD,
  FRAME_GROUP_WORD,
  FRAME_SLOT_WORD,
  FRAME_TYPE_WORD,
} from '../../src/wire/frame.ts';
import type { PersistenceChecker } from './checkers.ts';

export function frameAnswer(words: Int32Array, checkers: readonly PersistenceChecker[], from: MemberIndex): void {
  const checker = checkers[words[FRAME_GROUP_WORD] as number] as PersistenceChecker;
  const kind = ((words[FRAME_TYPE_WORD] as number) >>> 8) & 0xff;
  checker.onAnswer(
    from,
    kind,
    pair(words, FRAME_BALLOT_WORD),
    pair(words, FRAME_SLOT_WORD),
    pair(words, FRAME_AUX_WORD),
  );
}

function pair(words: Int32Array, word: number): number {
  return fromWords(words[word] as number, words[word + 1] as number);
}
