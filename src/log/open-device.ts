/**
 * Chooses the log device that path and machine allow.
 *
 *   auto: direct (addon, O_DIRECT works) → buffered (addon) → fs (pure Node)          memory: volatile, and says so
 */
import { mkdirSync, statfsSync } from 'node:fs';
import { SynodError } from '../base/errors.ts';
import type { NativeBinding } from '../native-binding.ts';
import { FsDevice } from './fs-device.ts';
import type { LogDevice } from './log.ts';
import { MemoryDevice } from './memory-device.ts';
import { NativeDevice } from './native-device.ts';

const TMPFS_MAGIC = 0x01021994;
const RAMFS_MAGIC = 0x858458f6;

export interface DeviceOptions {
  durability: 'auto' | 'direct' | 'buffered' | 'fs' | 'memory';
  directory: string;
  chunks: readonly SharedArrayBuffer[];
  /** The worker block: durable count, error, doorbell. */
  block: SharedArrayBuffer;
  binding: NativeBinding | undefined;
}

export interface OpenedDevice {
  device: LogDevice;
  /** True only where a completed submission survives a power cut. */
  durable: boolean;
  reason: string;
}

export function openDevice(options: DeviceOptions): OpenedDevice {
  const { durability, directory, chunks, block, binding } = options;
  if (durability === 'memory')
    return { device: new MemoryDevice(), durable: false, reason: 'asked for: nothing is kept' };
  mkdirSync(directory, { recursive: true });
  const durable = !isVolatile(directory);
  const where = durable ? '' : '; the file system is volatile';
  if (durability === 'fs' || (durability === 'auto' && binding === undefined)) {
    const why = durability === 'fs' ? 'asked for' : 'no addon is loaded';
    return { device: new FsDevice(directory, chunks, durable), durable, reason: why + where };
  }
  if (binding === undefined) {
    throw new SynodError(
      'ERR_SYNOD_DURABILITY',
      `durability '${durability}' needs the native addon: build it (npm run build), or use 'fs' or 'auto'.`,
    );
  }
  const canDirect = binding.probePath(directory).direct;
  if (durability === 'direct' && !canDirect) {
    throw new SynodError(
      'ERR_SYNOD_DURABILITY',
      `${directory} does not take O_DIRECT writes: use 'buffered' or 'auto', or another file system.`,
    );
  }
  const mode = durability !== 'buffered' && canDirect ? 'direct' : 'buffered';
  const device = new NativeDevice(binding, directory, mode, durable, chunks, block);
  return { device, durable, reason: (durability === 'auto' ? `the path allows ${mode}` : 'asked for') + where };
}

function isVolatile(directory: string): boolean {
  const { type } = statfsSync(directory);
  return type === TMPFS_MAGIC || type === RAMFS_MAGIC;
}
