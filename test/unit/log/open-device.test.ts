/** Which device a path gets, and what is said of its durability. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_SEGMENT_BYTES } from '../../../src/limits.ts';
import { type DeviceOptions, type OpenedDevice, openDevice } from '../../../src/log/open-device.ts';
import { alignedMemory } from '../../../src/memory/aligned-memory.ts';
import { WORKER_WORDS } from '../../../src/memory/descriptor.ts';
import { loadNative, type NativeBinding } from '../../../src/native-binding.ts';
import { hasCode } from '../../support/device-suite.ts';

const VOLATILE = '/dev/shm';
const { binding } = loadNative('auto');
const chunks = [alignedMemory(LOG_SEGMENT_BYTES)];
const block = new SharedArrayBuffer(WORKER_WORDS * 4);

const test = suite<{ directory: string }>('log/open-device');
const withAddon = binding === undefined ? test.skip : test;
const withVolatile = binding?.probePath(VOLATILE).volatile ? test : test.skip;

test.before.each((context) => {
  context.directory = join(mkdtempSync(join(tmpdir(), 'synod-open-')), 'log');
});
test.after.each(({ directory }) => rmSync(join(directory, '..'), { recursive: true }));

/** What was opened, closed again. */
function opened(directory: string, durability: DeviceOptions['durability'], addon = binding): OpenedDevice {
  const result = openDevice({ durability, directory, chunks, block, binding: addon });
  result.device.close();
  return result;
}

/** The addon on a path that takes no direct writes. */
function withoutDirect(addon: NativeBinding): NativeBinding {
  return { ...addon, probePath: (path) => ({ ...addon.probePath(path), direct: false }) };
}

test('memory makes no directory and is not durable', ({ directory }) => {
  const { device, durable, reason } = opened(directory, 'memory');
  assert.is(device.name, 'memory');
  assert.not(durable);
  assert.match(reason, /nothing is kept/);
  assert.not(existsSync(directory));
});

test('fs needs no addon, and auto without one is fs', ({ directory }) => {
  for (const durability of ['fs', 'auto'] as const) {
    const { device, durable } = openDevice({ durability, directory, chunks, block, binding: undefined });
    device.close();
    assert.is(device.name, 'fs');
    assert.is(durable, device.durable);
    assert.ok(existsSync(directory));
  }
  assert.is(opened(directory, 'fs').reason.split(';')[0], 'asked for');
});

test('what only the addon can do is refused without it, with advice', ({ directory }) => {
  for (const durability of ['dax', 'direct', 'buffered'] as const) {
    const open = () => openDevice({ durability, directory, chunks, block, binding: undefined });
    assert.throws(open, hasCode('ERR_SYNOD_DURABILITY'));
    assert.throws(open, /npm run build/);
  }
});

withAddon('auto is direct where the path allows it, buffered elsewhere', ({ directory }) => {
  const { direct } = binding!.probePath(tmpdir());
  assert.is(opened(directory, 'auto').device.name, direct ? 'direct' : 'buffered');
  const elsewhere = opened(directory, 'auto', withoutDirect(binding!));
  assert.is(elsewhere.device.name, 'buffered');
  assert.match(elsewhere.reason, /buffered/);
});

withAddon('direct where the path does not allow it is refused, not replaced', ({ directory }) => {
  assert.throws(() => opened(directory, 'direct', withoutDirect(binding!)), hasCode('ERR_SYNOD_DURABILITY'));
});

withAddon('buffered is what was asked for, although direct would work', ({ directory }) => {
  const { device, reason } = opened(directory, 'buffered');
  assert.is(device.name, 'buffered');
  assert.match(reason, /^asked for \(write \+ fdatasync/);
});

withAddon('persistent memory is the first choice, and refused where stores are not durable', ({ directory }) => {
  const { dax } = binding!.probePath(tmpdir());
  if (!dax) assert.throws(() => opened(directory, 'dax'), hasCode('ERR_SYNOD_DURABILITY'));
  if (!dax) assert.throws(() => opened(directory, 'dax'), /MAP_SYNC/);
  const isTried: string[] = [];
  const persistent: NativeBinding = {
    ...binding!,
    probePath: (path) => ({ ...binding!.probePath(path), dax: true }),
    logOpen: (path, mode, mayUseRing) => {
      isTried.push(mode);
      return binding!.logOpen(path, 'buffered', mayUseRing);
    },
  };
  assert.is(opened(directory, 'auto', persistent).device.name, 'dax');
  assert.equal(isTried, ['dax']);
});

withVolatile('nothing on a volatile file system is called durable', () => {
  const directory = mkdtempSync(join(VOLATILE, 'synod-open-'));
  try {
    for (const durability of ['auto', 'dax', 'buffered', 'fs'] as const) {
      const { device, durable, reason } = opened(directory, durability);
      assert.not(durable, durability);
      assert.not(device.durable, durability);
      assert.match(reason, /volatile/);
    }
    assert.throws(() => opened(directory, 'direct'), hasCode('ERR_SYNOD_DURABILITY'));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.run();
