/**
 * Shared memory through the addon: parking and waking on words, copies and checksums by address.
 * @hot
 */
import type { NativeBinding } from '../native-binding.ts';
import { type Bulk, equalBytes } from './bulk.ts';
import type { Waker } from './doorbell.ts';

/** Parks and wakes on the words of one block through the addon, so that native threads can wake JavaScript ones. */
export class NativeWaker implements Waker {
  readonly #binding: NativeBinding;
  readonly #id: number;

  constructor(binding: NativeBinding, block: SharedArrayBuffer) {
    this.#binding = binding;
    this.#id = binding.attach(new Uint8Array(block));
  }

  park(word: number, expected: number, timeoutUs: number): void {
    this.#binding.park(this.#id, word, expected, timeoutUs);
  }

  wake(word: number): void {
    this.#binding.wake(this.#id, word, 1);
  }
}

/** Copies and checksums by address; a buffer is attached when it is first seen. */
class NativeBulk implements Bulk {
  readonly isNative = true;
  readonly #binding: NativeBinding;
  readonly #ids = new Map<ArrayBufferLike, number>();
  #sourceBuffer: ArrayBufferLike | undefined;
  #sourceId = -1;
  #targetBuffer: ArrayBufferLike | undefined;
  #targetId = -1;

  constructor(binding: NativeBinding) {
    this.#binding = binding;
  }

  copy(source: Uint8Array, sourceOffset: number, target: Uint8Array, targetOffset: number, size: number): void {
    if (target.buffer !== this.#targetBuffer) {
      this.#targetId = this.#idOf(target);
      this.#targetBuffer = target.buffer;
    }
    this.#binding.copy(this.#source(source), sourceOffset, this.#targetId, targetOffset, size);
  }

  crc32c(bytes: Uint8Array, offset: number, size: number): number {
    return this.#binding.crc32c(this.#source(bytes), offset, size, 0);
  }

  equal(left: Uint8Array, leftOffset: number, right: Uint8Array, rightOffset: number, size: number): boolean {
    return equalBytes(left, leftOffset, right, rightOffset, size);
  }

  #source(bytes: Uint8Array): number {
    if (bytes.buffer !== this.#sourceBuffer) {
      this.#sourceId = this.#idOf(bytes);
      this.#sourceBuffer = bytes.buffer;
    }
    return this.#sourceId;
  }

  /** Views start at their buffer's first byte, so one id per buffer is enough. */
  #idOf(bytes: Uint8Array): number {
    const known = this.#ids.get(bytes.buffer);
    if (known !== undefined) return known;
    const id = this.#binding.attach(new Uint8Array(bytes.buffer));
    this.#ids.set(bytes.buffer, id);
    return id;
  }
}

export function makeNativeBulk(binding: NativeBinding): Bulk {
  return new NativeBulk(binding);
}
