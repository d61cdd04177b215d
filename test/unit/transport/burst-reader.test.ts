/** Streams are taken apart into bursts wherever their chunks end. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makePortableBulk } from '../../../src/memory/portable-bulk.ts';
import { BURST_DATA, BURST_HEADER_BYTES, BURST_PING, BurstHeaders } from '../../../src/transport/burst.ts';
import { BurstReader } from '../../../src/transport/burst-reader.ts';
import { LANE_CONTROL } from '../../../src/transport/channel.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';

const test = suite('transport/burst-reader');
const LINK = 5;

/** Three bursts as one stream: data, ping, data. */
function stream(): Uint8Array {
  const headers = new BurstHeaders(8, LINK, LANE_CONTROL);
  const part = (kind: number, body: Uint8Array): Uint8Array[] => {
    const at = headers.write(kind, body.length, crc32c(body, 0, body.length, 0), 0);
    return [headers.bytes.slice(at, at + BURST_HEADER_BYTES), body];
  };
  const parts = [
    ...part(BURST_DATA, new Uint8Array(64).fill(1)),
    ...part(BURST_PING, new Uint8Array(0)),
    ...part(BURST_DATA, new Uint8Array(128).fill(2)),
  ];
  return Buffer.concat(parts);
}

/** What a reader makes of the stream, given in chunks of `size`. */
function read(bytes: Uint8Array, size: number) {
  const reader = new BurstReader(LINK, LANE_CONTROL, makePortableBulk(crc32c));
  const found: string[] = [];
  for (let from = 0; from < bytes.length; from += size) {
    const chunk = bytes.subarray(from, from + size);
    for (let at = 0; at < chunk.length && reader.violation === undefined; ) {
      at = reader.take(chunk, at);
      if (!reader.isComplete) continue;
      found.push(`${reader.header.kind}:${reader.header.length}:${reader.body[0]}`);
      reader.next();
    }
  }
  return { found, violation: reader.violation };
}

test('every chunk size gives the same bursts', () => {
  const bytes = stream();
  const whole = read(bytes, bytes.length);
  assert.equal(whole.found, ['1:64:1', '2:0:1', '1:128:2']);
  for (let size = 1; size < bytes.length; size++) assert.equal(read(bytes, size), whole);
});

test('a flipped bit in a body is found, and nothing behind it is believed', () => {
  const bytes = stream();
  bytes[BURST_HEADER_BYTES + 10]! ^= 4;
  assert.equal(read(bytes, 50), { found: [], violation: 'checksum' });
});

test('a stream that is no burst is told at its first header', () => {
  assert.equal(read(Buffer.from('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n'.padEnd(200)), 200), {
    found: [],
    violation: 'notSynod',
  });
});

test('a burst is used before the next is read', () => {
  const reader = new BurstReader(LINK, LANE_CONTROL, makePortableBulk(crc32c));
  const bytes = stream();
  assert.throws(() => reader.next(), /whole burst/);
  const at = reader.take(bytes, 0);
  assert.ok(reader.isComplete);
  assert.throws(() => reader.take(bytes, at), /used before/);
});

test.run();
