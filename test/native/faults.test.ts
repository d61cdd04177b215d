/**
 * Every system call of every device fails once, or does half of its work: the device says so or tries again, never lies, never hangs.
 *
 *   script: open, submit, next segment ahead, submit, retire, a third segment, submit, read, close
 *   first without faults, to learn the calls ── then once per call, place and errno
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../src/base/errors.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import { NativeDevice } from '../../src/log/native-device.ts';
import { segmentFileName } from '../../src/log/segment.ts';
import { alignedMemory } from '../../src/memory/aligned-memory.ts';
import { WORKER_WORDS } from '../../src/memory/descriptor.ts';
import { type DoubleBinding, loadDouble } from './double.ts';
import { makeSparse, nativeVariants, SPARES, type Variant } from './log-bench.ts';

const { EAGAIN, EBADF, EINTR, EIO, ENOMEM, ENOSPC, EOPNOTSUPP, EPERM } = constants.errno;
/** Half of the work is done. */
const SHORT = -1;
const CHUNKS = 2;
const BLOCKS_PER_ROUND = 4;
const WAIT_MS = 1;
const WAITS_MAX = 30_000;
/** A call that may be tried again is, so often. */
const TRIES = 3;

const chunks = Array.from({ length: CHUNKS }, () => alignedMemory(LOG_SEGMENT_BYTES));
const nobodyStoresHere = new Int32Array(new SharedArrayBuffer(4));

interface Fault {
  call: string;
  nth: number;
  errno: number;
}

/** What the script saw. */
class Script {
  /** Codes of what was thrown, in order. */
  readonly thrown: string[] = [];
  /** Names of blocks as they were submitted; the first `durable` of them count. */
  readonly submitted: { segment: number; block: number }[] = [];
  durable = 0;
  errno = 0;
  calls: Record<string, number> = {};
  means = '';
  readonly #medium: DoubleBinding;
  readonly #directory: string;
  readonly #device: NativeDevice | undefined;

  constructor(medium: DoubleBinding, variant: Variant, fault: Fault | undefined) {
    this.#medium = medium;
    this.#directory = mkdtempSync(join(variant.parent, 'synod-faults-'));
    for (const name of SPARES) makeSparse(join(this.#directory, name));
    medium.mediumReset();
    medium.mediumUring(variant.uring);
    if (fault !== undefined) medium.mediumFail(fault.call, fault.nth, fault.errno);
    const block = new SharedArrayBuffer(WORKER_WORDS * 4);
    this.#device = this.#try(() => new NativeDevice(medium, this.#directory, variant.mode, true, chunks, block));
  }

  run(): this {
    const device = this.#device;
    try {
      if (device !== undefined) this.#drive(device);
      this.calls = this.#medium.mediumCalls();
      this.#verify();
    } finally {
      this.#medium.mediumReset();
      device?.close();
      rmSync(this.#directory, { recursive: true });
    }
    return this;
  }

  #drive(device: NativeDevice): void {
    this.means = device.means;
    const header = new Uint8Array(LOG_BLOCK_BYTES).fill(0xee);
    for (let segment = 0; segment < 4; segment++) {
      const base = segment * LOG_SEGMENT_BYTES;
      const isOpen = this.#retried(device, () => {
        if (segment === 0) device.openSegment(base, header);
        else waitUntil(() => device.openAhead(base, header));
      });
      if (!isOpen) break;
      for (let block = 1; block <= BLOCKS_PER_ROUND; block++) this.#submit(device, segment, block, block === 1);
      waitUntil(() => device.error() !== 0 || device.durableCount() === this.submitted.length);
      if (segment > 0) device.retireSegment(base - LOG_SEGMENT_BYTES);
    }
    const target = new Uint8Array(LOG_BLOCK_BYTES);
    const last = this.submitted[device.durableCount() - 1];
    if (last !== undefined)
      this.#try(() =>
        device.read(last.segment * LOG_SEGMENT_BYTES + last.block * LOG_BLOCK_BYTES, target, 0, target.length),
      );
    device.close();
    this.durable = device.durableCount();
    this.errno = device.error();
  }

  #submit(device: NativeDevice, segment: number, block: number, alone: boolean): void {
    const offset = block * LOG_BLOCK_BYTES;
    new Uint8Array(chunks[segment % CHUNKS], offset, LOG_BLOCK_BYTES).fill(byteOf(segment, block));
    const isTaken = device.submit(segment % CHUNKS, offset, LOG_BLOCK_BYTES, segment, alone);
    if (isTaken) this.submitted.push({ segment, block });
  }

  /** What passes is tried again, as the log does. */
  #retried(device: NativeDevice, action: () => void): boolean {
    for (let tries = 0; tries < TRIES && device.error() === 0; tries++) {
      const before = this.thrown.length;
      this.#try(action);
      if (this.thrown.length === before) return true;
    }
    return false;
  }

  #try<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof SynodError)) throw error;
      this.thrown.push(error.code);
      return undefined;
    }
  }

  /** What counts as durable stands in its file, unless the file was given back. */
  #verify(): void {
    for (const { segment, block } of this.submitted.slice(0, this.durable)) {
      const path = join(this.#directory, segmentFileName(segment * LOG_SEGMENT_BYTES));
      if (!existsSync(path)) continue;
      const bytes = readFileSync(path).subarray(block * LOG_BLOCK_BYTES, (block + 1) * LOG_BLOCK_BYTES);
      assert.ok(
        bytes.every((byte) => byte === byteOf(segment, block)),
        `segment ${segment}, block ${block} counts and is not there`,
      );
    }
  }
}

