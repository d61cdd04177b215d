/** A native log over the test medium in a directory of its own, with the worker block it is bound to; waits as a worker waits. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import { NativeDevice, type NativeMode } from '../../src/log/native-device.ts';
import { segmentFileName } from '../../src/log/segment.ts';
import { alignedMemory } from '../../src/memory/aligned-memory.ts';
import { DOORBELL_ASLEEP, DOORBELL_AWAKE, WORKER_DOORBELL_WORD, WORKER_WORDS } from '../../src/memory/descriptor.ts';
import type { DoubleBinding } from './double.ts';

const PARK_US = 20_000;
/** A minute of parks: longer than any device needs. */
const PARKS_MAX = 3000;

/** The code path of persistent memory runs here; what it stores is volatile. */
const SHARED_MEMORY = '/dev/shm';

/** A native device, and which io_uring it finds. */
export interface Variant {
  label: string;
  mode: NativeMode;
  uring: 'fake' | 'refused';
  parent: string;
}

/** What the file systems here allow. */
export function nativeVariants(binding: DoubleBinding): Variant[] {
  const parent = tmpdir();
  const variants: Variant[] = [{ label: 'buffered', mode: 'buffered', uring: 'refused', parent }];
  if (binding.probePath(parent).direct) {
    variants.push({ label: 'direct by io_uring', mode: 'direct', uring: 'fake', parent });
    variants.push({ label: 'direct by threads', mode: 'direct', uring: 'refused', parent });
  }
  if (binding.probePath(SHARED_MEMORY).volatile)
    variants.push({ label: 'dax', mode: 'dax', uring: 'refused', parent: SHARED_MEMORY });
  return variants;
}

/** The log takes these before it fills a file of its own. */
export const SPARES: readonly string[] = ['spare-a.tmp', 'spare-b.tmp'];

/** A file of a segment's size that takes no time and no room. */
export function makeSparse(path: string): void {
  writeFileSync(path, '');
  truncateSync(path, LOG_SEGMENT_BYTES);
}

export class LogBench {
  readonly directory: string;
  readonly chunk = alignedMemory(LOG_SEGMENT_BYTES);
  readonly block = new SharedArrayBuffer(WORKER_WORDS * 4);
  readonly device: NativeDevice;
  readonly medium: DoubleBinding;
  readonly #words = new Int32Array(this.block);
  readonly #blockId: number;

  constructor(binding: DoubleBinding, { mode, uring, parent }: Variant) {
    this.medium = binding;
    this.directory = mkdtempSync(join(parent, 'synod-native-'));
    this.#blockId = binding.attach(new Uint8Array(this.block));
    // Zeros for every log would make the tests as slow as the disk is busy.
    for (const name of SPARES) makeSparse(join(this.directory, name));
    binding.mediumReset();
    binding.mediumUring(uring);
    this.device = new NativeDevice(binding, this.directory, mode, true, [this.chunk], this.block);
    this.device.openSegment(0, new Uint8Array(LOG_BLOCK_BYTES).fill(0xee));
  }

  /** Submits block `n` of the chunk and segment, full of the byte n; 1 is the first after the header. */
  submit(n: number, alone = false): boolean {
    new Uint8Array(this.chunk, n * LOG_BLOCK_BYTES, LOG_BLOCK_BYTES).fill(n);
    return this.device.submit(0, n * LOG_BLOCK_BYTES, LOG_BLOCK_BYTES, 0, alone);
  }

  /** Sleeps on the doorbell, as a worker does, until the condition holds. */
  waitUntil(condition: () => boolean): void {
    for (let parks = 0; !this.#holdsAsleep(condition); parks++) {
      if (parks === PARKS_MAX) throw new Error('the device stands still');
      this.medium.park(this.#blockId, WORKER_DOORBELL_WORD, DOORBELL_ASLEEP, PARK_US);
    }
    Atomics.store(this.#words, WORKER_DOORBELL_WORD, DOORBELL_AWAKE);
  }

  waitDurable(count: number): void {
    this.waitUntil(() => this.device.durableCount() === count);
  }

  /** What the file of a segment holds in block `n`: its byte, or -1 where the bytes differ. */
  blockInFile(n: number, base = 0): number {
    const file = readFileSync(join(this.directory, segmentFileName(base)));
    const bytes = file.subarray(n * LOG_BLOCK_BYTES, (n + 1) * LOG_BLOCK_BYTES);
    return bytes.every((byte) => byte === bytes[0]) ? (bytes[0] as number) : -1;
  }

  /** Waits until so many writes are held. */
  waitHeld(count: number): void {
    this.waitUntil(() => this.medium.mediumHeld().length === count);
  }

  end(): void {
    this.medium.mediumReset();
    this.device.close();
    this.medium.detach(this.#blockId);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #holdsAsleep(condition: () => boolean): boolean {
    Atomics.store(this.#words, WORKER_DOORBELL_WORD, DOORBELL_ASLEEP);
    return condition();
  }
}
