/**
 * What every log device with a medium must do, as one list of claims; each device's own test brings the device.
 *
 *   DeviceBench: directory, two chunks (segment n is written from chunk n % 2), worker block ──▶ device under test
 *
 * Block n of a segment is filled with the byte n + 16 * segment, so that no two that are compared hold the same.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../src/base/errors.ts';
import {
  LOG_BLOCK_BYTES,
  LOG_SEGMENT_BYTES,
  LOG_SPARE_SEGMENTS_MAX,
  SUBMISSIONS_IN_FLIGHT_MAX,
} from '../../src/limits.ts';
import type { LogDevice } from '../../src/log/log.ts';
import { segmentFileName } from '../../src/log/segment.ts';
import { alignedMemory } from '../../src/memory/aligned-memory.ts';
import { WORKER_WORDS } from '../../src/memory/descriptor.ts';

const CHUNKS = 2;
const HEADER_BYTE = 0xee;
/** One step of waiting, and how many a device may take: a minute. */
const STEP_MS = 1;
const STEPS_MAX = 60_000;
/** A device keeps at most this many files open, the one that is being prepared included … */
const OPEN_FILES_MAX = 9;
/** … and here are more segments. */
const MANY_SEGMENTS = 12;
/** Made ahead, and so in line before a retired one. */
const FEW_SEGMENTS = 4;
const OWN_FILES = '/proc/self/fd';

export interface DeviceMedium {
  directory: string;
  chunks: readonly SharedArrayBuffer[];
  block: SharedArrayBuffer;
}

export type MakeDevice = (medium: DeviceMedium) => LogDevice;

const byteOf = (segment: number, n: number): number => (n + 16 * segment) & 0xff;

export class DeviceBench implements DeviceMedium {
  readonly directory: string;
  readonly chunks = Array.from({ length: CHUNKS }, () => alignedMemory(LOG_SEGMENT_BYTES));
  readonly block = new SharedArrayBuffer(WORKER_WORDS * 4);
  device: LogDevice;
  readonly #make: MakeDevice;
  readonly #nobodyStoresHere = new Int32Array(new SharedArrayBuffer(4));

  constructor(make: MakeDevice, parent: string) {
    this.directory = mkdtempSync(join(parent, 'synod-device-'));
    this.#make = make;
    this.device = make(this);
  }

  /** Another device over the same directory, after the first was closed. */
  reopen(): void {
    this.device = this.#make(this);
  }

  open(segment: number, byte = HEADER_BYTE): void {
    this.device.openSegment(segment * LOG_SEGMENT_BYTES, new Uint8Array(LOG_BLOCK_BYTES).fill(byte));
  }

  /** Asks for the segment until it is open. */
  openAhead(segment: number): void {
    const header = new Uint8Array(LOG_BLOCK_BYTES).fill(HEADER_BYTE);
    this.waitUntil(() => this.device.openAhead(segment * LOG_SEGMENT_BYTES, header));
  }

  submit(segment: number, n: number, blocks = 1, alone = false): boolean {
    const chunk = segment % CHUNKS;
    const offset = n * LOG_BLOCK_BYTES;
    for (let at = n; at < n + blocks; at++) {
      const bytes = new Uint8Array(this.chunks[chunk] as SharedArrayBuffer, at * LOG_BLOCK_BYTES, LOG_BLOCK_BYTES);
      bytes.fill(byteOf(segment, at));
    }
    return this.device.submit(chunk, offset, blocks * LOG_BLOCK_BYTES, segment, alone);
  }

