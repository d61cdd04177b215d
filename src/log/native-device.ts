/**
 * The log device of the addon: asynchronous writes by its flusher threads, O_DIRECT + O_DSYNC or write + fdatasync.
 * A submission costs one call; its completion is a word in the worker block.
 * @hot
 */
import { constants } from 'node:os';
import { assert } from '../base/assert.ts';
import type { LogPosition } from '../base/types.ts';
import { WORKER_DOORBELL_WORD, WORKER_DURABLE_WORD, WORKER_LOG_ERROR_WORD } from '../memory/descriptor.ts';
import type { NativeBinding } from '../native-binding.ts';
import { deviceError } from './device-failure.ts';
import type { LogDevice } from './log.ts';
import { removeSegment } from './segment.ts';

/** Threads per log: two keep two writes in flight, which hides the device's flush latency (DESIGN.md). */
const FLUSHERS = 2;
const REFUSED = -constants.errno.EINVAL;

export class NativeDevice implements LogDevice {
  readonly name: 'direct' | 'buffered';
  readonly durable: boolean;
  readonly #binding: NativeBinding;
  readonly #words: Int32Array;
  readonly #directory: string;
  readonly #log: number;
  readonly #attached: number[] = [];

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
    let result = 0;
    for (let index = 0; index < chunks.length && result >= 0; index++) {
      result = binding.logAttach(this.#log, index, this.#attach(chunks[index] as SharedArrayBuffer));
    }
    if (result >= 0) {
      const id = this.#attach(block);
      result = binding.logBind(this.#log, id, WORKER_DURABLE_WORD, WORKER_LOG_ERROR_WORD, WORKER_DOORBELL_WORD);
    }
    if (result < 0) this.close();
    this.#check(result, 'attach memory to');
  }

  submit(chunkIndex: number, offset: number, size: number, position: LogPosition, alone: boolean): boolean {
    const result = this.#binding.logSubmit(this.#log, chunkIndex, offset, size, position, alone);
    assert(result !== REFUSED, 'submissions are whole blocks of a chunk and its segment');
    return result === 0;
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

  openAhead(base: LogPosition, header: Uint8Array): boolean {
    this.openSegment(base, header);
    return true;
  }

  retireSegment(base: LogPosition): void {
    removeSegment(this.#directory, base);
  }

  close(): void {
    this.#binding.logClose(this.#log);
    for (let index = 0; index < this.#attached.length; index++) this.#binding.detach(this.#attached[index] as number);
    this.#attached.length = 0;
  }

  /** Tests: the nth write from now on fails. */
  injectFault(nth: number, errno: number): void {
    this.#binding.logInjectFault(this.#log, nth, errno);
  }

  /** Tests: the nth write from now on waits, written but not completed, until `letGo` or `close`. */
  hold(nth: number): void {
    this.#binding.logHold(this.#log, nth);
  }

  get isHeld(): boolean {
    return this.#binding.logIsHeld(this.#log);
  }

  letGo(): void {
    this.#binding.logLetGo(this.#log);
  }

  #attach(memory: SharedArrayBuffer): number {
    const id = this.#binding.attach(new Uint8Array(memory));
    this.#attached.push(id);
    return id;
  }

  #check(result: number, what: string): number {
    if (result < 0) throw deviceError(this.#directory, what, -result);
    return result;
  }
}
