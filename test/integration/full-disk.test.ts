/** A real file system without space, in a mount namespace of its own: commands are refused, reads go on, and room is used without anybody's help. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FullDiskReport } from './full-disk-child.ts';

const CHILD = fileURLToPath(new URL('./full-disk-child.js', import.meta.url));
const NAMESPACE = ['--user', '--map-root-user', '--mount'];
const SPACE = '360m';
const RUN_MS_MAX = 150_000;

const test = suite('integration/full-disk');

/** Not where namespaces are forbidden. */
const canMount = spawnSync('unshare', [...NAMESPACE, 'true']).status === 0;

for (const durability of canMount ? ['buffered', 'fs'] : []) {
  test(`${durability}: commands are refused while the disk is full, reads are answered, and room is used by itself`, () => {
    const root = mkdtempSync(join(tmpdir(), 'synod-full-disk-'));
    const script = `mount -t tmpfs -o size=${SPACE} tmpfs "$1" && exec "$2" "$3" "$1" "$4"`;
    const args = [...NAMESPACE, 'sh', '-c', script, 'sh', root, process.execPath, CHILD, durability];
    const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: RUN_MS_MAX });
    rmSync(root, { recursive: true, force: true });
    assert.is(status, 0, stderr);
    const report = JSON.parse(stdout) as FullDiskReport;
    assert.ok(report.refused > 0);
    assert.equal([report.otherErrors, report.downs], [[], 0], 'no worker ends');
    assert.is(report.readWhileFull, 'ok');
    assert.match(report.warnings.join('\n'), 'finds no space');
    assert.match(report.warnings.join('\n'), 'is sound again');
    assert.is(report.found, report.acknowledged);
  });
}

test.run();