  waitUntil(condition: () => boolean): void {
    for (let steps = 0; !condition(); steps++) {
      if (steps === STEPS_MAX) throw new Error('the device stands still');
      Atomics.wait(this.#nobodyStoresHere, 0, 0, STEP_MS);
    }
  }

  waitDurable(count: number): void {
    this.waitUntil(() => this.device.durableCount() === count);
  }

  pathOf(segment: number): string {
    return join(this.directory, segmentFileName(segment * LOG_SEGMENT_BYTES));
  }

  file(segment: number): Buffer {
    return readFileSync(this.pathOf(segment));
  }

  /** Asserts that the block holds its byte, by the device's eyes. */
  reads(segment: number, n: number): void {
    const target = new Uint8Array(LOG_BLOCK_BYTES);
    this.device.read(segment * LOG_SEGMENT_BYTES + n * LOG_BLOCK_BYTES, target, 0, LOG_BLOCK_BYTES);
    assert.ok(holdsOnly(target, byteOf(segment, n)), `segment ${segment}, block ${n}`);
  }

  /** Files of the directory that this process holds open; 0 where the system does not tell. */
  get openFiles(): number {
    if (!existsSync(OWN_FILES)) return 0;
    const targets = readdirSync(OWN_FILES).map((fd) => targetOf(join(OWN_FILES, fd)));
    return targets.filter((target) => target.startsWith(join(this.directory, '/'))).length;
  }

  end(): void {
    this.device.close();
    rmSync(this.directory, { recursive: true });
  }
}

/** '' for a descriptor that was closed since it was listed. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

function holdsOnly(bytes: Uint8Array, byte: number): boolean {
  return bytes.every((each) => each === byte);
}

export const hasCode = (code: string) => (error: unknown) => error instanceof SynodError && error.code === code;

export interface DeviceUnderTest {
  /** What the device calls itself. */
  name: string;
  /** What tells it from another one of that name. */
  variant?: string;
  /** Where its directories are made. */
  parent?: string;
  make: MakeDevice;
}

/** Runs the claims over a device. */
export function testDevice({ name, variant = '', parent = tmpdir(), make }: DeviceUnderTest): void {
  for (const part of [testWriting, testSegments, testRecycling, testEnd]) {
    const claims = part.name.slice('test'.length).toLowerCase();
    const test = suite<{ bench: DeviceBench }>(`log device ${name}${variant}: ${claims}`);
    test.before.each((context) => {
      context.bench = new DeviceBench(make, parent);
    });
    test.after.each(({ bench }) => bench.end());
    part(test, name);
    test.run();
  }
}

type DeviceTest = Test<{ bench: DeviceBench }>;

function testWriting(test: DeviceTest, name: string): void {
  test('begins with nothing durable and no error', ({ bench }) => {
    assert.is(bench.device.name, name);
    assert.is(bench.device.durableCount(), 0);
    assert.is(bench.device.error(), 0);
  });

  test('takes 16 submissions and makes all durable', ({ bench }) => {
    bench.open(0);
    for (let n = 1; n <= SUBMISSIONS_IN_FLIGHT_MAX; n++) assert.ok(bench.submit(0, n), `submission ${n}`);
    bench.waitDurable(SUBMISSIONS_IN_FLIGHT_MAX);
    const file = bench.file(0);
    for (let n = 1; n <= SUBMISSIONS_IN_FLIGHT_MAX; n++) assert.is(file[n * LOG_BLOCK_BYTES], byteOf(0, n));
  });

  test('a lone submission is durable when the call returns', ({ bench }) => {
    bench.open(0);
    bench.submit(0, 1, 1, true);
    assert.is(bench.device.durableCount(), 1);
  });

  test('writes long submissions whole, up to the end of the segment', ({ bench }) => {
    bench.open(0);
    const last = LOG_SEGMENT_BYTES / LOG_BLOCK_BYTES - 300;
    bench.submit(0, last, 300);
    bench.waitDurable(1);
    const file = bench.file(0);
    assert.is(file.length, LOG_SEGMENT_BYTES);
    for (let n = last; n < last + 300; n++) assert.is(file[(n + 1) * LOG_BLOCK_BYTES - 1], byteOf(0, n));
  });

  test('reads any range back, and writes nothing beside its target', ({ bench }) => {
    bench.open(0);
    bench.submit(0, 1, 3);
    bench.waitDurable(1);
    for (const [offset, size] of [
      [0, LOG_BLOCK_BYTES],
      [1, 1],
      [LOG_BLOCK_BYTES - 1, 2],
      [100, 2 * LOG_BLOCK_BYTES],
    ] as const) {
      const target = new Uint8Array(3 * LOG_BLOCK_BYTES).fill(0x77);
      bench.device.read(LOG_BLOCK_BYTES + offset, target, 5, size);
      const expected = new Uint8Array(target.length).fill(0x77);
      for (let at = 0; at < size; at++) expected[5 + at] = byteOf(0, 1 + Math.floor((offset + at) / LOG_BLOCK_BYTES));
      assert.is(Buffer.compare(target, expected), 0, `${size} bytes from ${offset}`);
    }
  });
}

