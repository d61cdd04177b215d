/** Snapshots as files: half-made ones never count. */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FileSnapshots, type PublishTask } from '../../../src/log/snapshot-files.ts';
import { readSnapshot, SnapshotEncoder } from '../../../src/log/snapshot-format.ts';
import { SNAPSHOT_FAILED, SNAPSHOT_PUBLISHED, SNAPSHOT_PUBLISHING } from '../../../src/log/snapshot-medium.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { publish as publishTask } from '../../../workers/publish-snapshot.ts';

const test = suite('log/snapshot-files');
let root = '';
let tasks: PublishTask[] = [];
let ids = 0;
const MIB = 1 << 20;

test.before.each(() => {
  root = join(mkdtempSync(join(tmpdir(), 'synod-snapshot-files-')), 'group-2');
  tasks = [];
});

test.after.each(() => {
  rmSync(join(root, '..'), { recursive: true });
});

const publish = (task: PublishTask): void => publishTask({ ...task, native: 'off' });

const open = (): FileSnapshots => {
  const nextId = (): number => {
    ids += 1;
    return ids;
  };
  return new FileSnapshots(root, 7, 2, nextId, (task) => void tasks.push(task));
};

function write(medium: FileSnapshots, watermark: number, text: string) {
  const target = medium.create(watermark);
  const name = { clusterId: 7, group: 2, watermark };
  const encoder = new SnapshotEncoder(name, crc32c, (block) => target.append(block));
  encoder.put(Buffer.from(text), 0);
  encoder.end();
  target.publish();
  return target;
}

const textOf = (medium: FileSnapshots, watermark: number): string => {
  const source = medium.open(watermark);
  const [chunk] = readSnapshot(source, { clusterId: 7, group: 2, watermark }, crc32c);
  source.close();
  return Buffer.from(chunk as Uint8Array).toString();
};

test('a snapshot is listed once it was flushed, verified and named, not before', () => {
  const medium = open();
  assert.equal(medium.list(), []);
  const target = write(medium, 2 ** 33, 'image');
  assert.is(target.state(), SNAPSHOT_PUBLISHING);
  assert.equal(medium.list(), []);
  const [task] = tasks as [PublishTask];
  publish(task);
  assert.ok(medium.settle(task.id, ''));
  assert.is(target.state(), SNAPSHOT_PUBLISHED);
  assert.equal(medium.list(), [2 ** 33]);
  assert.is(textOf(medium, 2 ** 33), 'image');
  assert.equal(readdirSync(root), ['0000000200000000.snap']);
});

test('what a former life left half-made is removed, and its answers name nothing here', () => {
  write(open(), 5, 'half');
  assert.is(readdirSync(root).length, 1);
  const medium = open();
  assert.equal(readdirSync(root), []);
  assert.not(medium.settle((tasks[0] as PublishTask).id, ''));
});

test('one that is not what was written is not published', () => {
  const medium = open();
  const target = write(medium, 5, 'image');
  const [task] = tasks as [PublishTask];
  writeFileSync(task.file, 'something else');
  assert.throws(() => publish(task), /damaged/);
  medium.settle(task.id, 'damaged');
  assert.is(target.state(), SNAPSHOT_FAILED);
  target.abandon();
  assert.not(existsSync(task.file));
});

test('what is appended is flushed in parts, two at a time, and waits while they fall behind', () => {
  const medium = open();
  const target = medium.create(5);
  const block = new Uint8Array(MIB);
  while (target.mayAppend) target.append(block);
  assert.is(target.size, 32 * MIB);
  assert.equal(
    tasks.map(({ step, from, end, isUrgent }) => [step, from / MIB, end / MIB, isUrgent]),
    [
      ['flush', 0, 8, false],
      ['flush', 8, 16, false],
    ],
  );
  const [task] = tasks as [PublishTask];
  publish(task);
  medium.settle(task.id, '');
  assert.ok(target.mayAppend);
  target.append(block);
  assert.equal([tasks[2]?.from, tasks[2]?.end], [16 * MIB, 33 * MIB], 'all that came meanwhile');
  medium.settle((tasks[1] as PublishTask).id, 'EIO');
  assert.equal([target.state(), target.failure], [SNAPSHOT_FAILED, 'EIO']);
  target.abandon();
});

