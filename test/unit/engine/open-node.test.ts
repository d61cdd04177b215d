/** What keeps a node from opening is told before any thread starts, and leaves nothing behind. Open nodes: test/integration. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import type { NodeOptions } from '../../../src/config.ts';
import { openNode } from '../../../src/engine/open-node.ts';

const test = suite('open-node');
let directory = '';

test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'synod-open-node-'));
});

test.after.each(() => {
  rmSync(directory, { recursive: true, force: true });
});

const codeOf = (options: NodeOptions): Promise<string> =>
  openNode(options).then(
    () => 'resolved',
    (error: SynodError) => error.code,
  );

test('bad options', async () => {
  assert.is(await codeOf({}), 'ERR_SYNOD_CONFIG');
  assert.is(await codeOf({ id: 4, members: '1@:7001,2@:7002,3@:7003', directory }), 'ERR_SYNOD_CONFIG');
});

test('a machine that cannot be loaded', async () => {
  const machine = join(directory, 'none.js');
  assert.is(
    await codeOf({ id: 1, members: '1@:7001', directory, machine, bootstrap: true }),
    'ERR_SYNOD_MACHINE_MODULE',
  );
});

test('an empty directory without bootstrap, which is then free for another', async () => {
  const options = { id: 1, members: '1@:7001,2@:7002,3@:7003', directory };
  assert.is(await codeOf(options), 'ERR_SYNOD_DIRECTORY_MISMATCH');
  assert.not(existsSync(join(directory, 'lock')));
  assert.is(await codeOf({ ...options, durability: 'memory' }), 'ERR_SYNOD_DIRECTORY_MISMATCH');
});

test.run();