function testSegments(test: DeviceTest): void {
  test('a segment that is asked for ahead is open once the device says so, and takes submissions', ({ bench }) => {
    bench.open(0);
    bench.submit(0, 1);
    bench.openAhead(1);
    bench.waitUntil(() => bench.submit(1, 1));
    bench.waitDurable(2);
    assert.is(bench.file(1)[0], HEADER_BYTE);
    bench.reads(1, 1);
    bench.openAhead(1); // asked again, it is open still
  });

  test('a new segment holds its header and zeros', ({ bench }) => {
    bench.open(0);
    const file = bench.file(0);
    assert.is(file.length, LOG_SEGMENT_BYTES);
    assert.ok(holdsOnly(file.subarray(0, LOG_BLOCK_BYTES), HEADER_BYTE));
    assert.is(Buffer.compare(file.subarray(LOG_BLOCK_BYTES), Buffer.alloc(LOG_SEGMENT_BYTES - LOG_BLOCK_BYTES)), 0);
  });

  test('goes on in the next segment while the last one is in flight', ({ bench }) => {
    bench.open(0);
    for (let n = 1; n <= 8; n++) bench.submit(0, n);
    bench.open(1);
    for (let n = 1; n <= 8; n++) bench.waitUntil(() => bench.submit(1, n));
    bench.waitDurable(16);
    for (const segment of [0, 1]) for (let n = 1; n <= 8; n++) bench.reads(segment, n);
  });

  test('an attempt to open a segment leaves nothing to the next one', ({ bench }) => {
    bench.open(0, 0x11);
    bench.submit(0, 7);
    bench.waitDurable(1);
    bench.open(0);
    const file = bench.file(0);
    assert.is(file[0], HEADER_BYTE);
    assert.is(file[7 * LOG_BLOCK_BYTES], 0);
    bench.submit(0, 7);
    bench.waitDurable(2);
    assert.is(bench.file(0)[7 * LOG_BLOCK_BYTES], byteOf(0, 7), 'writes go to the new file');
  });

  test('reads segments back that are no longer open, and writes on', ({ bench }) => {
    for (let segment = 0; segment < MANY_SEGMENTS; segment++) {
      bench.open(segment);
      bench.submit(segment, 1);
      bench.waitDurable(segment + 1);
    }
    for (let segment = 0; segment < MANY_SEGMENTS; segment++) bench.reads(segment, 1);
    assert.ok(bench.openFiles <= OPEN_FILES_MAX, `${bench.openFiles} files are open`);
    bench.submit(MANY_SEGMENTS - 1, 2);
    bench.waitDurable(MANY_SEGMENTS + 1);
    bench.reads(MANY_SEGMENTS - 1, 2);
  });
}

