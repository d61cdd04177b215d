/**
 * A log on a device of its own, opened as a worker opens it.
 */
import { ENTRY_CHUNKS, LOG_SEGMENT_BYTES } from '../src/limits.ts';
import type { Log } from '../src/log/log.ts';
import { openDevice } from '../src/log/open-device.ts';
import { alignedMemory } from '../src/memory/aligned-memory.ts';
import { WORKER_DOORBELL_WORD, WORKER_WORDS } from '../src/memory/descriptor.ts';
import { AtomicsWaker, Sleeper } from '../src/memory/doorbell.ts';
import { NativeWaker } from '../src/memory/native-memory.ts';
import { loadNative } from '../src/native-binding.ts';
import { openWorkerLog } from '../src/runtime/worker-log.ts';
import { NativeChecksum, softwareChecksum } from '../src/wire/crc32c.ts';

export interface LogTarget {
  log: Log;
  /** Why it is this device. */
  reason: string;
  /** The device rings it. */
  sleeper: Sleeper;
  close(): void;
}

const CONTROL_BYTES = 4096;
/** Chunks of a volatile log: nothing is recycled there. */
const VOLATILE_CHUNKS = 40;

/** Made once and kept: their pages are touched by the first case. */
const chunks = Array.from({ length: VOLATILE_CHUNKS }, () => alignedMemory(LOG_SEGMENT_BYTES));

export function openLogTarget(durability: string, directory: string): LogTarget {
  const isVolatile = durability === 'memory';
  const tail = isVolatile ? chunks : chunks.slice(0, ENTRY_CHUNKS);
  const { binding } = loadNative('auto');
  const block = new SharedArrayBuffer(WORKER_WORDS * 4);
  const waker = binding === undefined ? new AtomicsWaker(block) : new NativeWaker(binding, block);
  const sleeper = new Sleeper(block, WORKER_DOORBELL_WORD, waker);
  const { device, reason } = openDevice({
    durability: durability as 'auto',
    directory,
    chunks: tail,
    block,
    binding,
  });
  const { log } = openWorkerLog(
    {
      device,
      directory,
      chunks: tail,
      volatileControl: new SharedArrayBuffer(CONTROL_BYTES),
      checksum: binding === undefined ? softwareChecksum : new NativeChecksum(binding),
      clusterId: 1,
      nodeId: 1,
      logNumber: 0,
      mayRejoin: false,
      isForgotten: false,
      groupIds: new Set([0]),
    },
    { onRecord: () => {}, onForgotten: () => {} },
  );
  return { log, reason, sleeper, close: () => device.close() };
}
