/** What no honest member sends is told from what it does. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FRAME_BYTES_MAX } from '../../../src/limits.ts';
import { TYPE_COMMAND } from '../../../src/memory/descriptor.ts';
import { ACCEPT, HEARTBEAT, MESSAGE_KINDS } from '../../../src/paxos/message.ts';
import {
  FRAME_AUX_WORD,
  FRAME_BALLOT_WORD,
  FRAME_COMMIT_WORD,
  FRAME_GROUP_WORD,
  FRAME_SLOT_WORD,
  FRAME_TYPE_WORD,
  FRAME_VALUE_LENGTH_WORD,
} from '../../../src/wire/frame.ts';
import { isSoundFrame } from '../../../src/wire/frame-check.ts';
import { writeFrame } from '../../support/transport-kit.ts';

const test = suite('wire/frame-check');
const FROM = 2;
const GROUPS = 4;

/** A sound frame, changed. */
function judge(change: (words: Int32Array) => void, size = 64): boolean {
  const words = new Int32Array(64);
  writeFrame(words, 0, FROM, 3, 5, size);
  change(words);
  return isSoundFrame(words, 0, size, FROM, GROUPS);
}

test('frames with and without value are sound', () => {
  assert.ok(judge(() => {}));
  assert.ok(judge(() => {}, 100));
});

test('a member speaks for itself only', () => {
  assert.not.ok(judge((words) => (words[FRAME_TYPE_WORD] = (words[FRAME_TYPE_WORD]! & ~0xff) | 1)));
});

test('a group beyond the last, or a negative one, is none', () => {
  for (const group of [GROUPS, -1, 2 ** 31 - 1]) {
    assert.not.ok(judge((words) => (words[FRAME_GROUP_WORD] = group)));
  }
});

test('kinds are those of the protocol', () => {
  const withKind = (kind: number) => (words: Int32Array) => {
    words[FRAME_TYPE_WORD] = (words[FRAME_TYPE_WORD]! & 0xff00_00ff) | (kind << 8);
  };
  assert.not.ok(judge(withKind(0)));
  assert.not.ok(judge(withKind(MESSAGE_KINDS)));
  assert.not.ok(judge(withKind(HEARTBEAT | 0x100)), 'the byte above the kind is 0');
  assert.ok(judge(withKind(HEARTBEAT)));
});

test('a value is as long as its frame', () => {
  assert.not.ok(judge((words) => (words[FRAME_VALUE_LENGTH_WORD] = 7), 100));
  assert.not.ok(
    judge((words) => {
      words[FRAME_TYPE_WORD] = (words[FRAME_TYPE_WORD]! & 0xff00_00ff) | (ACCEPT << 8);
      words[FRAME_VALUE_LENGTH_WORD] = -64;
    }, 64),
  );
});

test('a record of another type, a short and an oversized frame are none', () => {
  assert.not.ok(judge((words) => (words[FRAME_TYPE_WORD] = (TYPE_COMMAND << 24) | (HEARTBEAT << 8) | FROM)));
  const words = new Int32Array(32);
  writeFrame(words, 0, FROM, 0, 0, 64);
  assert.not.ok(isSoundFrame(words, 0, 63, FROM, GROUPS));
  assert.not.ok(isSoundFrame(words, 0, FRAME_BYTES_MAX + 1, FROM, GROUPS));
  assert.not.ok(isSoundFrame(words, 0, -64, FROM, GROUPS));
});

test('ballots, slots and watermarks are numbers below 2^53', () => {
  for (const word of [FRAME_BALLOT_WORD, FRAME_SLOT_WORD, FRAME_COMMIT_WORD]) {
    assert.ok(judge((words) => (words[word + 1] = 2 ** 21 - 1)));
    assert.not.ok(judge((words) => (words[word + 1] = 2 ** 21)));
    assert.not.ok(judge((words) => (words[word + 1] = -1)));
  }
});

test('the fields that may say "none" say it as -1 and in no other negative way', () => {
  assert.ok(
    judge((words) => {
      words[FRAME_AUX_WORD] = -1;
      words[FRAME_AUX_WORD + 1] = -1;
    }),
  );
  assert.not.ok(judge((words) => (words[FRAME_AUX_WORD + 1] = -1)));
  assert.not.ok(judge((words) => (words[FRAME_AUX_WORD + 1] = -2)));
});

test.run();
