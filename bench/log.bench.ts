/**
 * The log above each device: values appended one submission each, up to `depth` of them not yet durable, from append to durable. Between
 * its windows run the bare paths to the medium (bench/bare-path) with the same bytes and depth; the ratio is to the best of them.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { align } from '../src/base/bits.ts';
import { Histogram } from '../src/base/histogram.ts';
import { LOG_BLOCK_BYTES } from '../src/limits.ts';
import { ENTRY_HEADER_BYTES, SUBMISSION_HEADER_BYTES } from '../src/log/record.ts';
import { type BareMode, type BarePath, openBarePaths } from './bare-path.ts';
import type { Settings } from './flags.ts';
import { type BenchCase, type Context, type Subject, windowed } from './harness.ts';
import { LogLoad } from './log-load.ts';
import { type LogTarget, openLogTarget } from './log-target.ts';
import type { Figures } from './row.ts';

const SIZES = [64, 4096, 65_536, 1_048_576];
const SIZES_SMOKE = [4096];
const DEPTHS = [1, 4, 16];
const DEPTHS_SMOKE = [1, 16];
/** These finish a submission within the call: more depth changes nothing. */
const SYNCHRONOUS = ['dax', 'fs', 'memory'];
const BARE_MODES: Readonly<Record<string, readonly BareMode[]>> = {
  dax: ['store'],
  direct: ['pwrite', 'uring'],
  buffered: ['fdatasync'],
  fs: ['pwrite'],
};
/** Stands in for persistent memory where the directory has none; marked volatile. */
const SHARED_MEMORY = '/dev/shm';
/** A volatile log takes no more, and is opened anew after so many bytes; others give back what is durable. */
const LOG_BYTES_MAX = 1 << 29;
const WINDOW_BYTES = 1 << 24;
const WINDOW_APPENDS_MAX = 256;
/** What takes no system call is over too soon to be timed by the window. */
const WINDOW_APPENDS_FAST = 8192;

export function logCases({ smoke, durability }: Settings): BenchCase[] {
  const sizes = smoke ? SIZES_SMOKE : SIZES;
  const devices = durability === 'auto' ? ['dax', 'direct', 'buffered', 'fs', 'memory'] : [durability];
  const cases: BenchCase[] = [];
  for (const size of sizes) {
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

/** A directory that the device takes; undefined where there is none. */
function directoryFor(durability: string, context: Context): string | undefined {
  const directories = [context.scratch()];
  if (durability === 'dax' && existsSync(SHARED_MEMORY))
    directories.push(mkdtempSync(join(SHARED_MEMORY, 'synod-bench-')));
  return directories.find((directory) => {
    try {
      const { log, close } = openLogTarget(durability, directory);
      close();
      return log.device.name === durability;
    } catch {
      return false;
    }
  });
}

function logged(context: Context, durability: string, size: number, depth: number): Subject | string {
  const found = directoryFor(durability, context);
  if (found === undefined) return `${durability} is not to be had here`;
  const directory = join(found, 'log');
  const latency = new Histogram();
  const load = new LogLoad(new Uint8Array(size).fill(0x5a), depth, latency);
  const isFast = durability === 'memory' || durability === 'dax';
  const perWindow = Math.max(1, Math.min(isFast ? WINDOW_APPENDS_FAST : WINDOW_APPENDS_MAX, WINDOW_BYTES / size));
  const writeBytes = align(SUBMISSION_HEADER_BYTES + ENTRY_HEADER_BYTES + size, LOG_BLOCK_BYTES);
  const modes = BARE_MODES[durability] ?? [];
  const bare = modes.length === 0 ? [] : openBarePaths(join(found, 'bare'), modes, writeBytes, depth);
  let target: LogTarget | undefined;
  let first = 0;
  let isComparing = true;
  const close = (): void => {
    target?.close();
    target = undefined;
    rmSync(directory, { recursive: true, force: true });
  };
  return {
    operation: 'appends',
    latency,
    prepare() {
      if (isComparing) for (const path of bare) path.window(perWindow);
      target?.log.retire(target.log.durablePosition);
      const isVolatile = durability === 'memory';
      if (target !== undefined && !(isVolatile && target.log.appendedPosition - first >= LOG_BYTES_MAX)) return;
      close();
      mkdirSync(directory, { recursive: true });
      target = openLogTarget(durability, directory);
      first = target.log.appendedPosition;
    },
    window() {
      load.run(target as LogTarget, perWindow);
      return perWindow;
    },
    beginAllocation() {
      load.isTimed = false;
      isComparing = false;
    },
    figures: (count, seconds) => ({
      device: (target as LogTarget).log.device.name,
      deviceReason: (target as LogTarget).reason,
      durable: (target as LogTarget).log.device.durable,
      appendBytes: size,
      depth,
      bytesPerSecond: (count * size) / seconds,
      ...submitFigures(load.submitLatency),
      ...bareFigures(bare, count / seconds),
    }),
    close() {
      close();
      for (const path of bare) path.close();
      rmSync(found, { recursive: true, force: true });
    },
  };
}

function submitFigures(latency: Histogram): Figures {
  if (latency.count === 0) return {};
  return { submitUsP50: latency.quantile(0.5), submitUsP99: latency.quantile(0.99) };
}

function bareFigures(paths: readonly BarePath[], opsPerSecond: number): Figures {
  const rateOf = (path: BarePath): number => path.operations / path.seconds;
  const [best] = [...paths].sort((a, b) => rateOf(b) - rateOf(a));
  if (best === undefined) return {};
  return {
    barePath: best.name,
    bareOpsPerSecond: rateOf(best),
    bareUsP50: best.latency.quantile(0.5),
    bareUsP99: best.latency.quantile(0.99),
    ratioToBare: opsPerSecond / rateOf(best),
  };
}