test('where appending cannot wait the logs do not come first any more; what is left is flushed when it is published', () => {
  const medium = open();
  const target = medium.create(5);
  const block = new Uint8Array(MIB);
  while (target.size < 80 * MIB) target.append(block);
  medium.settle((tasks[0] as PublishTask).id, '');
  target.append(block);
  assert.equal([tasks[2]?.end, tasks[2]?.isUrgent], [81 * MIB, true]);
  target.append(block);
  target.publish();
  assert.is(tasks.length, 3, 'what is under way is awaited');
  for (const { id } of tasks.slice(1)) medium.settle(id, '');
  assert.equal([tasks.at(-1)?.step, tasks.at(-1)?.from, tasks.at(-1)?.end], ['publish', 81 * MIB, 82 * MIB]);
  target.abandon();
});

test('a published one is read to its end by somebody else, and found sound or not', () => {
  const medium = open();
  write(medium, 5, 'image');
  publish(tasks[0] as PublishTask);
  const answer = medium.verify(5);
  assert.is(answer(), SNAPSHOT_PUBLISHING);
  publish(tasks[1] as PublishTask);
  medium.settle((tasks[1] as PublishTask).id, '');
  assert.is(answer(), SNAPSHOT_PUBLISHED);
  writeFileSync(join(root, '0000000000000005.snap'), 'rot');
  const late = medium.verify(5);
  assert.throws(() => publish(tasks[2] as PublishTask), /damaged/);
  medium.settle((tasks[2] as PublishTask).id, 'damaged');
  assert.is(late(), SNAPSHOT_FAILED);
});

test('one damaged file is kept for a look, and all files count', () => {
  const medium = open();
  for (const watermark of [5, 6]) {
    write(medium, watermark, 'x');
    publish(tasks.at(-1) as PublishTask);
    medium.setAside(watermark);
  }
  assert.equal(readdirSync(root), ['0000000000000006.snap.damaged']);
  const { size } = statSync(join(root, '0000000000000006.snap.damaged'));
  assert.is(medium.bytes(), size);
  write(medium, 7, 'x');
  publish(tasks.at(-1) as PublishTask);
  assert.is(medium.bytes(), 2 * size);
  assert.is(medium.publishedAt(7), statSync(join(root, '0000000000000007.snap')).mtimeMs);
  assert.is(medium.publishedAt(8), 0);
});

test('snapshots are listed in order and can be removed; other files are left alone', () => {
  const medium = open();
  for (const watermark of [300, 20, 1000]) {
    write(medium, watermark, 'x');
    publish(tasks.at(-1) as PublishTask);
  }
  writeFileSync(join(root, 'notes.txt'), '');
  assert.equal(medium.list(), [20, 300, 1000]);
  medium.remove(300);
  assert.equal(medium.list(), [20, 1000]);
  medium.setAside(20);
  assert.equal(medium.list(), [1000]);
  assert.ok(readdirSync(root).includes('0000000000000014.snap.damaged'));
});

test('what was not flushed is not published, whether that is known before or after it is asked for', () => {
  const medium = open();
  const target = medium.create(5);
  target.append(new Uint8Array(9 << 20));
  target.publish();
  assert.equal(
    tasks.map(({ step }) => step),
    ['flush'],
    'the kernel tells of a failed write once: the last flush must not come before this answer',
  );
  medium.settle((tasks[0] as PublishTask).id, 'EIO');
  assert.equal([target.state(), target.failure, tasks.length], [SNAPSHOT_FAILED, 'EIO', 1]);
  const other = medium.create(6);
  other.append(new Uint8Array(9 << 20));
  medium.settle((tasks[1] as PublishTask).id, 'EIO');
  other.publish();
  assert.equal([other.state(), tasks.length], [SNAPSHOT_FAILED, 2]);
});

test.run();
