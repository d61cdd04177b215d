/**
 * The log above each device: values appended one submission each, up to `depth` of them not yet durable, from append to
 * durable. Beside them the bare system call of the same run: `fs.writeSync` on an O_DSYNC | O_DIRECT descriptor over a
 * zero-filled file, whole blocks.
 */
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { align } from '../src/base/bits.ts';
import { Histogram } from '../src/base/histogram.ts';
import { LOG_BLOCK_BYTES } from '../src/limits.ts';
import { ENTRY_HEADER_BYTES, SUBMISSION_HEADER_BYTES } from '../src/log/record.ts';
import { alignedMemory } from '../src/memory/aligned-memory.ts';
import type { Settings } from './flags.ts';
import { type BenchCase, type Context, type Subject, windowed } from './harness.ts';
import { LogLoad } from './log-load.ts';
import { type LogTarget, openLogTarget } from './log-target.ts';
import { allowsDirect, FILE_BYTES, zeroFill } from './raw-medium.ts';
import { durableFlags } from './write-thread.ts';

const SIZES = [64, 4096, 65_536, 1_048_576];
const SIZES_SMOKE = [4096];
const DEPTHS = [1, 4, 16];
const DEPTHS_SMOKE = [1, 16];
/** These finish a submission within the call: more depth changes nothing. */
const SYNCHRONOUS = ['fs', 'memory'];
/** Nothing truncates the log: it is removed and opened anew after so many bytes. */
const LOG_BYTES_MAX = 1 << 29;
const WINDOW_BYTES = 1 << 24;
const WINDOW_APPENDS_MAX = 64;
const WINDOW_APPENDS_VOLATILE = 65_536;

export function logCases({ smoke, durability }: Settings): BenchCase[] {
  const sizes = smoke ? SIZES_SMOKE : SIZES;
  const devices = durability === 'auto' ? ['direct', 'buffered', 'fs', 'memory'] : [durability];
  const cases: BenchCase[] = [];
  for (const size of sizes) {
    cases.push(windowed('log', `bare-${size}`, (context) => bare(context, size)));
    for (const device of devices) {
      const depths = SYNCHRONOUS.includes(device) ? [1] : smoke ? DEPTHS_SMOKE : DEPTHS;
      for (const depth of depths) {
        cases.push(
          windowed('log', `${device}-${size}-depth-${depth}`, (context) => logged(context, device, size, depth)),
        );
      }
    }
  }
  return cases;
}

function logged({ scratch }: Context, durability: string, size: number, depth: number): Subject | string {
  const directory = scratch();
  const probe = openLogTarget(durability, directory);
  const { name } = probe.log.device;
  probe.close();
  if (name !== durability) return `${durability} is not to be had here, ${name} is`;
  const latency = new Histogram();
  const value = new Uint8Array(size).fill(0x5a);
  const isVolatile = durability === 'memory';
  const appends = isVolatile ? WINDOW_APPENDS_VOLATILE : WINDOW_APPENDS_MAX;
  const perWindow = Math.max(1, Math.min(appends, WINDOW_BYTES / size));
  const load = new LogLoad(value, depth, latency);
  let target: LogTarget | undefined;
  let first = 0;
  const close = (): void => {
    target?.close();
    target = undefined;
    rmSync(directory, { recursive: true, force: true });
  };
  return {
    operation: 'appends',
    latency,
    prepare() {
      if (target !== undefined && target.log.appendedPosition - first < LOG_BYTES_MAX) return;
      close();
      mkdirSync(directory, { recursive: true });
      target = openLogTarget(durability, directory);
      first = target.log.appendedPosition;
    },
    window() {
      load.run((target as LogTarget).log, perWindow);
      return perWindow;
    },
    beginAllocation() {
      load.isTimed = false;
    },
    figures: (count, seconds) => ({
      device: (target as LogTarget).log.device.name,
      durable: (target as LogTarget).log.device.durable,
      appendBytes: size,
      depth,
      bytesPerSecond: (count * size) / seconds,
    }),
    close,
  };
}

/** What one append of the log puts on the medium, written by the bare call. */
function bare({ scratch }: Context, size: number): Subject {
  const path = join(scratch(), 'bare');
  zeroFill(path);
  const isDirect = allowsDirect(path);
  const fd = openSync(path, durableFlags(isDirect));
  const writeBytes = align(SUBMISSION_HEADER_BYTES + ENTRY_HEADER_BYTES + size, LOG_BLOCK_BYTES);
  const block = new Uint8Array(alignedMemory(writeBytes), 0, writeBytes).fill(0x5a);
  const latency = new Histogram();
  const perWindow = Math.max(1, Math.min(WINDOW_APPENDS_MAX, WINDOW_BYTES / size));
  let at = 0;
  return {
    operation: 'appends',
    latency,
    window() {
      for (let append = 0; append < perWindow; append++) {
        const start = performance.now();
        writeSync(fd, block, 0, writeBytes, at);
        latency.record((performance.now() - start) * 1e3);
        at = at + 2 * writeBytes > FILE_BYTES ? 0 : at + writeBytes;
      }
      return perWindow;
    },
    figures: (count, seconds) => ({
      device: isDirect ? 'direct' : 'dsync',
      appendBytes: size,
      depth: 1,
      bytesPerSecond: (count * size) / seconds,
    }),
    close: () => closeSync(fd),
  };
}
