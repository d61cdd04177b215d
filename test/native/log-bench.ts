/** A native log in a directory of its own, with the worker block it is bound to; waits as a worker waits. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import { NativeDevice } from '../../src/log/native-device.ts';
import { segmentFileName } from '../../src/log/segment.ts';
import { alignedMemory } from '../../src/memory/aligned-memory.ts';
import { DOORBELL_ASLEEP, DOORBELL_AWAKE, WORKER_DOORBELL_WORD, WORKER_WORDS } from '../../src/memory/descriptor.ts';
import type { NativeBinding } from '../../src/native-binding.ts';

const PARK_US = 20_000;
/** A minute of parks: longer than any device needs. */
const PARKS_MAX = 3000;

export type NativeMode = 'direct' | 'buffered';

/** The modes that the addon and the file system of the temporary directory allow. */
export function nativeModes(binding: NativeBinding | undefined): NativeMode[] {
  if (binding === undefined) return [];
  return binding.probePath(tmpdir()).direct ? ['direct', 'buffered'] : ['buffered'];
}

export class LogBench {
  readonly directory = mkdtempSync(join(tmpdir(), 'synod-native-'));
  readonly chunk = alignedMemory(LOG_SEGMENT_BYTES);
  readonly block = new SharedArrayBuffer(WORKER_WORDS * 4);
  readonly device: NativeDevice;
  readonly #binding: NativeBinding;
  readonly #words = new Int32Array(this.block);
  readonly #blockId: number;

  constructor(binding: NativeBinding, mode: NativeMode) {
    this.#binding = binding;
    this.#blockId = binding.attach(new Uint8Array(this.block));
    this.device = new NativeDevice(binding, this.directory, mode, true, [this.chunk], this.block);
    this.device.openSegment(0, new Uint8Array(LOG_BLOCK_BYTES).fill(0xee));
  }

  /** Submits block `n` of the chunk and segment, full of the byte n; 1 is the first after the header. */
  submit(n: number, alone = false): boolean {
    new Uint8Array(this.chunk, n * LOG_BLOCK_BYTES, LOG_BLOCK_BYTES).fill(n);
    return this.device.submit(0, n * LOG_BLOCK_BYTES, LOG_BLOCK_BYTES, n * LOG_BLOCK_BYTES, alone);
  }

  /** Sleeps on the doorbell, as a worker does, until the condition holds. */
  waitUntil(condition: () => boolean): void {
    for (let parks = 0; !this.#holdsAsleep(condition); parks++) {
      if (parks === PARKS_MAX) throw new Error('the device stands still');
      this.#binding.park(this.#blockId, WORKER_DOORBELL_WORD, DOORBELL_ASLEEP, PARK_US);
    }
    Atomics.store(this.#words, WORKER_DOORBELL_WORD, DOORBELL_AWAKE);
  }

  waitDurable(count: number): void {
    this.waitUntil(() => this.device.durableCount() === count);
  }

  /** Keeps both flushers from taking more until `letGo`; they stand behind writes of blocks 1 and 2. */
  holdFlushers(): void {
    for (const n of [1, 2]) {
      this.device.hold(1);
      this.submit(n);
      this.waitUntil(() => this.device.isHeld && this.blockInFile(n) === n);
    }
  }

  /** What the file of a segment holds in block `n`: its byte, or -1 where the bytes differ. */
  blockInFile(n: number, base = 0): number {
    const file = readFileSync(join(this.directory, segmentFileName(base)));
    const bytes = file.subarray(n * LOG_BLOCK_BYTES, (n + 1) * LOG_BLOCK_BYTES);
    return bytes.every((byte) => byte === bytes[0]) ? (bytes[0] as number) : -1;
  }

  end(): void {
    this.device.close();
    this.#binding.detach(this.#blockId);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #holdsAsleep(condition: () => boolean): boolean {
    Atomics.store(this.#words, WORKER_DOORBELL_WORD, DOORBELL_ASLEEP);
    return condition();
  }
}
