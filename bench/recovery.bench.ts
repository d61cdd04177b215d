/**
 * Recovery: a log as full of votes as one submission each leaves it, scanned as a start does; what is counted is the log on the
 * medium, block padding included. Beside it the bare reads of the same files, of the same size, past the page cache.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Histogram } from '../src/base/histogram.ts';
import { LOG_SEGMENT_BYTES } from '../src/limits.ts';
import { recoverLog } from '../src/log/recovery.ts';
import { FileSegmentReader } from '../src/log/segment.ts';
import { SegmentFile } from '../src/log/segment-file.ts';
import { loadNative } from '../src/native-binding.ts';
import { NativeChecksum, softwareChecksum } from '../src/wire/crc32c.ts';
import type { Settings } from './flags.ts';
import { type BenchCase, type Context, type Subject, windowed } from './harness.ts';
import { LogLoad } from './log-load.ts';
import { openLogTarget } from './log-target.ts';

const SIZES = [1024, 4096, 65_536];
const SIZES_SMOKE = [4096];
const LOG_BYTES = 1 << 28;
const LOG_BYTES_SMOKE = 1 << 24;
const DEPTH = 16;
const APPENDS = 64;
const READ_BYTES = 1 << 20;
const IDENTITY = { clusterId: 1, nodeId: 1, logNumber: 0 };

export function recoveryCases({ smoke }: Settings): BenchCase[] {
  return (smoke ? SIZES_SMOKE : SIZES).flatMap((size) => [
    windowed('recovery', `bare-${size}`, (context) => bare(write(context, size))),
    windowed('recovery', `scan-${size}`, (context) => scan(write(context, size), size)),
  ]);
}

/** A log of votes; returns its directory. */
function write({ scratch, settings }: Context, size: number): string {
  const directory = scratch();
  const target = openLogTarget('auto', directory);
  const load = new LogLoad(new Uint8Array(size).fill(0x5a), DEPTH, new Histogram());
  const bytes = settings.smoke ? LOG_BYTES_SMOKE : LOG_BYTES;
  while (target.log.appendedPosition < bytes) load.run(target, APPENDS);
  target.close();
  return directory;
}

/** One operation is a byte of log. */
function scan(directory: string, size: number): Subject {
  const { binding } = loadNative('auto');
  const checksum = binding === undefined ? softwareChecksum : new NativeChecksum(binding);
  let records = 0;
  let bytes = 0;
  return {
    operation: 'bytes',
    window() {
      const report = recoverLog(new FileSegmentReader(directory), IDENTITY, checksum, () => {});
      records = report.records;
      bytes = report.segments * LOG_SEGMENT_BYTES;
      return bytes;
    },
    figures: (operations, seconds) => ({
      appendBytes: size,
      bytesPerSecond: operations / seconds,
      recordsPerSecond: (operations / bytes / seconds) * records,
    }),
  };
}

function bare(directory: string): Subject {
  const paths = readdirSync(directory)
    .filter((name) => name.endsWith('.seg'))
    .map((name) => join(directory, name));
  const buffer = SegmentFile.makeBuffer();
  const target = new Uint8Array(READ_BYTES);
  return {
    operation: 'bytes',
    window() {
      for (const path of paths) {
        const file = new SegmentFile(path, buffer);
        for (let at = 0; at < LOG_SEGMENT_BYTES; at += READ_BYTES) file.read(at, target, 0, READ_BYTES);
        file.close();
      }
      return paths.length * LOG_SEGMENT_BYTES;
    },
    figures: (operations, seconds) => ({ bytesPerSecond: operations / seconds }),
  };
}
