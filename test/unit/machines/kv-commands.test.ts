/** Encoders of the kv machine's commands and the decoder of its replies. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { KEY_BYTES_MAX } from '../../../src/limits.ts';
import { KV_INCREMENT, KV_PUT, KV_SWAP, KV_TTL_MS_MAX, kv, kvCommandBytes } from '../../../src/machines/kv-commands.ts';

const test = suite('machines/kv-commands');

test('a put is header, padded key, value', () => {
  assert.equal(Array.from(kv.put('ab', 'xyz', 7)), [KV_PUT, 2, 0, 0, 7, 0, 0, 0, 97, 98, 0, 0, 120, 121, 122]);
});

test('a swap carries the expected revision in two words', () => {
  const view = new DataView(kv.compareAndSwap('k', 2 ** 32 + 5, '').buffer);
  assert.is(view.getUint8(0), KV_SWAP);
  assert.is(view.getInt32(8, true), 5);
  assert.is(view.getInt32(12, true), 1);
});

test('a negative delta is the two words of its floor', () => {
  const view = new DataView(kv.increment('k', -1).buffer);
  assert.is(view.getInt32(8, true), -1);
  assert.is(view.getInt32(12, true), -1);
});

test('kvCommandBytes says what the encoders make', () => {
  assert.is(kv.put('abc', 'xy').length, kvCommandBytes(KV_PUT, 3, 2));
  assert.is(kv.increment('abcde').length, kvCommandBytes(KV_INCREMENT, 5, 0));
});

test('an empty key and one that is too long are refused with a typed error', () => {
  for (const key of ['', 'x'.repeat(KEY_BYTES_MAX + 1)]) {
    assert.throws(
      () => kv.get(key),
      (error: unknown) => error instanceof SynodError && error.code === 'ERR_SYNOD_KEY',
    );
  }
});

test('a time to live or an operand that its words cannot hold is refused, not bent', () => {
  const refused = (encode: () => Uint8Array): void => {
    assert.throws(encode, (error: unknown) => error instanceof SynodError && error.code === 'ERR_SYNOD_CONFIG');
  };
  for (const ttlMs of [-1, 0.5, KV_TTL_MS_MAX + 1, Number.NaN]) refused(() => kv.put('k', 'v', ttlMs));
  for (const operand of [1.5, 2 ** 53, -(2 ** 53), Number.NaN]) {
    refused(() => kv.increment('k', operand));
    refused(() => kv.compareAndSwap('k', operand, 'v'));
  }
  assert.is(new DataView(kv.put('k', 'v', KV_TTL_MS_MAX).buffer).getInt32(4, true), KV_TTL_MS_MAX);
});

test('a reply is decoded with its revision beyond 32 bits', () => {
  const reply = new Uint8Array(16);
  new DataView(reply.buffer).setInt32(8, -1, true);
  new DataView(reply.buffer).setInt32(12, 1, true);
  assert.is(kv.decodeReply(reply).revision, 2 ** 33 - 1);
});

test.run();
