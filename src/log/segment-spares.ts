/**
 * Retired segments of a log in pure Node, on their way to be used again: twin of native/src/log/segment_pool.
 *
 *   retire ──rename, directory synced──▶ spare-<number>.tmp ──take: rename──▶ segment
 *
 * The old bytes of a spare name another position in every header, so that nothing takes them for new ones (S11).
 */
import { join } from 'node:path';
import type { LogPosition } from '../base/types.ts';
import { LOG_SEGMENT_BYTES, LOG_SPARE_SEGMENTS_MAX } from '../limits.ts';
import { segmentFileName } from './segment.ts';

/** What the log needs of node:fs; tests bring a file system that fails, or forgets what was not flushed. */
export type FileCalls = Pick<
  typeof import('node:fs'),
  | 'closeSync'
  | 'fdatasyncSync'
  | 'fsyncSync'
  | 'openSync'
  | 'readdirSync'
  | 'readSync'
  | 'renameSync'
  | 'statSync'
  | 'unlinkSync'
  | 'writeSync'
>;

const NAME = /^spare-.*\.tmp$/;

export class SegmentSpares {
  readonly #directory: string;
  readonly #fs: FileCalls;
  readonly #paths: string[] = [];
  readonly #retired: LogPosition[] = [];

  constructor(directory: string, fs: FileCalls) {
    this.#directory = directory;
    this.#fs = fs;
    this.#adopt();
  }

  /** Gives a spare the name of the segment at `base`; durable after the next sync of the directory. False where there is none. */
  take(base: LogPosition): boolean {
    const spare = this.#paths.at(-1);
    if (spare === undefined) return false;
    this.#fs.renameSync(spare, join(this.#directory, segmentFileName(base)));
    this.#paths.pop();
    return true;
  }

  /**
   * The segment is needed no more. It leaves the log durably before anything is written into it, and segments leave in order: a gap among the
   * rest would be damage. What fails is tried again with the next one.
   */
  retire(base: LogPosition): void {
    this.#retired.push(base);
    try {
      while (this.#retired.length > 0) {
        this.#putAway(this.#retired[0]);
        this.#retired.shift();
      }
    } catch {
      return;
    }
  }

  #putAway(base: LogPosition): void {
    const name = segmentFileName(base);
    const path = join(this.#directory, name);
    const spare = join(this.#directory, `spare-${name.slice(0, -'.seg'.length)}.tmp`);
    const hasRoom = this.#paths.length < LOG_SPARE_SEGMENTS_MAX;
    const isGone = this.#remove(() => (hasRoom ? this.#fs.renameSync(path, spare) : this.#fs.unlinkSync(path)));
    syncDirectory(this.#directory, this.#fs);
    if (isGone && hasRoom) this.#paths.push(spare);
  }

  /** False where the file was gone before. */
  #remove(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return false;
    }
  }

  /** What an earlier opening left behind; too many, or of another size, are removed. */
  #adopt(): void {
    for (const name of this.#fs.readdirSync(this.#directory)) {
      if (!NAME.test(name)) continue;
      const path = join(this.#directory, name);
      const isWhole = this.#fs.statSync(path).size === LOG_SEGMENT_BYTES;
      if (isWhole && this.#paths.length < LOG_SPARE_SEGMENTS_MAX) this.#paths.push(path);
      else this.#fs.unlinkSync(path);
    }
  }
}

export function syncDirectory(directory: string, fs: FileCalls): void {
  const file = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}
