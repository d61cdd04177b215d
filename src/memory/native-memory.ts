/**
 * Shared memory through the addon: parking and waking on words, copies and checksums by address.
 *
 *   view ──▶ Attached { id, start, words } ──▶ short and aligned: words here │ else: one call, by id and byte offset
 *
 * A buffer is attached when it is first seen and stays so as long as its thread runs: ask only for memory that lives as long.
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { NativeBinding } from '../native-binding.ts';
import { type Bulk, equalBytes } from './bulk.ts';
import type { Waker } from './doorbell.ts';

/** Parks and wakes on the words of one block through the addon, so that native threads can wake JavaScript ones. */
export class NativeWaker implements Waker {
  readonly #binding: NativeBinding;
  readonly #id: number;
  readonly #words: number;

  constructor(binding: NativeBinding, block: SharedArrayBuffer) {
    this.#binding = binding;
    this.#id = binding.attach(new Uint8Array(block));
    this.#words = block.byteLength >> 2;
    assert(this.#id >= 0, 'the addon takes any shared memory');
  }

  park(word: number, expected: number, timeoutUs: number): void {
    assert(word >= 0 && word < this.#words, 'a word to park on lies in its block');
    this.#binding.park(this.#id, word, expected, timeoutUs);
  }

  wake(word: number): void {
    assert(word >= 0 && word < this.#words, 'a word to wake lies in its block');
    this.#binding.wake(this.#id, word, 1);
  }
}

/** Up to here words are copied in TypeScript: the call into the addon costs as much as 200 bytes. */
const WORDS_BYTES_MAX = 128;

/** A view as the addon sees it (its buffer's id, its first byte there) and as words, where it begins at one. */
interface Attached {
  readonly id: number;
  readonly start: number;
  readonly length: number;
  readonly words: Int32Array;
}

class NativeBulk implements Bulk {
  readonly isNative = true;
  readonly #binding: NativeBinding;
  readonly #ids = new Map<ArrayBufferLike, number>();
  readonly #attached = new WeakMap<Uint8Array, Attached>();
  /** The views asked for last: most calls are for one of very few, and `buffer` of a view is slow to ask for. */
  #sourceView: Uint8Array | undefined;
  #source: Attached | undefined;
  #targetView: Uint8Array | undefined;
  #target: Attached | undefined;

  constructor(binding: NativeBinding) {
    this.#binding = binding;
  }

  copy(source: Uint8Array, sourceOffset: number, target: Uint8Array, targetOffset: number, size: number): void {
    const from = this.#sourceOf(source);
    if (target !== this.#targetView) {
      this.#target = this.#attachedOf(target);
      this.#targetView = target;
    }
    const to = this.#target as Attached;
    assert(sourceOffset >= 0 && size >= 0 && sourceOffset + size <= from.length, 'a copy reads inside its source');
    assert(targetOffset >= 0 && targetOffset + size <= to.length, 'a copy writes inside its target');
    if (size <= WORDS_BYTES_MAX && ((sourceOffset | targetOffset | size) & 3) === 0 && from.id !== to.id) {
      copyWords(from.words, sourceOffset >> 2, to.words, targetOffset >> 2, size >> 2);
    } else {
      this.#binding.copy(from.id, from.start + sourceOffset, to.id, to.start + targetOffset, size);
    }
  }

  crc32c(bytes: Uint8Array, offset: number, size: number): number {
    const from = this.#sourceOf(bytes);
    assert(offset >= 0 && size >= 0 && offset + size <= from.length, 'a checksum reads inside its bytes');
    return this.#binding.crc32c(from.id, from.start + offset, size, 0);
  }

  equal(left: Uint8Array, leftOffset: number, right: Uint8Array, rightOffset: number, size: number): boolean {
    return equalBytes(left, leftOffset, right, rightOffset, size);
  }

  #sourceOf(view: Uint8Array): Attached {
    if (view !== this.#sourceView) {
      this.#source = this.#attachedOf(view);
      this.#sourceView = view;
    }
    return this.#source as Attached;
  }

  #attachedOf(view: Uint8Array): Attached {
    const known = this.#attached.get(view);
    if (known !== undefined) return known;
    const attached = describe(view, this.#idOf(view.buffer));
    this.#attached.set(view, attached);
    return attached;
  }

  #idOf(buffer: ArrayBufferLike): number {
    const known = this.#ids.get(buffer);
    if (known !== undefined) return known;
    assert(buffer instanceof SharedArrayBuffer, 'only shared memory stays where it is');
    const id = this.#binding.attach(new Uint8Array(buffer));
    assert(id >= 0, 'the addon takes any shared memory');
    this.#ids.set(buffer, id);
    return id;
  }
}

function describe(view: Uint8Array, id: number): Attached {
  assert((view.byteOffset & 3) === 0, 'views of shared memory begin at words');
  const words = new Int32Array(view.buffer, view.byteOffset, view.length >> 2);
  return { id, start: view.byteOffset, length: view.length, words };
}

function copyWords(source: Int32Array, from: number, target: Int32Array, to: number, count: number): void {
  for (let word = 0; word < count; word++) target[to + word] = source[from + word] as number;
}

export function makeNativeBulk(binding: NativeBinding): Bulk {
  return new NativeBulk(binding);
}
