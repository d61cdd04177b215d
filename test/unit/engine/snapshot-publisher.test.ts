/** Publishing on a thread of its own. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SnapshotPublisher } from '../../../src/engine/snapshot-publisher.ts';
import { SnapshotEncoder } from '../../../src/log/snapshot-format.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';

const test = suite('snapshot-publisher');

test('a good snapshot gets its name, a bad one a reason', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'synod-publisher-'));
  const publisher = new SnapshotPublisher('auto');
  const task = {
    id: 1,
    directory,
    step: 'publish' as const,
    file: join(directory, 'a.tmp'),
    final: join(directory, 'a.snap'),
    clusterId: 7,
    group: 2,
    watermark: 5,
    from: 0,
    end: 0,
    isUrgent: false,
  };
  const blocks: Uint8Array[] = [];
  new SnapshotEncoder(task, crc32c, (block) => blocks.push(block.slice())).end();
  writeFileSync(task.file, Buffer.concat(blocks));
  assert.is(await publisher.publish(task), '');
  assert.ok(existsSync(task.final));
  writeFileSync(task.file, 'garbage');
  assert.match(await publisher.publish(task), /damaged/);
  assert.match(await publisher.publish({ ...task, file: join(directory, 'none.tmp') }), /ENOENT/);
  await publisher.close();
  rmSync(directory, { recursive: true });
});

test.run();
