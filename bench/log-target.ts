/**
 * A log on a device of its own, opened as a worker opens it.
 */
import { ENTRY_CHUNKS, LOG_SEGMENT_BYTES } from '../src/limits.ts';
import type { Log, LogDevice } from '../src/log/log.ts';
import { alignedMemory } from '../src/memory/aligned-memory.ts';
import { openWorkerLog } from '../src/runtime/worker-log.ts';
import { softwareChecksum } from '../src/wire/crc32c.ts';

export interface LogTarget {
  log: Log;
  close(): void;
}

const CONTROL_BYTES = 4096;
/** Chunks of a volatile log: nothing is recycled there. */
const VOLATILE_CHUNKS = 40;

/** Made once and kept: their pages are touched by the first case. */
const chunks = Array.from({ length: VOLATILE_CHUNKS }, () => alignedMemory(LOG_SEGMENT_BYTES));

export function openLogTarget(durability: string, directory: string): LogTarget {
  const isVolatile = durability === 'memory';
  const device = memoryDevice();
  const { log } = openWorkerLog(
    {
      device,
      directory,
      chunks: isVolatile ? chunks : chunks.slice(0, ENTRY_CHUNKS),
      volatileControl: new SharedArrayBuffer(CONTROL_BYTES),
      checksum: softwareChecksum,
      clusterId: 1,
      nodeId: 1,
      logNumber: 0,
      groupIds: new Set([0]),
    },
    () => {},
  );
  return { log, close: () => device.close() };
}

function memoryDevice(): LogDevice {
  return {
    name: 'memory',
    durable: false,
    submit: () => true,
    durableCount: () => 0,
    error: () => 0,
    read() {},
    openSegment() {},
    close() {},
  };
}
