/**
 * The medium without the engine: write-threads released together, over zero-filled files. What this machine could do at most
 * with the same bytes, measured in the same run as the engine's figures.
 */
import { once } from 'node:events';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { assert } from '../src/base/assert.ts';
import { LOG_BLOCK_BYTES } from '../src/limits.ts';
import {
  DONE_WORD,
  durableFlags,
  GO_WORD,
  HALT_WORD,
  MODE_EXIT,
  MODE_ONCE,
  MODE_UNTIL_HALT,
  MODE_WORD,
  THREAD_WORDS,
  WRITES_WORD,
  type WriteThreadData,
} from './write-thread.ts';

export const FILE_BYTES = 1 << 24;
const FILL_BYTES = 1 << 20;

export interface RawMediumOptions {
  /** Undefined: threads without files. */
  directory: string | undefined;
  files: number;
  threadsPerFile: number;
  writeBytes: number;
}

export class RawMedium {
  readonly #control: Int32Array;
  readonly #threads: Worker[] = [];
  readonly #count: number;
  readonly isDirect: boolean;

  readonly files: number;

  private constructor(files: number, count: number, isDirect: boolean) {
    this.files = files;
    this.#count = count;
    this.isDirect = isDirect;
    this.#control = new Int32Array(new SharedArrayBuffer((WRITES_WORD + count * THREAD_WORDS) * 4));
  }

  static async open(options: RawMediumOptions): Promise<RawMedium> {
    const { directory, files, threadsPerFile, writeBytes } = options;
    const paths = Array.from({ length: files }, (_, index) => directory && join(directory, `raw-${index}`));
    for (const path of paths) if (path !== undefined) zeroFill(path);
    const medium = new RawMedium(files, files * threadsPerFile, paths[0] !== undefined && allowsDirect(paths[0]));
    for (let threadIndex = 0; threadIndex < files * threadsPerFile; threadIndex++) {
      const regionBytes = FILE_BYTES / threadsPerFile;
      await medium.#start({
        control: medium.#control.buffer as SharedArrayBuffer,
        threadIndex,
        path: paths[Math.floor(threadIndex / threadsPerFile)],
        writeBytes,
        firstByte: Math.floor(((threadIndex % threadsPerFile) * regionBytes) / LOG_BLOCK_BYTES) * LOG_BLOCK_BYTES,
        regionBytes,
        isDirect: medium.isDirect,
      });
    }
    return medium;
  }

  async #start(data: WriteThreadData): Promise<void> {
    const url = new URL(`./write-thread${extname(import.meta.url)}`, import.meta.url);
    const thread = new Worker(url, { workerData: data });
    await once(thread, 'message');
    this.#threads.push(thread);
  }

  /** Releases all threads for one write each; returns the microseconds until `quorum` of them are durable. */
  append(quorum: number): number {
    assert(quorum >= 1 && quorum <= this.#count, 'a quorum is some of the threads');
    const start = performance.now();
    this.#release(MODE_ONCE);
    this.#awaitDone(quorum);
    const elapsed = (performance.now() - start) * 1e3;
    this.#awaitDone(this.#count);
    return elapsed;
  }

  /** Lets all threads write for `ms`; returns how many writes they made. */
  write(ms: number): number {
    const control = this.#control;
    Atomics.store(control, HALT_WORD, 0);
    this.#release(MODE_UNTIL_HALT);
    Atomics.wait(control, HALT_WORD, 0, ms);
    Atomics.store(control, HALT_WORD, 1);
    this.#awaitDone(this.#count);
    let writes = 0;
    for (let index = 0; index < this.#count; index++) writes += control[WRITES_WORD + index * THREAD_WORDS];
    return writes;
  }

  async close(): Promise<void> {
    const exits = this.#threads.map((thread) => once(thread, 'exit'));
    this.#release(MODE_EXIT);
    await Promise.all(exits);
  }

  #release(mode: number): void {
    const control = this.#control;
    Atomics.store(control, DONE_WORD, 0);
    Atomics.store(control, MODE_WORD, mode);
    Atomics.add(control, GO_WORD, 1);
    Atomics.notify(control, GO_WORD);
  }

  #awaitDone(count: number): void {
    for (;;) {
      const done = Atomics.load(this.#control, DONE_WORD);
      if (done >= count) return;
      Atomics.wait(this.#control, DONE_WORD, done);
    }
  }
}

/** Writes zeros and makes them durable: unwritten extents would double the cost of the first write to each. */
export function zeroFill(path: string, bytes = FILE_BYTES): void {
  const fd = openSync(path, 'w');
  const zeros = new Uint8Array(FILL_BYTES);
  for (let at = 0; at < bytes; at += FILL_BYTES) writeSync(fd, zeros, 0, FILL_BYTES, at);
  fsyncSync(fd);
  closeSync(fd);
}

export function allowsDirect(path: string): boolean {
  try {
    closeSync(openSync(path, durableFlags(true)));
    return true;
  } catch {
    return false;
  }
}
