/** Retired segments in pure Node: they leave the log in order and durably, come back under a new name, and are few. */
import * as nodeFs from 'node:fs';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_SEGMENT_BYTES, LOG_SPARE_SEGMENTS_MAX } from '../../../src/limits.ts';
import { segmentFileName } from '../../../src/log/segment.ts';
import { type FileCalls, SegmentSpares, syncDirectory } from '../../../src/log/segment-spares.ts';

const test = suite<{ directory: string }>('log/segment-spares');
test.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'synod-spares-'));
});
test.after.each(({ directory }) => rmSync(directory, { recursive: true }));

const pathOf = (directory: string, segment: number) => join(directory, segmentFileName(segment * LOG_SEGMENT_BYTES));

function make(directory: string, count: number): void {
  for (let segment = 0; segment < count; segment++) {
    writeFileSync(pathOf(directory, segment), '');
    truncateSync(pathOf(directory, segment), LOG_SEGMENT_BYTES);
  }
}

test('there is none at first', ({ directory }) => {
  assert.not(new SegmentSpares(directory, nodeFs).take(0));
  assert.equal(readdirSync(directory), []);
});

test('a retired segment is taken under a new name', ({ directory }) => {
  make(directory, 1);
  const { ino } = statSync(pathOf(directory, 0));
  const spares = new SegmentSpares(directory, nodeFs);
  spares.retire(0);
  assert.not(existsSync(pathOf(directory, 0)));
  assert.ok(spares.take(7 * LOG_SEGMENT_BYTES));
  assert.is(statSync(pathOf(directory, 7)).ino, ino);
  assert.not(spares.take(8 * LOG_SEGMENT_BYTES));
});

test('more than a few are removed', ({ directory }) => {
  make(directory, LOG_SPARE_SEGMENTS_MAX + 2);
  const spares = new SegmentSpares(directory, nodeFs);
  for (let segment = 0; segment < LOG_SPARE_SEGMENTS_MAX + 2; segment++) spares.retire(segment * LOG_SEGMENT_BYTES);
  assert.is(readdirSync(directory).length, LOG_SPARE_SEGMENTS_MAX);
});

test('a segment that cannot leave keeps the later ones, and leaves with the next', ({ directory }) => {
  make(directory, 3);
  let isBroken = true;
  const fs: FileCalls = {
    ...nodeFs,
    renameSync: (from, to) => {
      if (isBroken && String(from).endsWith(segmentFileName(0))) throw new Error('no');
      nodeFs.renameSync(from, to);
    },
  };
  const spares = new SegmentSpares(directory, fs);
  spares.retire(0);
  spares.retire(LOG_SEGMENT_BYTES);
  assert.ok(existsSync(pathOf(directory, 1)), 'a gap would be damage');
  isBroken = false;
  spares.retire(2 * LOG_SEGMENT_BYTES);
  for (const segment of [0, 1, 2]) assert.not(existsSync(pathOf(directory, segment)));
});

test('a segment whose going is not durable is not written into', ({ directory }) => {
  make(directory, 1);
  const fs: FileCalls = {
    ...nodeFs,
    fsyncSync: () => {
      throw new Error('no');
    },
  };
  const spares = new SegmentSpares(directory, fs);
  spares.retire(0);
  assert.not(spares.take(LOG_SEGMENT_BYTES));
});

test('what an earlier opening left is used, unless it is not whole', ({ directory }) => {
  make(directory, 1);
  new SegmentSpares(directory, nodeFs).retire(0);
  writeFileSync(join(directory, 'spare-half.tmp'), 'x');
  const spares = new SegmentSpares(directory, nodeFs);
  assert.not(existsSync(join(directory, 'spare-half.tmp')));
  assert.ok(spares.take(LOG_SEGMENT_BYTES));
  assert.not(spares.take(2 * LOG_SEGMENT_BYTES));
});

test('a directory that cannot be synced says so', ({ directory }) => {
  assert.throws(() => syncDirectory(join(directory, 'missing'), nodeFs), /ENOENT/);
});

test.run();
