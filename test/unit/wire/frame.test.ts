/** Frames. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ACCEPT, HEARTBEAT, M_TO, MESSAGE_KINDS, PROMISE_VOTE } from '../../../src/paxos/message.ts';
import { decodeFrame, encodeFrame, FRAME_GROUP_WORD, FRAME_HEADER_BYTES, isFrame } from '../../../src/wire/frame.ts';
import { message } from '../../support/core.ts';

const number53 = fc.maxSafeNat();
const any = fc.record({
  from: fc.nat(14),
  ballot: number53,
  slot: number53,
  commit: number53,
  aux: number53,
  aux2: number53,
  length: fc.nat(1 << 20),
  crc: fc.integer(),
});

const test = suite('wire/frame');

test('every message comes back as it was, numbers of 53 bits too', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: MESSAGE_KINDS - 1 }), any, fc.nat(4095), (kind, fields, group) => {
      const words = new Int32Array(40);
      const original = message(kind, fields);
      original[M_TO] = 2;
      const decoded = new Float64Array(original.length);
      encodeFrame(words, 8, group, original);
      decodeFrame(words, 8, 2, decoded);
      assert.equal(decoded, original);
      assert.is(words[8 + FRAME_GROUP_WORD], group);
    }),
  );
});

test('the size and type words in front are the ring’s: size is left alone', () => {
  const words = new Int32Array(16);
  words[0] = 1234;
  encodeFrame(words, 0, 0, message(HEARTBEAT, {}));
  assert.is(words[0], 1234);
});

test('a frame whose value does not fill it exactly is refused', () => {
  const words = new Int32Array(64);
  encodeFrame(words, 0, 0, message(ACCEPT, { length: 100 }));
  assert.ok(isFrame(words, 0, FRAME_HEADER_BYTES + 100));
  assert.not(isFrame(words, 0, FRAME_HEADER_BYTES + 99));
  assert.not(isFrame(words, 0, FRAME_HEADER_BYTES + 101));
});

test('a kind without bytes may speak of a length', () => {
  const words = new Int32Array(16);
  encodeFrame(words, 0, 0, message(PROMISE_VOTE, { length: 100_000 }));
  assert.ok(isFrame(words, 0, FRAME_HEADER_BYTES));
});

test('something shorter than a header, or of another type, is no frame', () => {
  const words = new Int32Array(16);
  encodeFrame(words, 0, 0, message(HEARTBEAT, {}));
  assert.not(isFrame(words, 0, FRAME_HEADER_BYTES - 4));
  words[1] = 2 << 24;
  assert.not(isFrame(words, 0, FRAME_HEADER_BYTES));
});

test.run();
