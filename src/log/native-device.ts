/**
 * The log device of the addon: asynchronous writes by its flusher threads, O_DIRECT + O_DSYNC or write + fdatasync.
 * A submission costs one call; its completion is a word in the worker block.
 * @hot
 */
import { SynodError } from '../base/errors.ts';
import type { LogPosition } from '../base/types.ts';
import { WORKER_DOORBELL_WORD, WORKER_DURABLE_WORD, WORKER_LOG_ERROR_WORD } from '../memory/descriptor.ts';
import type { NativeBinding } from '../native-binding.ts';
import type { LogDevice } from './log.ts';

/** Threads per log: two keep two writes in flight, which hides the device's flush latency (DESIGN.md). */
const FLUSHERS = 2;

export class NativeDevice implements LogDevice {
  readonly name: 'direct' | 'buffered';
  readonly durable: boolean;
  readonly #binding: NativeBinding;
  readonly #words: Int32Array;
  readonly #directory: string;
  readonly #log: number;

  constructor(
    binding: NativeBinding,
    directory: string,
    mode: 'direct' | 'buffered',
    durable: boolean,
    chunks: readonly SharedArrayBuffer[],
    block: SharedArrayBuffer,
  ) {
    this.name = mode;
    this.durable = durable;
    this.#binding = binding;
    this.#directory = directory;
    this.#words = new Int32Array(block);
    this.#log = this.#check(binding.logOpen(directory, mode, FLUSHERS), 'open');
    for (let index = 0; index < chunks.length; index++) {
      const id = binding.attach(new Uint8Array(chunks[index] as SharedArrayBuffer));
      this.#check(binding.logAttach(this.#log, index, id), 'attach');
    }
    const blockId = binding.attach(new Uint8Array(block));
    const bound = binding.logBind(this.#log, blockId, WORKER_DURABLE_WORD, WORKER_LOG_ERROR_WORD, WORKER_DOORBELL_WORD);
    this.#check(bound, 'bind');
  }

  submit(chunkIndex: number, offset: number, size: number, position: LogPosition, alone: boolean): boolean {
    return this.#binding.logSubmit(this.#log, chunkIndex, offset, size, position, alone) === 0;
  }

  durableCount(): number {
    return Atomics.load(this.#words, WORKER_DURABLE_WORD);
  }

  error(): number {
    return Atomics.load(this.#words, WORKER_LOG_ERROR_WORD);
  }

  read(position: LogPosition, target: Uint8Array, targetOffset: number, size: number): void {
    this.#check(this.#binding.logRead(this.#log, position, target, targetOffset, size), 'read');
  }

  openSegment(base: LogPosition, header: Uint8Array): void {
    this.#check(this.#binding.logOpenSegment(this.#log, base, header), 'open a segment of');
  }

  close(): void {
    this.#binding.logClose(this.#log);
  }

  /** Tests: the nth write from now on fails. */
  injectFault(nth: number, errno: number): void {
    this.#binding.logInjectFault(this.#log, nth, errno);
  }

  #check(result: number, what: string): number {
    if (result >= 0) return result;
    if (result === -ENOSPC) {
      throw new SynodError(
        'ERR_SYNOD_DISK_FULL',
        `${this.#directory}: no space left to ${what} the log; free some, writes resume by themselves.`,
      );
    }
    if (result === -EBUSY)
      throw new SynodError('ERR_SYNOD_DIRECTORY_LOCKED', `${this.#directory} is open in this process already.`);
    throw new SynodError(
      'ERR_SYNOD_LOG_FAILED',
      `${this.#directory}: cannot ${what} the log (errno ${-result}): check the medium, then restart.`,
    );
  }
}

const EBUSY = 16;
const ENOSPC = 28;
