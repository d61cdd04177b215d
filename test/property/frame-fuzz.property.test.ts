/** The receiving side of a connection against any bytes: a verdict, never a throw, never an unsound frame delivered. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BURST_DATA, BURST_HEADER_BYTES, BURST_NOTE, BurstHeaders } from '../../src/transport/burst.ts';
import { LANE_CONTROL } from '../../src/transport/channel.ts';
import { decodeHello, encodeHello, HELLO_BYTES, type Hello } from '../../src/transport/hello.ts';
import { REASONS, type Reason } from '../../src/transport/reason.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import { FuzzTarget, fuzzFrames } from '../fuzz/frame-fuzz.ts';

const test = suite('property/frame-fuzz');

test('any bytes in any chunks end in a verdict or wait for more', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 20 }), (chunks) => {
      const target = new FuzzTarget();
      for (const chunk of chunks) if (!target.feed(chunk)) target.connect();
      assert.is(target.delivered, 0);
    }),
    { numRuns: 200 },
  );
});

test('any body under a valid header and checksum delivers only what is sound', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 640 }), fc.boolean(), (bytes, isNote) => {
      const body = bytes.subarray(0, bytes.length - (bytes.length % 64));
      const headers = new BurstHeaders(1, 17, LANE_CONTROL);
      headers.write(isNote ? BURST_NOTE : BURST_DATA, body.length, crc32c(body, 0, body.length, 0), 0);
      const target = new FuzzTarget();
      target.feed(Buffer.concat([headers.bytes.subarray(0, BURST_HEADER_BYTES), body]));
      assert.is(target.bursts, 1);
    }),
    { numRuns: 500 },
  );
});

test('mutated frames are cut off for many reasons, and sound ones among them are delivered', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
      const { target } = fuzzFrames(seed, 2000);
      assert.ok(target.delivered > 0);
      assert.ok(target.verdicts.size >= 2);
    }),
    { numRuns: 20 },
  );
});

const hello = fc.record<Omit<Hello, 'wireVersion'>>({
  clusterId: fc.integer({ min: 0, max: 2 ** 53 - 1 }),
  incarnation: fc.integer({ min: 0, max: 2 ** 53 - 1 }),
  bootCounter: fc.integer({ min: 0, max: 2 ** 53 - 1 }),
  nodeId: fc.integer({ min: 0, max: 2 ** 20 - 1 }),
  receiverId: fc.integer({ min: 0, max: 2 ** 20 - 1 }),
  shards: fc.integer({ min: 0, max: 4096 }),
  linkNumber: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  lane: fc.constantFrom(0, 1),
  step: fc.constantFrom(1, 2, 3),
  refusal: fc.constantFrom(undefined, ...(Object.keys(REASONS) as Reason[])),
});

test('any hello is read as it was written, and none when any of its bytes changed', () => {
  fc.assert(
    fc.property(hello, fc.nat(HELLO_BYTES - 1), fc.integer({ min: 1, max: 255 }), (said, at, change) => {
      const bytes = encodeHello(said);
      assert.equal(decodeHello(bytes), { ...said, wireVersion: 1 });
      bytes[at]! ^= change;
      assert.type(decodeHello(bytes), 'string');
    }),
  );
});

test('any bytes as a hello give a reason, not a hello', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: HELLO_BYTES, maxLength: HELLO_BYTES }), (bytes) => {
      assert.type(decodeHello(bytes), 'string');
    }),
  );
});

test.run();
