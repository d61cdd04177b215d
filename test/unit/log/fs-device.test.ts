/** The device in pure Node against what every device must do, and over a file system that fails. */
import * as nodeFs from 'node:fs';
import { constants as osConstants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../../../src/limits.ts';
import { FsDevice } from '../../../src/log/fs-device.ts';
import type { FileCalls } from '../../../src/log/segment-spares.ts';
import { hasCode, testDevice } from '../../support/device-suite.ts';

testDevice({ name: 'fs', make: ({ directory, chunks }) => new FsDevice(directory, chunks, true) });

const { EIO, ENOSPC } = osConstants.errno;
/** Half of the work is done. */
const SHORT = -1;

interface Faulty {
  device: FsDevice;
  /** The nth call of that name from now on fails with the errno, or does half of its work. */
  fail(call: keyof FileCalls, nth: number, errno: number): void;
}

function faultyIn(directory: string): Faulty {
  let awaited: { call: string; left: number; errno: number } | undefined;
  const failing = (call: keyof FileCalls) => {
    const real = realCalls[call] as (...args: unknown[]) => unknown;
    return (...args: unknown[]): unknown => {
      if (awaited?.call !== call || --awaited.left > 0) return real(...args);
      const { errno } = awaited;
      awaited = undefined;
      if (errno !== SHORT) throw Object.assign(new Error('injected'), { errno: -errno });
      return real(args[0], args[1], args[2], (args[3] as number) / 2, args[4]);
    };
  };
  const names: (keyof FileCalls)[] = ['openSync', 'writeSync', 'readSync', 'fsyncSync', 'fdatasyncSync', 'renameSync'];
  const calls = { ...nodeFs, ...Object.fromEntries(names.map((name) => [name, failing(name)])) } as FileCalls;
  return {
    device: new FsDevice(directory, [chunk], true, calls),
    fail: (call, nth, errno) => {
      awaited = { call, left: nth, errno };
    },
  };
}

const realCalls: FileCalls = { ...nodeFs };
const chunk = new SharedArrayBuffer(LOG_SEGMENT_BYTES);
const header = new Uint8Array(LOG_BLOCK_BYTES).fill(1);
const test = suite<Faulty & { directory: string }>('log/fs-device faults');
test.before.each((context) => {
  context.directory = nodeFs.mkdtempSync(join(tmpdir(), 'synod-fs-device-'));
  Object.assign(context, faultyIn(context.directory));
});
test.after.each(({ directory, device }) => {
  device.close();
  nodeFs.rmSync(directory, { recursive: true });
});

const submit = (device: FsDevice, block: number): boolean =>
  device.submit(0, block * LOG_BLOCK_BYTES, LOG_BLOCK_BYTES, 0, false);

test('half a write is written on', ({ device, fail }) => {
  device.openSegment(0, header);
  new Uint8Array(chunk, LOG_BLOCK_BYTES, LOG_BLOCK_BYTES).fill(7);
  fail('writeSync', 1, SHORT);
  assert.ok(submit(device, 1));
  assert.is(device.durableCount(), 1);
  const target = new Uint8Array(LOG_BLOCK_BYTES);
  fail('readSync', 1, SHORT);
  device.read(LOG_BLOCK_BYTES, target, 0, LOG_BLOCK_BYTES);
  assert.ok(target.every((byte) => byte === 7));
});

test('a failed write latches', ({ device, fail }) => {
  device.openSegment(0, header);
  fail('writeSync', 1, EIO);
  assert.ok(submit(device, 1));
  assert.is(device.error(), EIO);
  assert.is(device.durableCount(), 0);
  assert.not(submit(device, 2));
});

test('no space for a segment passes; the segment is made from its first byte', ({ device, fail }) => {
  for (const call of ['openSync', 'writeSync', 'fdatasyncSync', 'renameSync'] as const) {
    fail(call, 1, ENOSPC);
    assert.throws(() => device.openAhead(0, header), hasCode('ERR_SYNOD_DISK_FULL'));
    assert.is(device.error(), 0, call);
  }
  fail('writeSync', LOG_SEGMENT_BYTES / (1 << 20) + 1, ENOSPC); // its header
  assert.throws(() => device.openAhead(0, header), hasCode('ERR_SYNOD_DISK_FULL'));
  assert.ok(device.openAhead(0, header));
  assert.ok(submit(device, 1));
  assert.is(device.durableCount(), 1);
});

test('a segment whose name is not durable latches', ({ device, fail }) => {
  fail('fsyncSync', 1, EIO);
  assert.throws(() => device.openSegment(0, header), hasCode('ERR_SYNOD_LOG_FAILED'));
  assert.is(device.error(), EIO);
});

test('what cannot be read back is an error with a code', ({ device, fail }) => {
  device.openSegment(0, header);
  fail('readSync', 1, EIO);
  assert.throws(() => device.read(0, new Uint8Array(8), 0, 8), hasCode('ERR_SYNOD_LOG_FAILED'));
  assert.is(device.error(), 0);
});

test.run();