function testRecycling(test: DeviceTest): void {
  test('a retired segment leaves the log, and its file becomes another one', ({ bench }) => {
    bench.open(0);
    bench.submit(0, 1);
    bench.waitDurable(1);
    const inode = statSync(bench.pathOf(0)).ino;
    bench.device.retireSegment(0);
    bench.waitUntil(() => !existsSync(bench.pathOf(0)));
    let segment = 1;
    do bench.openAhead(segment);
    while (statSync(bench.pathOf(segment)).ino !== inode && segment++ < FEW_SEGMENTS);
    assert.is(statSync(bench.pathOf(segment)).ino, inode, `segment ${segment} is the last that may be new`);
    assert.is(bench.file(segment)[0], HEADER_BYTE);
    bench.submit(segment, 2);
    bench.waitDurable(2);
    bench.reads(segment, 2);
  });

  test('keeps few retired segments, and gives back the room of the others', ({ bench }) => {
    for (let segment = 0; segment < MANY_SEGMENTS; segment++) bench.open(segment);
    for (let segment = 0; segment < MANY_SEGMENTS - 1; segment++)
      bench.device.retireSegment(segment * LOG_SEGMENT_BYTES);
    bench.device.close();
    const files = readdirSync(bench.directory).filter((name) => !name.endsWith('.seg'));
    assert.ok(files.length <= LOG_SPARE_SEGMENTS_MAX, files.join(', '));
    assert.is(readdirSync(bench.directory).length - files.length, 1, 'the last segment stays');
  });

  test('what one opening left for use, the next one uses', ({ bench }) => {
    bench.open(0);
    bench.open(1);
    bench.device.retireSegment(0);
    bench.device.close();
    const spares = readdirSync(bench.directory).filter((name) => !name.endsWith('.seg'));
    assert.ok(spares.length > 0);
    const inodes = spares.map((name) => statSync(join(bench.directory, name)).ino);
    bench.reopen();
    bench.open(2);
    assert.ok(inodes.includes(statSync(bench.pathOf(2)).ino));
    assert.is(bench.file(2)[0], HEADER_BYTE);
  });

  test('a segment that is gone already does not keep later ones', ({ bench }) => {
    bench.open(0);
    bench.open(1);
    rmSync(bench.pathOf(0));
    bench.device.retireSegment(0);
    bench.device.retireSegment(LOG_SEGMENT_BYTES);
    bench.waitUntil(() => !existsSync(bench.pathOf(1)));
  });
}

function testEnd(test: DeviceTest): void {
  test('the first write that fails latches: nothing is durable after it', ({ bench }) => {
    bench.open(0);
    bench.submit(0, 1);
    bench.waitDurable(1);
    bench.submit(5, 1); // its file was never made
    bench.waitUntil(() => bench.device.error() !== 0);
    assert.ok(bench.device.error() > 0, 'an errno, positive');
    assert.not(bench.submit(0, 2));
    assert.throws(() => bench.open(1), hasCode('ERR_SYNOD_LOG_FAILED'));
    assert.is(bench.device.durableCount(), 1);
    bench.reads(0, 1);
  });

  test('a segment that cannot be read is an error with a code, and no reason to stop writing', ({ bench }) => {
    bench.open(0);
    const target = new Uint8Array(8);
    assert.throws(() => bench.device.read(3 * LOG_SEGMENT_BYTES, target, 0, 8), hasCode('ERR_SYNOD_LOG_FAILED'));
    bench.submit(0, 1, 1, true);
    assert.is(bench.device.durableCount(), 1);
  });

  test('close leaves all that was taken durable, takes nothing more, and may be called again', ({ bench }) => {
    bench.open(0);
    for (let n = 1; n <= SUBMISSIONS_IN_FLIGHT_MAX; n++) bench.submit(0, n);
    bench.device.close();
    assert.is(bench.device.durableCount(), SUBMISSIONS_IN_FLIGHT_MAX);
    const file = bench.file(0);
    for (let n = 1; n <= SUBMISSIONS_IN_FLIGHT_MAX; n++) assert.is(file[n * LOG_BLOCK_BYTES], byteOf(0, n));
    bench.device.close();
    assert.not(bench.submit(0, 17));
    assert.is(bench.device.durableCount(), SUBMISSIONS_IN_FLIGHT_MAX);
  });
}
