import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEMO_DIRECTORY, DemoDirectory } from '../../../src/cli/demo-directory.ts';

const test = suite<{ parent: string; own: string }>('demo directory');

test.before.each((context) => {
  context.parent = mkdtempSync(join(tmpdir(), 'synod-demo-'));
  context.own = join(context.parent, DEMO_DIRECTORY);
});
test.after.each(({ parent }) => rmSync(parent, { recursive: true, force: true }));

async function refusal(parent: string): Promise<string> {
  try {
    await DemoDirectory.prepare(undefined, parent);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the folder was taken');
}

test('the own folder is made, and removed at the end', async ({ parent, own }) => {
  const directory = await DemoDirectory.prepare(undefined, parent);
  assert.ok(directory.path.startsWith(own));
  assert.ok(existsSync(own));
  assert.is(directory.isKept, false);
  await directory.remove();
  assert.is(existsSync(own), false);
});

test('a leftover of an ended demo is removed at start', async ({ parent, own }) => {
  const ended = spawnSync(process.execPath, ['-e', '']).pid;
  mkdirSync(own);
  writeFileSync(join(own, 'demo.json'), JSON.stringify({ pid: ended }));
  writeFileSync(join(own, 'segment'), 'old');
  await DemoDirectory.prepare(undefined, parent);
  assert.is(existsSync(join(own, 'segment')), false);
});

test('the folder of a running demo is left alone', async ({ parent, own }) => {
  mkdirSync(own);
  writeFileSync(join(own, 'demo.json'), JSON.stringify({ pid: process.ppid }));
  assert.match(await refusal(parent), /in use by process \d+/);
  assert.ok(existsSync(own));
});

test('a folder that the demo did not make is left alone', async ({ parent, own }) => {
  mkdirSync(own);
  assert.match(await refusal(parent), /not made by the demo/);
  writeFileSync(join(own, 'demo.json'), '{"pid":"x"}');
  assert.match(await refusal(parent), /not made by the demo/);
  assert.ok(existsSync(own));
});

test('a folder that the user named is used as it is and stays', async ({ parent }) => {
  const directory = await DemoDirectory.prepare(parent);
  assert.is(directory.path, parent);
  assert.is(directory.isKept, true);
  await directory.remove();
  assert.ok(existsSync(parent));
});

test.run();
