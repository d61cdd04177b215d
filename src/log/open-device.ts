/** Chooses the log device that a path allows. */
import type { NativeBinding } from '../native-binding.ts';
import { FsDevice } from './fs-device.ts';
import type { LogDevice } from './log.ts';
import { MemoryDevice } from './memory-device.ts';

export interface DeviceOptions {
  durability: 'auto' | 'direct' | 'buffered' | 'fs' | 'memory';
  directory: string;
  chunks: readonly SharedArrayBuffer[];
  block: SharedArrayBuffer;
  binding: NativeBinding | undefined;
}

export function openDevice(options: DeviceOptions): { device: LogDevice; durable: boolean; reason: string } {
  if (options.durability === 'memory') return { device: new MemoryDevice(), durable: false, reason: 'asked for' };
  return { device: new FsDevice(options.directory, options.chunks, true), durable: true, reason: 'no addon' };
}
