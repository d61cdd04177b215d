/** Segment files: names, order, reads, and a whole log through real files. */
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../../../src/limits.ts';
import { recoverLog } from '../../../src/log/recovery.ts';
import { FileSegmentReader, segmentFileName } from '../../../src/log/segment.ts';
import { softwareChecksum } from '../../../src/wire/crc32c.ts';
import { appendDurably, IDENTITY, open } from '../../support/log-fixture.ts';
import { TestMedium } from '../../support/test-device.ts';

const test = suite<{ directory: string }>('log/segment');

test.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'synod-segment-'));
});
test.after.each(({ directory }) => {
  rmSync(directory, { recursive: true });
});

/** What a descriptor of this process points at. */
function targetOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
}

function save(medium: TestMedium, directory: string): void {
  for (const [base, bytes] of medium.segments) writeFileSync(join(directory, segmentFileName(base)), bytes);
}

test('file names count segments in 16 hex digits', () => {
  assert.is(segmentFileName(0), '0000000000000000.seg');
  assert.is(segmentFileName(LOG_SEGMENT_BYTES * 0x1abcdef0), '000000001abcdef0.seg');
  assert.throws(() => segmentFileName(64), /multiples/);
});

test('lists segments by position and leaves other files alone', ({ directory }) => {
  for (const base of [11, 2, 0x10000000].map((segment) => segment * LOG_SEGMENT_BYTES)) {
    writeFileSync(join(directory, segmentFileName(base)), '');
  }
  for (const name of ['next.tmp', '12.seg', 'identity.json', '000000000000000g.seg']) {
    writeFileSync(join(directory, name), '');
  }
  const reader = new FileSegmentReader(directory);
  assert.equal(
    reader.list(),
    [2, 11, 0x10000000].map((segment) => segment * LOG_SEGMENT_BYTES),
  );
});

test('recovers a log from files, in memory the same', ({ directory }) => {
  const fixture = open(new TestMedium());
  for (let slot = 0; slot < 50; slot++) appendDurably(fixture, slot, 'v'.repeat(slot * 100));
  save(fixture.medium, directory);
  const seen: number[] = [];
  const reader = new FileSegmentReader(directory);
  const report = recoverLog(reader, IDENTITY, softwareChecksum, (record) => seen.push(record.slot));
  assert.equal(seen, [...Array(50).keys()]);
  assert.is(report.endPosition, fixture.log.durablePosition);
  assert.is(report.segments, 1);
  const targets = existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').map(targetOf) : [];
  assert.not(
    targets.some((target) => target.startsWith(directory)),
    'no file stays open',
  );
});

test('a file that was cut short below the floor is damage, named by its path', ({ directory }) => {
  const fixture = open(new TestMedium());
  for (let slot = 0; slot < 5; slot++) appendDurably(fixture, slot, 'v');
  open(fixture.medium);
  save(fixture.medium, directory);
  const path = join(directory, segmentFileName(0));
  truncateSync(path, 3 * LOG_BLOCK_BYTES);
  const report = recoverLog(new FileSegmentReader(directory), IDENTITY, softwareChecksum, () => {});
  assert.is(report.damage?.segment, path);
  assert.is(report.damage?.offset, 3 * LOG_BLOCK_BYTES);
});

test('the directory of another cluster, node or log is refused, named by its path', ({ directory }) => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'v');
  save(fixture.medium, directory);
  const recoverAs = (identity: typeof IDENTITY) =>
    recoverLog(new FileSegmentReader(directory), identity, softwareChecksum, () => {});
  const isMismatch = (error: { code: string; message: string }): boolean =>
    error.code === 'ERR_SYNOD_DIRECTORY_MISMATCH' && error.message.includes(directory);
  assert.throws(() => recoverAs({ ...IDENTITY, clusterId: 8 }), isMismatch);
  assert.throws(() => recoverAs({ ...IDENTITY, nodeId: 8 }), isMismatch);
  assert.throws(() => recoverAs({ ...IDENTITY, logNumber: 8 }), isMismatch);
  assert.is(recoverAs(IDENTITY).records, 1);
});

test('a directory that is not there is a typed error', ({ directory }) => {
  const reader = new FileSegmentReader(join(directory, 'none'));
  assert.throws(
    () => reader.list(),
    (error: { code: string; message: string }) =>
      error.code === 'ERR_SYNOD_DIRECTORY' && error.message.includes('none'),
  );
});

test.run();
