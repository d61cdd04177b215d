/**
 * A log belongs to the process, not to the isolate that opened it (S22): it outlives its worker, ends with the last isolate,
 * and in both cases everything that was in flight reaches the medium. Starts itself again as a worker and as a child process.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, SUBMISSIONS_IN_FLIGHT_MAX } from '../../src/limits.ts';
import { NativeDevice } from '../../src/log/native-device.ts';
import { segmentFileName } from '../../src/log/segment.ts';
import { alignedMemory } from '../../src/memory/aligned-memory.ts';
import { WORKER_DURABLE_WORD, WORKER_WORDS } from '../../src/memory/descriptor.ts';
import { loadNative } from '../../src/native-binding.ts';
import { type DoubleBinding, loadDouble } from './double.ts';

const ALL = SUBMISSIONS_IN_FLIGHT_MAX;
/** Directory of the log of a child process. */
const CHILD_DIRECTORY = process.env['SYNOD_TEST_CHILD_DIRECTORY'];

interface Memory {
  directory: string;
  chunk: SharedArrayBuffer;
  block: SharedArrayBuffer;
  isAlone?: boolean;
}

const binding = loadDouble();
if (!isMainThread && binding !== undefined) {
  if ((workerData as Memory).isAlone) submitAlone(binding, workerData as Memory);
  else submitAll(binding, workerData as Memory);
  parentPort?.postMessage('in flight');
  for (;;) binding.park(binding.attach(new Uint8Array(4)), 0, 0, 1000);
} else if (CHILD_DIRECTORY !== undefined && binding !== undefined) {
  submitAll(binding, memoryIn(CHILD_DIRECTORY));
  process.once('exit', () => binding.mediumLetGo());
} else {
  testIsolates();
}

function memoryIn(directory: string): Memory {
  return { directory, chunk: alignedMemory(LOG_SEGMENT_BYTES), block: new SharedArrayBuffer(WORKER_WORDS * 4) };
}

/** Leaves with all submissions in flight: the first one is held, and block n is full of the byte n. */
function submitAll(addon: DoubleBinding, { directory, chunk, block }: Memory): void {
  const device = openHeld(addon, { directory, chunk, block });
  for (let n = 1; n <= ALL; n++) {
    const offset = n * LOG_BLOCK_BYTES;
    new Uint8Array(chunk, offset, LOG_BLOCK_BYTES).fill(n);
    device.submit(0, offset, LOG_BLOCK_BYTES, 0, false);
  }
}

/** Stays inside its own write. */
function submitAlone(addon: DoubleBinding, memory: Memory): void {
  new Uint8Array(memory.chunk, LOG_BLOCK_BYTES, LOG_BLOCK_BYTES).fill(1);
  openHeld(addon, memory).submit(0, LOG_BLOCK_BYTES, LOG_BLOCK_BYTES, 0, true);
}

function openHeld(addon: DoubleBinding, { directory, chunk, block }: Memory): NativeDevice {
  const device = new NativeDevice(addon, directory, 'buffered', true, [chunk], block);
  device.openSegment(0, new Uint8Array(LOG_BLOCK_BYTES));
  addon.mediumHold(1);
  return device;
}

function blocksOf(directory: string): number[] {
  const file = readFileSync(join(directory, segmentFileName(0)));
  return Array.from({ length: ALL }, (_, i) => {
    const bytes = file.subarray((i + 1) * LOG_BLOCK_BYTES, (i + 2) * LOG_BLOCK_BYTES);
    return bytes.every((byte) => byte === bytes[0]) ? (bytes[0] as number) : -1;
  });
}

function testIsolates(): void {
  const test = suite<{ directory: string }>('native/isolate');
  const withAddon = binding === undefined ? test.skip : test;
  const expected = Array.from({ length: ALL }, (_, i) => i + 1);
  test.before.each((context) => {
    context.directory = mkdtempSync(join(tmpdir(), 'synod-isolate-'));
  });
  test.after.each(({ directory }) => rmSync(directory, { recursive: true }));

  withAddon('a log outlives its worker; another isolate drains and closes it', async ({ directory }) => {
    const memory = memoryIn(directory);
    const words = new Int32Array(memory.block);
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: memory });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    assert.is(Atomics.load(words, WORKER_DURABLE_WORD), 0);
    binding?.mediumLetGo();
    binding?.logCloseDirectory(directory);
    assert.is(Atomics.load(words, WORKER_DURABLE_WORD), ALL);
    assert.equal(blocksOf(directory), expected);
  });

  withAddon('closing waits for a thread that writes by itself', async ({ directory }) => {
    const memory = memoryIn(directory);
    const words = new Int32Array(memory.block);
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { ...memory, isAlone: true } });
    const returned = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    while (!existsSync(join(directory, segmentFileName(0))) || blocksOf(directory)[0] !== 1) await setImmediate();
    assert.is(Atomics.load(words, WORKER_DURABLE_WORD), 0);
    binding?.mediumLetGo();
    binding?.logCloseDirectory(directory);
    assert.is(Atomics.load(words, WORKER_DURABLE_WORD), 1);
    await returned;
    await worker.terminate();
  });

  withAddon('a process that runs out of work with writes in flight ends them first', ({ directory }) => {
    const env = { ...process.env, SYNOD_TEST_CHILD_DIRECTORY: directory };
    const options = { encoding: 'utf8', env } as const;
    const { status, signal, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], options);
    assert.is(signal, null);
    assert.is(status, 0, stderr);
    assert.equal(blocksOf(directory), expected);
  });

  withAddon('many workers load the addon at once, and go again', async () => {
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      const addon = require(workerData);
      const bytes = new Uint8Array(new SharedArrayBuffer(9)).fill(0x61);
      parentPort.postMessage(addon.crc32c(addon.attach(bytes), 0, 9, 0));`;
    const file = loadNative('required').reason;
    const threads = Array.from({ length: 6 }, () => new Worker(program, { eval: true, workerData: file }));
    const results = await Promise.all(
      threads.map((thread) => new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject))),
    );
    await Promise.all(threads.map((thread) => thread.terminate()));
    assert.equal(new Set(results).size, 1);
  });

  test.run();
}
