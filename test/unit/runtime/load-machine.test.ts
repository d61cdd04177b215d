/** Loading machines: ready-made ones by name, modules by path and URL, and what is said of those that are none. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { loadMachine } from '../../../src/runtime/load-machine.ts';
import { READY_MADE_MACHINES } from '../../../src/runtime/state-machine.ts';

const OPTIONS = { groupId: 3, replicaIndex: 1 };
const WHOLE = `
export const createMachine = (options) => ({
  options, apply() {}, query() {}, snapshot: () => [], restore() {},
});`;

const test = suite('runtime/load-machine');
let directory = '';

test.before(() => {
  directory = mkdtempSync(join(tmpdir(), 'synod-machine-'));
});
test.after(() => rmSync(directory, { recursive: true }));

function moduleOf(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

/** What loading `name` and making a machine is refused with. */
async function refusal(name: string): Promise<SynodError> {
  try {
    (await loadMachine(name))(OPTIONS);
  } catch (error) {
    if (error instanceof SynodError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

test('every ready-made machine loads by name and is whole', async () => {
  for (const name of Object.keys(READY_MADE_MACHINES)) {
    const machine = (await loadMachine(name))(OPTIONS);
    assert.type(machine.apply, 'function');
  }
});

test('a module loads by absolute path, relative path, file URL and data URL, and gets its options', async () => {
  const path = moduleOf('whole.mjs', WHOLE);
  const data = `data:text/javascript,${encodeURIComponent(WHOLE)}`;
  for (const name of [path, relative(process.cwd(), path), pathToFileURL(path).href, data]) {
    const machine = (await loadMachine(name))(OPTIONS) as unknown as { options: unknown };
    assert.equal(machine.options, OPTIONS);
  }
});

test('a module that is not there, or throws, is refused with its cause', async () => {
  const missing = await refusal(join(directory, 'missing.mjs'));
  assert.is(missing.code, 'ERR_SYNOD_MACHINE_MODULE');
  assert.match(missing.message, /missing\.mjs cannot be loaded/);
  const throwing = await refusal(moduleOf('throwing.mjs', 'throw new Error("no licence")'));
  assert.match(throwing.message, /no licence/);
  assert.is((throwing.cause as Error).message, 'no licence');
});

test('names that every object has are no ready-made machines', async () => {
  const error = await refusal('constructor');
  assert.is(error.code, 'ERR_SYNOD_MACHINE_MODULE');
  assert.ok(error.message.includes(join(process.cwd(), 'constructor')), 'it is a path');
});

test('a module without createMachine is refused', async () => {
  for (const text of ['export const machine = {};', 'export const createMachine = {};']) {
    const error = await refusal(`data:text/javascript,${encodeURIComponent(text)}`);
    assert.is(error.code, 'ERR_SYNOD_MACHINE_MODULE');
    assert.match(error.message, /does not export a function createMachine/);
  }
});

test('a machine that lacks methods is refused, and the methods are named', async () => {
  const path = moduleOf('half.mjs', 'export const createMachine = () => ({ apply() {}, snapshot: 1, restore() {} });');
  const error = await refusal(path);
  assert.is(error.code, 'ERR_SYNOD_MACHINE_MODULE');
  assert.match(error.message, /lacks query, snapshot\.$/);
  const none = await refusal(moduleOf('none.mjs', 'export const createMachine = () => undefined;'));
  assert.match(none.message, /lacks apply, query, snapshot, restore\.$/);
});

test.run();
