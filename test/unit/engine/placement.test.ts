/** A key's group never changes: the hash is part of the format, and spreads what is alike. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import {
  groupOfKey,
  groupsOfLog,
  logsOfWorker,
  preferredMember,
  workerOfGroup,
} from '../../../src/engine/placement.ts';
import { KEY_BYTES_MAX } from '../../../src/limits.ts';

const test = suite('placement');
const WHOLE = 2 ** 32;

/** The format as its comment says it, over the bytes that the platform makes of the key. */
function reference(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(key)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function refusal(key: unknown): string {
  try {
    groupOfKey(key as string, 4);
  } catch (error) {
    return (error as SynodError).code;
  }
  return 'taken';
}

test('known keys stay where they are', () => {
  const known: [string, number][] = [
    ['a', 444641715],
    ['account-7', 939175998],
    ['grün', 724847461],
    ['鍵', 1820736666],
    ['🔑', 1825618928],
  ];
  assert.equal(
    known.map(([key]) => [key, groupOfKey(key, WHOLE)]),
    known,
  );
});

test('the hash is that of the UTF-8 bytes, for every kind of character', () => {
  const keys = ['\u0000', '\u007f', '\u0080', '\u07ff', '\u0800', '\uffff', '\u{10000}', '\u{10ffff}', 'a🔑b', 'ÿ鍵z'];
  const lone = ['\ud800', '\udc00', 'a\ud800', '\ud800b', '\udc00\ud800', '\ud800\ud800\udc00'];
  for (const key of [...keys, ...lone]) assert.is(groupOfKey(key, WHOLE), reference(key), JSON.stringify(key));
  for (let i = 0; i < 1000; i += 1) assert.is(groupOfKey(`key-${i}`, WHOLE), reference(`key-${i}`));
});

test('keys that are alike spread evenly', () => {
  for (const shards of [2, 3, 4, 7, 64]) {
    const counts = new Array<number>(shards).fill(0);
    const total = 1000 * shards;
    for (let i = 0; i < total; i += 1) counts[groupOfKey(`account-${i}`, shards)]! += 1;
    for (const count of counts) assert.ok(count > 850 && count < 1150, `${shards} shards: ${count}`);
  }
});

test('an empty key, one that is no string, and one that is too long are refused', () => {
  assert.is(refusal(''), 'ERR_SYNOD_KEY');
  assert.is(refusal(undefined), 'ERR_SYNOD_KEY');
  assert.is(refusal(7), 'ERR_SYNOD_KEY');
  assert.is(refusal('x'.repeat(KEY_BYTES_MAX)), 'taken');
  assert.is(refusal('x'.repeat(KEY_BYTES_MAX + 1)), 'ERR_SYNOD_KEY');
});

test('length is counted in bytes, not in characters', () => {
  assert.is(refusal('ü'.repeat(KEY_BYTES_MAX / 2)), 'taken');
  assert.is(refusal('ü'.repeat(KEY_BYTES_MAX / 2 + 1)), 'ERR_SYNOD_KEY');
  assert.is(refusal('🔑'.repeat(KEY_BYTES_MAX / 4)), 'taken');
  assert.is(refusal(`${'🔑'.repeat(KEY_BYTES_MAX / 4)}x`), 'ERR_SYNOD_KEY');
});

test('workers and preferred leaders are dealt out in turn', () => {
  assert.equal(
    [0, 1, 2, 3, 4].map((group) => workerOfGroup(group, { logs: 2, workers: 2 })),
    [0, 1, 0, 1, 0],
  );
  assert.equal(
    [0, 1, 2, 3, 4].map((group) => preferredMember(group, 3)),
    [0, 1, 2, 0, 1],
  );
});

test('a group stays in its log, and a worker hosts whole logs, however many workers there are', () => {
  const groups = Array.from({ length: 9 }, (_, group) => group);
  for (const logs of [1, 3, 4]) {
    const held = Array.from({ length: logs }, (_, log) => groupsOfLog(log, logs, groups.length));
    assert.equal(held.flat().sort(), groups);
    for (let workers = 1; workers <= logs; workers++) {
      const hosted = Array.from({ length: workers }, (_, worker) => logsOfWorker(worker, logs, workers));
      assert.equal(
        hosted.flat().sort(),
        Array.from({ length: logs }, (_, log) => log),
      );
      for (const [worker, numbers] of hosted.entries()) {
        assert.ok(numbers.length > 0);
        for (const log of numbers)
          for (const group of held[log]!) assert.is(workerOfGroup(group, { logs, workers }), worker);
      }
    }
  }
});

test.run();
