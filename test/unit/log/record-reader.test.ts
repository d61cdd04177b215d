/** Reading back: any size at any place in its block, in two reads at most. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VALUE_BYTES_MAX } from '../../../src/limits.ts';
import { EntryStore } from '../../../src/log/entry-store.ts';
import { RecordReader } from '../../../src/log/record-reader.ts';
import { softwareChecksum } from '../../../src/wire/crc32c.ts';
import { appendDurably, appendPromise, appendVote, chunks, open } from '../../support/log-fixture.ts';
import { TestMedium } from '../../support/test-device.ts';

const test = suite('log/record-reader');

test('records of every size and place are read back from the device', () => {
  const fixture = open(new TestMedium());
  const { log, device } = fixture;
  const sizes = [1, 63, 64, 3904, 3905, 4000, 8192, 100_000, VALUE_BYTES_MAX];
  const placed: { position: number; size: number }[] = [];
  for (const size of sizes) {
    placed.push({ position: appendVote(log, size, new Uint8Array(size).fill(size)), size });
    placed.push({ position: appendPromise(log, 5), size: 0 });
  }
  appendDurably(fixture, 1, 'end');
  const reader = new RecordReader(device, new EntryStore(chunks(), true), softwareChecksum);
  for (const { position, size } of placed) {
    const before = device.reads;
    reader.locate(position);
    assert.ok(device.reads - before <= 2);
    const value = reader.bytes.subarray(reader.offset + 64, reader.offset + 64 + size);
    assert.ok(
      value.every((byte) => byte === (size & 255)),
      `${size} bytes`,
    );
    assert.is(reader.words[reader.offset >> 2], 64 + size);
  }
  assert.throws(() => reader.locate(placed[0].position + 1), /multiples of 64/);
  assert.throws(() => reader.locate(placed[2].position + 64), /damaged/);
});

test.run();
