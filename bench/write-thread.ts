/**
 * A thread that writes blocks durably to a file of its own when told: the bare cost of the medium, and of waking a thread.
 *
 *   main: GO + 1, notify ─▶ thread: pwrite (once, or until HALT) ─▶ DONE + 1, notify ─▶ main
 *
 * A thread without a file only answers: the round trip of two wakes.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { alignedMemory } from '../src/memory/aligned-memory.ts';

/** Words of the control block; each alone on its cache lines. */
export const GO_WORD = 0;
export const DONE_WORD = 32;
/** 1 = finish the round that writes on and on. */
export const HALT_WORD = 64;
export const MODE_WORD = 96;
/** Writes of thread `t` in the last round: word WRITES_WORD + t * THREAD_WORDS. */
export const WRITES_WORD = 128;
export const THREAD_WORDS = 32;

export const MODE_ONCE = 0;
export const MODE_UNTIL_HALT = 1;
export const MODE_EXIT = 2;

export interface WriteThreadData {
  control: SharedArrayBuffer;
  threadIndex: number;
  /** Undefined: writes nothing. */
  path: string | undefined;
  writeBytes: number;
  /** The part of the file that this thread writes, again and again from its start. */
  firstByte: number;
  regionBytes: number;
  isDirect: boolean;
}

/** Flags of a descriptor on which a completed write is durable. */
export function durableFlags(isDirect: boolean): number {
  return constants.O_WRONLY | constants.O_DSYNC | (isDirect ? constants.O_DIRECT : 0);
}

function serve(data: WriteThreadData): void {
  const { path, writeBytes, firstByte, regionBytes, threadIndex } = data;
  const control = new Int32Array(data.control);
  const fd = path === undefined ? -1 : openSync(path, durableFlags(data.isDirect));
  const block = new Uint8Array(alignedMemory(Math.max(writeBytes, 1)), 0, writeBytes).fill(0x5a);
  let offset = 0;
  const write = (): void => {
    if (fd < 0) return;
    if (writeSync(fd, block, 0, writeBytes, firstByte + offset) !== writeBytes) throw new Error('a short write');
    offset = offset + 2 * writeBytes > regionBytes ? 0 : offset + writeBytes;
  };
  let round = Atomics.load(control, GO_WORD);
  parentPort?.postMessage('ready');
  for (;;) {
    Atomics.wait(control, GO_WORD, round);
    round = Atomics.load(control, GO_WORD);
    const mode = Atomics.load(control, MODE_WORD);
    if (mode === MODE_EXIT) break;
    let writes = 0;
    do {
      write();
      writes++;
    } while (mode === MODE_UNTIL_HALT && Atomics.load(control, HALT_WORD) === 0);
    Atomics.store(control, WRITES_WORD + threadIndex * THREAD_WORDS, writes);
    Atomics.add(control, DONE_WORD, 1);
    Atomics.notify(control, DONE_WORD);
  }
  if (fd >= 0) closeSync(fd);
}

if (!isMainThread && workerData !== null && 'writeBytes' in workerData) serve(workerData as WriteThreadData);
