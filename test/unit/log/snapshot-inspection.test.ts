/** Looking at snapshot directories from outside. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SnapshotEncoder } from '../../../src/log/snapshot-format.ts';
import { inspectSnapshots, verifySnapshots } from '../../../src/log/snapshot-inspection.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';

const test = suite('log/snapshot-inspection');
let root = '';

test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'synod-inspect-'));
});
test.after.each(() => rmSync(root, { recursive: true }));

/** Writes a snapshot with two chunks; its path. */
function write(replica: number, group: number, watermark: number): string {
  const blocks: Uint8Array[] = [];
  const encoder = new SnapshotEncoder({ clusterId: 7, group, watermark }, crc32c, (b) => blocks.push(b.slice()));
  for (const size of [100, 300]) encoder.put(new Uint8Array(size).fill(1), 0);
  encoder.end();
  const directory = join(root, `replica-${replica}`, 'snapshots', `group-${group}`);
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${watermark.toString(16).padStart(16, '0')}.snap`);
  writeFileSync(path, Buffer.concat(blocks));
  return path;
}

function damage(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(path, bytes);
}

const verify = (): [number, number, number, string | null][] =>
  verifySnapshots(root, Date.now(), crc32c).map(({ shard, watermark, chunks, problem }) => [
    shard,
    watermark,
    chunks,
    problem,
  ]);

test('every snapshot of a cluster, a replica or a group is found, and what is not published is told apart', () => {
  const path = write(0, 2, 300);
  write(1, 0, 20);
  cpSync(path, `${path}.damaged`);
  cpSync(path, `${path}.17.tmp`);
  writeFileSync(join(root, 'cluster.json'), '{}');
  const all = inspectSnapshots(root, Date.now() + 5000);
  assert.equal(
    all.map(({ shard, watermark, state, chunks, problem }) => [shard, watermark, state, chunks, problem]),
    [
      [2, 300, 'published', -1, null],
      [2, 300, 'unfinished', -1, null],
      [2, 300, 'setAside', -1, null],
      [0, 20, 'published', -1, null],
    ],
  );
  assert.ok((all[0]?.ageMs ?? 0) >= 4000);
  assert.is(all[0]?.bytes, readFileSync(path).length);
  assert.is(inspectSnapshots(join(path, '..'), 0).length, 3);
});

test('a sound one has all its chunks; any other says what is wrong', () => {
  write(0, 0, 1);
  damage(write(0, 0, 2), 150);
  damage(write(0, 0, 3), 20);
  renameSync(write(0, 0, 4), join(root, 'replica-0/snapshots/group-0/0000000000000005.snap'));
  mkdirSync(join(root, 'replica-0/snapshots/group-9'));
  cpSync(write(0, 0, 6), join(root, 'replica-0/snapshots/group-9/0000000000000006.snap'));
  const [one, two, three, five, six, moved] = verify();
  assert.equal(one, [0, 1, 2, null]);
  assert.match(two?.[3] ?? '', /does not match its checksum/);
  assert.is(three?.[3], 'its first block is damaged');
  assert.is(five?.[3], 'it says slot 4: it was renamed');
  assert.equal(six, [0, 6, 2, null]);
  assert.is(moved?.[3], 'it says shard 0: it was moved');
});

test('a directory that cannot be read is an error that names it', () => {
  assert.throws(() => inspectSnapshots(join(root, 'none'), 0), /none cannot be read/);
});

test.run();