function byteOf(segment: number, block: number): number {
  return 16 * segment + block;
}

function waitUntil(condition: () => boolean): void {
  for (let waits = 0; !condition(); waits++) {
    if (waits === WAITS_MAX) throw new Error('the device hangs');
    Atomics.wait(nobodyStoresHere, 0, 0, WAIT_MS);
  }
}

/** Errnos that the call may meet, and the half of a write. */
function errnosOf(call: string): number[] {
  if (call === 'uring_setup') return [EPERM, ENOMEM];
  if (call === 'uring_enter') return [EINTR, EAGAIN, EBADF];
  if (call.startsWith('uring_write')) return [EIO, EAGAIN, SHORT];
  if (call.startsWith('pwrite')) return [EIO, ENOSPC, EINTR, SHORT];
  if (call.startsWith('fallocate')) return [ENOSPC, EOPNOTSUPP];
  if (call.startsWith('mmap')) return [ENOMEM, EIO];
  if (call.startsWith('open')) return [EIO, ENOSPC];
  return [EIO];
}

function testFaults(medium: DoubleBinding, variant: Variant): void {
  const test = suite(`native/faults ${variant.label}`);
  const run = (fault?: Fault) => new Script(medium, variant, fault).run();
  const clean = run();

  test('without faults everything is durable and nothing is thrown', () => {
    assert.is(clean.durable, 4 * BLOCKS_PER_ROUND);
    assert.is(clean.errno, 0);
    assert.equal(clean.thrown, []);
  });

  for (const [call, count] of Object.entries(clean.calls)) {
    test(`${call} fails, at its first and at its last call`, () => {
      for (const nth of new Set([1, count])) {
        for (const errno of errnosOf(call)) {
          const faulty = run({ call, nth, errno });
          const where = `${call}, call ${nth} of ${count}, errno ${errno}: ${faulty.thrown.join(' ')}`;
          if ((faulty.calls[call] ?? 0) < nth) continue; // more was written at once this time
          const isWhole = faulty.durable === 4 * BLOCKS_PER_ROUND;
          assert.ok(
            isWhole || faulty.errno !== 0 || faulty.thrown.length > 0,
            `something is missing, silently: ${where}`,
          );
          if (errno === SHORT || errno === EINTR || errno === EAGAIN || errno === EOPNOTSUPP) {
            assert.ok(isWhole && faulty.thrown.length === 0, `goes on: ${where}`);
          }
          if (errno === EIO && ['pwrite:seg', 'uring_write:seg', 'fdatasync:seg'].includes(call)) {
            assert.is(faulty.errno, EIO, `latches: ${where}`);
            assert.not(isWhole, where);
          }
          if (errno === ENOSPC && !call.endsWith(':seg') && !call.endsWith(':header')) {
            assert.ok(isWhole, `no space passes: ${where}`);
            for (const code of faulty.thrown) assert.is(code, 'ERR_SYNOD_DISK_FULL', where);
          }
        }
      }
    });
  }

  if (variant.label.includes('io_uring')) {
    test('threads write where the kernel gives no ring, and the reason says why', () => {
      for (const call of ['uring_setup', 'mmap:ring']) {
        const { durable, means, errno } = run({ call, nth: 1, errno: ENOMEM });
        assert.is(durable, 4 * BLOCKS_PER_ROUND);
        assert.is(errno, 0);
        assert.match(means, /threads; no io_uring: /);
      }
      assert.is(clean.means, 'io_uring');
    });

    test('a ring that fails takes the log with it', () => {
      // How often it is entered depends on what is written at once; once to listen and once a round it surely is.
      const { errno, durable } = run({ call: 'uring_enter', nth: 3, errno: EBADF });
      assert.is(errno, EBADF);
      assert.ok(durable < 4 * BLOCKS_PER_ROUND);
    });
  }

  test.run();
}

const medium = loadDouble();
if (medium !== undefined) for (const variant of nativeVariants(medium)) testFaults(medium, variant);

const loads = suite('native/faults');
(medium === undefined ? loads.skip : loads)('there is a device to fail', () => {
  assert.ok(nativeVariants(medium as DoubleBinding).length > 0);
});
loads.run();
