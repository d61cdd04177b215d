import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KEY_BYTES, keyName, makeKeyTables } from '../../../src/cli/key-table.ts';

const test = suite('key table');

/** Uneven on purpose: shard 0 gets few keys. */
const shardOf = (key: string): number => (Number(key.slice(4)) % 7 === 0 ? 0 : 1 + (Number(key.slice(4)) % 2));

test('every shard gets its share, of keys that placement sends to it', () => {
  const tables = makeKeyTables(100, 3, shardOf);
  assert.equal(
    tables.map(({ count }) => count),
    [34, 33, 33],
  );
  for (const { shard, count, bytes, first } of tables) {
    const keys = Array.from({ length: count }, (_, index) =>
      new TextDecoder().decode(bytes.subarray(index * KEY_BYTES, (index + 1) * KEY_BYTES)),
    );
    assert.is(keys[0], first);
    assert.is(new Set(keys).size, count);
    assert.ok(keys.every((key) => shardOf(key) === shard));
  }
});

test('all keys have the same length', () => {
  assert.is(keyName(0).length, KEY_BYTES);
  assert.is(keyName(9_999_999_999).length, KEY_BYTES);
});

test.run();
