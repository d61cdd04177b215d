/**
 * The log devices of the addon: asynchronous writes with O_DIRECT + O_DSYNC (io_uring, or threads), write + fdatasync, or stores
 * into persistent memory. A submission costs one call; its completion is a word in the worker block.
 * @hot
 */
import { constants } from 'node:os';
import { assert } from '../base/assert.ts';
import type { LogPosition } from '../base/types.ts';
import { LOG_BLOCK_BYTES } from '../limits.ts';
import { durableWordOf, logErrorWordOf, WORKER_DOORBELL_WORD } from '../memory/descriptor.ts';
import type { NativeBinding } from '../native-binding.ts';
import { deviceError } from './device-failure.ts';
import type { LogDevice } from './log.ts';

const REFUSED = -constants.errno.EINVAL;
const AGAIN = -constants.errno.EAGAIN;
/** Stores reach the medium by cache lines. */
const LINE_BYTES = 64;

export type NativeMode = 'dax' | 'direct' | 'buffered';

export class NativeDevice implements LogDevice {
  readonly name: NativeMode;
  readonly durable: boolean;
  readonly unitBytes: number;
  /** How bytes reach the medium, for people. */
  readonly means: string;
  readonly #binding: NativeBinding;
  readonly #words: Int32Array;
  readonly #directory: string;
  readonly #log: number;
  readonly #durableWord: number;
  readonly #errorWord: number;
  readonly #attached: number[] = [];

  constructor(
    binding: NativeBinding,
    directory: string,
    mode: NativeMode,
    durable: boolean,
    chunks: readonly SharedArrayBuffer[],
    block: SharedArrayBuffer,
    mayUseRing = true,
    /** Which of its worker's logs this is. */
    index = 0,
  ) {
    this.#durableWord = durableWordOf(index);
    this.#errorWord = logErrorWordOf(index);
    this.name = mode;
    this.durable = durable;
    this.unitBytes = mode === 'dax' ? LINE_BYTES : LOG_BLOCK_BYTES;
    this.#binding = binding;
    this.#directory = directory;
    this.#words = new Int32Array(block);
    this.#log = this.#check(binding.logOpen(directory, mode, mayUseRing), 'open');
    this.means = binding.logMeans(this.#log);
    let result = 0;
    for (let index = 0; index < chunks.length && result >= 0; index++) {
      result = binding.logAttach(this.#log, index, this.#attach(chunks[index] as SharedArrayBuffer));
    }
    if (result >= 0) {
      const id = this.#attach(block);
      result = binding.logBind(this.#log, id, this.#durableWord, this.#errorWord, WORKER_DOORBELL_WORD);
    }
    if (result < 0) this.close();
    this.#check(result, 'attach memory to');
  }

  submit(chunkIndex: number, offset: number, size: number, segment: number, alone: boolean): boolean {
    const result = this.#binding.logSubmit(this.#log, chunkIndex, offset, size, segment, alone);
    assert(result !== REFUSED, 'submissions are whole blocks of a chunk and its segment');
    return result === 0;
  }

  durableCount(): number {
    return Atomics.load(this.#words, this.#durableWord);
  }

  error(): number {
    return Atomics.load(this.#words, this.#errorWord);
  }

  read(position: LogPosition, target: Uint8Array, targetOffset: number, size: number): void {
    this.#check(this.#binding.logRead(this.#log, position, target, targetOffset, size), 'read');
  }

  openSegment(base: LogPosition, header: Uint8Array): void {
    this.#check(this.#binding.logOpenSegment(this.#log, base, header), 'open a segment of');
  }

  openAhead(base: LogPosition, header: Uint8Array): boolean {
    const result = this.#binding.logOpenAhead(this.#log, base, header);
    if (result === AGAIN) return false;
    this.#check(result, 'open a segment of');
    return true;
  }

  retireSegment(base: LogPosition): void {
    this.#binding.logRetire(this.#log, base);
  }

  close(): void {
    this.#binding.logClose(this.#log);
    for (let index = 0; index < this.#attached.length; index++) this.#binding.detach(this.#attached[index] as number);
    this.#attached.length = 0;
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
