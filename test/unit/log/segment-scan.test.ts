/** One segment in memory: loads as far as asked, shows whole submissions only. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_BLOCK_BYTES } from '../../../src/limits.ts';
import { SegmentScan } from '../../../src/log/segment-scan.ts';
import { softwareChecksum } from '../../../src/wire/crc32c.ts';
import { appendDurably, appendPromise, open } from '../../support/log-fixture.ts';
import { TestMedium } from '../../support/test-device.ts';

const test = suite('log/segment-scan');

function scanOf(medium: TestMedium): SegmentScan {
  const scan = new SegmentScan(medium, softwareChecksum);
  scan.load(0);
  return scan;
}

test('a submission is shown with its records, where it begins and nowhere else', () => {
  const fixture = open(new TestMedium());
  appendPromise(fixture.log, 7);
  appendDurably(fixture, 8, 'x'.repeat(5000));
  const scan = scanOf(fixture.medium);
  const view = scan.submissionAt(LOG_BLOCK_BYTES);
  assert.ok(view?.isWhole);
  assert.is(view?.records, 2);
  assert.is(view?.serial, 1);
  assert.is(scan.submissionAt(2 * LOG_BLOCK_BYTES), undefined);
  assert.is(scan.submissionAt(3 * LOG_BLOCK_BYTES), undefined, 'behind the last byte');
  const slots: number[] = [];
  if (view !== undefined) scan.visit(view, (record) => slots.push(record.slot));
  assert.equal(slots, [7, 8]);
});

test('a submission with a changed value has a header and is not whole', () => {
  const fixture = open(new TestMedium());
  const position = appendDurably(fixture, 8, 'x'.repeat(5000));
  fixture.medium.flip(position + 4000);
  const scan = scanOf(fixture.medium);
  const view = scan.submissionAt(LOG_BLOCK_BYTES);
  assert.is(view?.isWhole, false);
  if (view !== undefined) assert.throws(() => scan.visit(view, () => {}), /whole/);
});

test('a block that cannot be read is missed alone; what is no failure of the medium is thrown', () => {
  const fixture = open(new TestMedium());
  for (const slot of [1, 2, 3]) appendDurably(fixture, slot, 'x');
  fixture.medium.unreadable.add(2 * LOG_BLOCK_BYTES);
  const scan = scanOf(fixture.medium);
  const found = [1, 2, 3].map((block) => scan.submissionAt(block * LOG_BLOCK_BYTES)?.isWhole);
  assert.equal(found, [true, undefined, true]);
  assert.ok(scan.isUnreadable(LOG_BLOCK_BYTES, 2 * LOG_BLOCK_BYTES));
  assert.not(scan.isUnreadable(3 * LOG_BLOCK_BYTES, LOG_BLOCK_BYTES));
  fixture.medium.read = () => {
    throw new Error('gone');
  };
  assert.throws(() => scanOf(fixture.medium).submissionAt(LOG_BLOCK_BYTES), /gone/);
});

test('what is loaded is told', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 8, 'x'.repeat(200_000));
  const told: number[] = [];
  const scan = new SegmentScan(fixture.medium, softwareChecksum, (bytes) => told.push(bytes));
  scan.load(0);
  scan.submissionAt(LOG_BLOCK_BYTES);
  assert.equal(told, [fixture.medium.sizeOf(0)]);
});

test('memory let go of is loaded again', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 8, 'x');
  const scan = scanOf(fixture.medium);
  assert.ok(scan.submissionAt(LOG_BLOCK_BYTES));
  scan.close();
  scan.load(0);
  assert.ok(scan.submissionAt(LOG_BLOCK_BYTES));
});

test('a segment of any length is scanned, also one that ends inside a word', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 8, 'x'.repeat(200_000));
  fixture.medium.segments.set(0, (fixture.medium.segments.get(0) as Uint8Array).slice(0, 100_001));
  assert.is(scanOf(fixture.medium).submissionAt(LOG_BLOCK_BYTES)?.isWhole, false);
});

test.run();
