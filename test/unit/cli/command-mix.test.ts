import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../../src/base/prng.ts';
import { CommandMix } from '../../../src/cli/command-mix.ts';
import { KEY_BYTES, makeKeyTables } from '../../../src/cli/key-table.ts';
import { createMachine } from '../../../src/machines/audit.ts';
import { decodeReport, reportQuery } from '../../../src/machines/audit-report.ts';
import { KV_CONFLICT, KV_INCREMENT, KV_OK, KV_PUT, KV_SWAP } from '../../../src/machines/kv-commands.ts';
import type { Command, Reply } from '../../../src/runtime/state-machine.ts';

const CLIENT = 77;
const PAYLOAD = 64;
const OFFSET = 32;
const IN_FLIGHT = 16;

interface Parts {
  mix: CommandMix;
  bytes: Uint8Array;
  words: Int32Array;
  /** Applies what stands at OFFSET and hands the reply to the mix. */
  apply(number: number): number;
  report(): ReturnType<typeof decodeReport>;
}

function makeParts(keys = 64, payload = PAYLOAD, seed = 1): Parts {
  const [table] = makeKeyTables(keys, 1, () => 0);
  const mix = new CommandMix(CLIENT, table as NonNullable<typeof table>, payload, IN_FLIGHT, new Prng(seed));
  const machine = createMachine({ groupId: 0, replicaIndex: 0 });
  const bytes = new Uint8Array(OFFSET + ((payload + 7) & ~7));
  const words = new Int32Array(bytes.buffer);
  const replyBytes = new Uint8Array(4096);
  const replyWords = new Int32Array(replyBytes.buffer);
  const command = (length: number): Command => ({
    ...{ bytes, words, offset: OFFSET, length, session: 1, number: 1, logTimeMs: 0, slot: 0 },
  });
  const answer = (): Reply => ({
    bytes: replyBytes,
    words: replyWords,
    offset: 0,
    capacity: replyBytes.length,
    length: 0,
  });
  return {
    mix,
    bytes,
    words,
    apply(number) {
      const reply = answer();
      machine.apply(command(payload), reply);
      mix.learn(number, replyBytes, reply.offset, reply.length);
      return replyWords[0] as number;
    },
    report() {
      const reply = answer();
      bytes.set(reportQuery(), OFFSET);
      machine.query(command(4), reply);
      return decodeReport(replyBytes.slice(0, reply.length));
    },
  };
}

const test = suite('command mix');

test('the machine counts and digests what was encoded, and gives no reply that does not fit', () => {
  for (const payload of [64, 67, 256]) {
    const { mix, bytes, words, apply, report } = makeParts(64, payload);
    for (let number = 1; number <= 2000; number++) {
      mix.encode(bytes, words, OFFSET, number);
      apply(number);
    }
    assert.equal(report(), {
      outOfOrder: 0,
      clients: [{ client: CLIENT, count: 2000, lastNumber: 2000, digest: mix.digest }],
    });
    assert.is(mix.failed, 0);
  }
});

test('swaps expect the revision last seen: with one command in flight at a time all of them swap', () => {
  const { mix, bytes, words, apply } = makeParts();
  for (let number = 1; number <= 2000; number++) {
    mix.encode(bytes, words, OFFSET, number);
    apply(number);
  }
  assert.ok(mix.swapped > 300, `${mix.swapped} swapped`);
  assert.is(mix.conflicts, 0);
});

test('a swap at a revision that is gone is a conflict, and the reply teaches the new one', () => {
  const { mix, bytes, words } = makeParts(4);
  const reply = new Uint8Array(16);
  const replyWords = new Int32Array(reply.buffer);
  let swaps = 0;
  for (let number = 1; number <= 200; number++) {
    mix.encode(bytes, words, OFFSET, number);
    const isSwap = ((words[(OFFSET + 16) >> 2] as number) & 0xff) === KV_SWAP;
    if (isSwap) swaps += 1;
    replyWords[0] = isSwap ? KV_CONFLICT : KV_OK;
    replyWords[2] = 1234;
    mix.learn(number, reply, 0, 16);
    if (isSwap && swaps > 5) assert.is(words[(OFFSET + 24) >> 2], 1234);
  }
  assert.is(mix.conflicts, swaps);
  assert.is(mix.swapped, 0);
});

test('half are puts, a quarter swaps, a quarter increments, over all keys', () => {
  const { mix, bytes, words } = makeParts();
  const counts = new Map<number, number>();
  const keys = new Set<string>();
  for (let number = 1; number <= 8000; number++) {
    mix.encode(bytes, words, OFFSET, number);
    const op = (words[(OFFSET + 16) >> 2] as number) & 0xff;
    counts.set(op, (counts.get(op) ?? 0) + 1);
    const key = OFFSET + (op === KV_PUT ? 24 : 32);
    keys.add(new TextDecoder().decode(bytes.subarray(key, key + KEY_BYTES)));
  }
  const near = (op: number, share: number): boolean => Math.abs((counts.get(op) ?? 0) / 8000 - share) < 0.03;
  assert.ok(near(KV_PUT, 0.5) && near(KV_SWAP, 0.25) && near(KV_INCREMENT, 0.25), JSON.stringify([...counts]));
  assert.is(keys.size, 64);
});

test('numbers beyond 2^32 are encoded whole', () => {
  const { mix, bytes, words } = makeParts();
  mix.encode(bytes, words, OFFSET, 2 ** 40 + 5);
  assert.equal([words[(OFFSET + 8) >> 2], words[(OFFSET + 12) >> 2]], [5, 256]);
});

test('one seed gives one sequence, another seed another', () => {
  const digestOf = (seed: number): number => {
    const { mix, bytes, words } = makeParts(64, PAYLOAD, seed);
    for (let number = 1; number <= 100; number++) mix.encode(bytes, words, OFFSET, number);
    return mix.digest;
  };
  assert.is(digestOf(5), digestOf(5));
  assert.is.not(digestOf(5), digestOf(6));
});

test('replies that no command should get are counted', () => {
  const { mix, bytes, words } = makeParts();
  mix.encode(bytes, words, OFFSET, 1);
  mix.learn(1, new Uint8Array(4), 0, 4);
  mix.encode(bytes, words, OFFSET, 2);
  mix.learn(2, Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 16);
  assert.is(mix.failed, 2);
});

test.run();
