/**
 * The keys of one shard, back to back in one array: the load picks them by index and copies bytes, so that no command
 * makes a string. Key number n is `key-` and n in twelve digits; a shard has those that placement sends to it.
 */
import { assert } from '../base/assert.ts';

/** Length of every key: whole words, so that keys are copied as such. */
export const KEY_BYTES = 16;

export interface KeyTable {
  shard: number;
  count: number;
  /** Key i is bytes[i * KEY_BYTES, (i + 1) * KEY_BYTES). */
  bytes: Uint8Array;
  /** The same memory. */
  words: Int32Array;
  /** One of them, for `cluster.lane(key)`. */
  first: string;
}

export function keyName(number: number): string {
  return `key-${String(number).padStart(KEY_BYTES - 4, '0')}`;
}

/** `keys` keys in all, spread evenly: each shard takes the first ones that `shardOf` gives it until it has its share. */
export function makeKeyTables(keys: number, shards: number, shardOf: (key: string) => number): KeyTable[] {
  assert(keys >= shards, 'every shard has a key');
  const encoder = new TextEncoder();
  const tables: KeyTable[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const share = Math.floor(keys / shards) + (shard < keys % shards ? 1 : 0);
    const bytes = new Uint8Array(share * KEY_BYTES);
    tables.push({ shard, count: 0, bytes, words: new Int32Array(bytes.buffer), first: '' });
  }
  let missing = keys;
  for (let number = 0; missing > 0; number++) {
    const key = keyName(number);
    const table = tables[shardOf(key)] as KeyTable;
    if (table.count * KEY_BYTES === table.bytes.length) continue;
    if (table.count === 0) table.first = key;
    encoder.encodeInto(key, table.bytes.subarray(table.count * KEY_BYTES));
    table.count += 1;
    missing -= 1;
  }
  return tables;
}
