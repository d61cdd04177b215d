/**
 * Chooses the log device that path and machine allow.
 *
 *   auto: dax (MAP_SYNC works) → direct (O_DIRECT works) → buffered │ without the addon: fs          memory: volatile, and says so
 */
import { mkdirSync, statfsSync } from 'node:fs';
import { SynodError } from '../base/errors.ts';
import type { NativeBinding, PathProbe } from '../native-binding.ts';
import { FsDevice } from './fs-device.ts';
import type { LogDevice } from './log.ts';
import { MemoryDevice } from './memory-device.ts';
import { NativeDevice, type NativeMode } from './native-device.ts';

const TMPFS_MAGIC = 0x01021994;
const RAMFS_MAGIC = 0x858458f6;

export interface DeviceOptions {
  durability: 'auto' | 'dax' | 'direct' | 'buffered' | 'fs' | 'memory';
  directory: string;
  chunks: readonly SharedArrayBuffer[];
  /** The worker block: durable count, error, doorbell. */
  block: SharedArrayBuffer;
  /** Which of its worker's logs it is; the first where absent. */
  index?: number;
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
  const probe = binding.probePath(directory);
  const mode = durability === 'auto' ? bestMode(probe) : durability;
  refuseUnless(probe, mode, directory);
  const device = new NativeDevice(binding, directory, mode, durable, chunks, block, true, options.index);
  const why = durability === 'auto' ? `the path allows ${mode}` : 'asked for';
  return { device, durable, reason: `${why} (${device.means})${where}` };
}

function bestMode(probe: PathProbe): NativeMode {
  if (probe.dax) return 'dax';
  return probe.direct ? 'direct' : 'buffered';
}

/** Stores into a volatile file system are no worse than any other way to write there; elsewhere they must be durable. */
function refuseUnless(probe: PathProbe, mode: NativeMode, directory: string): void {
  if (mode === 'dax' && !probe.dax && !probe.volatile) {
    throw new SynodError(
      'ERR_SYNOD_DURABILITY',
      `${directory} is not on persistent memory (no MAP_SYNC): mount its file system with -o dax, or use 'direct' or 'auto'.`,
    );
  }
  if (mode === 'direct' && !probe.direct) {
    throw new SynodError(
      'ERR_SYNOD_DURABILITY',
      `${directory} does not take O_DIRECT writes: use 'buffered' or 'auto', or another file system.`,
    );
  }
}

function isVolatile(directory: string): boolean {
  const { type } = statfsSync(directory);
  return type === TMPFS_MAGIC || type === RAMFS_MAGIC;
}
