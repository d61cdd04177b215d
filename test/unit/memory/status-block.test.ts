import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  GROUP_ERROR_NONDETERMINISTIC,
  ROLE_LEADER,
  ROLE_STARTING,
  ROLE_STOPPED,
  STATUS_CHANGE_WORD,
  STATUS_DIGEST_WORD,
  STATUS_WORDS,
} from '../../../src/memory/descriptor.ts';
import { createStatusBlock, StatusReader, StatusWriter } from '../../../src/memory/status-block.ts';

const test = suite('memory/status-block');

function make() {
  const block = createStatusBlock();
  return {
    block,
    words: new Int32Array(block),
    writer: new StatusWriter(block),
    reader: new StatusReader(block),
  };
}

test('every field is read as it was written, beyond 2^32 where it counts', () => {
  const { writer, reader } = make();
  assert.is(reader.leaderHint, -1);
  writer.setRole(ROLE_LEADER);
  writer.setLeadership(7);
  writer.setLeaderHint(2);
  writer.setCommit(2 ** 40 + 3);
  writer.setApplied(2 ** 40 + 2, -5);
  writer.setBallot(2 ** 52 + 1);
  writer.setElections(4);
  writer.setCommands(2 ** 33);
  writer.setLog(2 ** 34, 2 ** 45 + 9);
  assert.is(reader.role, ROLE_LEADER);
  assert.is(reader.leadership, 7);
  assert.is(reader.leaderHint, 2);
  assert.is(reader.commit, 2 ** 40 + 3);
  assert.is(reader.applied, 2 ** 40 + 2);
  assert.is(reader.sampleApplied(), 2 ** 40 + 2);
  assert.is(reader.sampledDigest, -5);
  assert.is(reader.ballot, 2 ** 52 + 1);
  assert.is(reader.elections, 4);
  assert.is(reader.commands, 2 ** 33);
  assert.is(reader.flushes, 2 ** 34);
  assert.is(reader.logBytes, 2 ** 45 + 9);
  assert.is(reader.error, 0);
});

test('an error says where and who, and stops the role; a replacement worker clears it', () => {
  const { block, writer, reader } = make();
  writer.setLeadership(3);
  writer.setLeaderHint(0);
  writer.setError(GROUP_ERROR_NONDETERMINISTIC, 2 ** 35, 1);
  assert.is(reader.error, GROUP_ERROR_NONDETERMINISTIC);
  assert.is(reader.errorSlot, 2 ** 35);
  assert.is(reader.errorMember, 1);
  assert.is(reader.role, ROLE_STOPPED);
  new StatusWriter(block).clear();
  assert.is(reader.error, 0);
  assert.is(reader.role, ROLE_STARTING);
  assert.is(reader.leaderHint, -1);
  assert.is(reader.leadership, 3);
});

test('the watermark and the digest of another moment are never taken for a pair', () => {
  const { words, writer, reader } = make();
  writer.setApplied(5, 55);
  // Each point at which a reader may look while the worker goes from (5, 55) to (6, 66).
  const store = Atomics.store;
  const pairs: string[] = [];
  Atomics.store = ((target: Int32Array, index: number, word: number) => {
    const stored = store(target, index, word);
    const applied = reader.sampleApplied();
    pairs.push(applied < 0 ? 'busy' : `${applied}:${reader.sampledDigest}`);
    return stored;
  }) as typeof Atomics.store;
  try {
    writer.setApplied(6, 66);
  } finally {
    Atomics.store = store;
  }
  assert.equal(pairs, ['busy', 'busy', 'busy', '6:66']);
  assert.is(words[STATUS_CHANGE_WORD], 4);
});

test('a sample overtaken by the writer is refused', () => {
  const { writer, reader } = make();
  writer.setApplied(5, 55);
  const load = Atomics.load;
  Atomics.load = ((target: Int32Array, index: number) => {
    if (index === STATUS_DIGEST_WORD) {
      Atomics.load = load;
      writer.setApplied(6, 66);
    }
    return load(target, index);
  }) as typeof Atomics.load;
  try {
    assert.is(reader.sampleApplied(), -1);
  } finally {
    Atomics.load = load;
  }
  assert.is(reader.sampleApplied(), 6);
});

test('a writer that died halfway through the pair does not blind readers for ever', () => {
  const { block, words, reader } = make();
  words[STATUS_CHANGE_WORD] = 3;
  assert.is(reader.sampleApplied(), -1);
  const writer = new StatusWriter(block);
  writer.setApplied(9, 99);
  assert.is(reader.sampleApplied(), 9);
});

test('refuses unknown roles, errors without code, serials that do not grow and foreign memory', () => {
  const { writer } = make();
  assert.throws(() => writer.setRole(6), /no such role/);
  assert.throws(() => writer.setLogState(4), /no such state/);
  assert.throws(() => writer.setError(0, 1, -1), /has a code/);
  assert.throws(() => writer.setLeaderHint(-2), /names a member/);
  writer.setLeadership(2);
  assert.throws(() => writer.setLeadership(2), /serials grow/);
  assert.throws(() => new StatusReader(new SharedArrayBuffer(STATUS_WORDS)), /one size/);
  assert.throws(() => new StatusWriter(new SharedArrayBuffer(STATUS_WORDS)), /one size/);
});

test.run();
