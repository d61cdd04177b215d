/** `synod snapshot inspect` and `verify` on files. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SnapshotEncoder } from '../../../src/log/snapshot-format.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { runCli } from '../../support/run-cli.ts';

const test = suite('cli/snapshot-inspect');
let root = '';
let path = '';

test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'synod-cli-snapshots-'));
  const directory = join(root, 'snapshots', 'group-3');
  mkdirSync(directory, { recursive: true });
  path = join(directory, '0000000000000010.snap');
  const blocks: Uint8Array[] = [];
  const name = { clusterId: 7, group: 3, watermark: 16 };
  const encoder = new SnapshotEncoder(name, crc32c, (block) => blocks.push(block.slice()));
  encoder.put(new Uint8Array(5000), 0);
  encoder.end();
  writeFileSync(path, Buffer.concat(blocks));
});
test.after.each(() => rmSync(root, { recursive: true }));

test('sound ones: exit code 0, one line each, or one of JSON', async () => {
  const { code, stdout } = await runCli(['snapshot', 'inspect', root]);
  assert.is(code, 0);
  assert.match(stdout, /^shard 3 +slot +16 +5\.0 KiB +\d s +published +\/.*0000000000000010\.snap\n$/);
  assert.match((await runCli(['snapshot', 'verify', root])).stdout, /sound, 1 chunks/);
  const { ok, snapshots } = JSON.parse((await runCli(['snapshot', 'verify', root, '--json'])).stdout);
  assert.is(ok, true);
  const { shard, watermark, state, chunks, problem } = snapshots[0];
  assert.equal([shard, watermark, state, chunks, problem], [3, 16, 'published', 1, null]);
});

test('a damaged one: exit code 5 and where; nothing is written', async () => {
  const bytes = readFileSync(path);
  bytes[2000] = 1;
  writeFileSync(path, bytes);
  const before = createHash('sha256').update(readFileSync(path)).digest('hex');
  const { code, stdout } = await runCli(['snapshot', 'verify', root]);
  assert.is(code, 5);
  assert.match(stdout, /DAMAGED: .*near byte 48/);
  assert.is(JSON.parse((await runCli(['snapshot', 'verify', root, '--json'])).stdout).ok, false);
  assert.is(createHash('sha256').update(readFileSync(path)).digest('hex'), before);
});

test('an empty directory has none; a missing one is an error; both have help', async () => {
  const empty = join(root, 'empty');
  mkdirSync(empty);
  const { code, stdout } = await runCli(['snapshot', 'inspect', empty]);
  assert.equal([code, stdout], [0, `no snapshots below ${empty}\n`]);
  assert.is((await runCli(['snapshot', 'inspect', join(root, 'none')])).code, 1);
  assert.is((await runCli(['snapshot', 'verify'])).code, 2);
  assert.match((await runCli(['snapshot', 'verify', '--help'])).stdout, /^synod snapshot verify <directory>/);
});

test.run();
