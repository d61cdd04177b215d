/**
 * Shared memory that begins at a page boundary: devices that read and write around the page cache need it, and a plain
 * SharedArrayBuffer does not promise it. A shared WebAssembly memory does, on every version of Node.
 */
import { assert } from '../base/assert.ts';

const WASM_PAGE_BYTES = 65536;

/** The part of the WebAssembly API used here; the compiler's library for Node has none. */
interface WebAssemblyApi {
  Memory: new (descriptor: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer };
}

/** Zero-filled memory of `bytes`, rounded up to whole WebAssembly pages; untouched pages cost nothing. */
export function alignedMemory(bytes: number): SharedArrayBuffer {
  assert(bytes > 0, 'memory has a size');
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  const { Memory } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
  const buffer = new Memory({ initial: pages, maximum: pages, shared: true }).buffer;
  assert(buffer.byteLength >= bytes, 'the memory holds what was asked for');
  return buffer;
}
