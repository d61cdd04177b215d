/** Bytes from words, digits and the standard input. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { jsonBytes, readBytes, textOf } from '../../../src/cli/bytes-input.ts';
import { FlagError } from '../../../src/cli/flags.ts';
import { PAYLOAD_BYTES_MAX } from '../../../src/limits.ts';

const test = suite('cli/bytes-input');

async function* chunks(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

test('a word is its UTF-8, or its digits', async () => {
  assert.equal([...(await readBytes('é', false))], [0xc3, 0xa9]);
  assert.equal([...(await readBytes('00fF', true))], [0, 255]);
  assert.is((await readBytes('', true)).length, 0);
});

test('digits that are none are refused', async () => {
  for (const word of ['0', 'zz', '0x00', ' 00']) {
    await readBytes(word, true).then(
      () => assert.unreachable(word),
      (error: unknown) => assert.instance(error, FlagError),
    );
  }
});

test('without a word, or with a dash, the input is read, as far as a command may be long', async () => {
  for (const word of [undefined, '-']) {
    assert.equal([...(await readBytes(word, false, chunks(Uint8Array.of(1), Uint8Array.of(2, 3))))], [1, 2, 3]);
  }
  const half = new Uint8Array(PAYLOAD_BYTES_MAX / 2);
  assert.is((await readBytes('-', false, chunks(half, half))).length, PAYLOAD_BYTES_MAX);
  await readBytes('-', false, chunks(half, half, Uint8Array.of(1))).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /more than 1048576 bytes/),
  );
});

test('only well-formed UTF-8 is text', () => {
  assert.is(textOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), '\ufeffa');
  assert.is(textOf(Uint8Array.of(0xff)), undefined);
  assert.equal(jsonBytes(Uint8Array.of(0xff)), { text: null, base64: '/w==' });
  assert.equal(jsonBytes(Uint8Array.of(0x61)), { text: 'a', base64: 'YQ==' });
});

test.run();
