/**
 * The bare paths to the medium (bench/bare, C++), run between the engine's own windows: the same bytes, files and depth without a log.
 * Compiled when first needed; without a compiler the one path is `fs.writeSync` on O_DSYNC | O_DIRECT.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Histogram } from '../src/base/histogram.ts';
import { LOG_SEGMENT_BYTES, LOG_SPARE_SEGMENTS_MAX } from '../src/limits.ts';
import { alignedMemory } from '../src/memory/aligned-memory.ts';
import { allowsDirect, FILE_BYTES, zeroFill } from './raw-medium.ts';
import { durableFlags } from './write-thread.ts';

export type BareMode = 'pwrite' | 'uring' | 'fdatasync' | 'store';

interface BareAddon {
  open(path: string, mode: BareMode, size: number, depth: number, fileBytes: number): number;
  run(handle: number, latencies: Float64Array): number;
  close(handle: number): void;
}

/** One path, with all windows that it ran. */
export interface BarePath {
  readonly name: string;
  readonly latency: Histogram;
  operations: number;
  seconds: number;
  window(count: number): void;
  close(): void;
}

const ADDON = fileURLToPath(new URL('./bare.node', import.meta.url));
const BUILD = fileURLToPath(new URL('../native/build.js', import.meta.url));

/** As many bytes as the segments that a log writes in turn: stores into few pages are translated faster. */
const BARE_FILE_BYTES = (LOG_SPARE_SEGMENTS_MAX + 2) * LOG_SEGMENT_BYTES;

let addon: BareAddon | undefined;
let isTried = false;

function loadBare(): BareAddon | undefined {
  if (isTried) return addon;
  isTried = true;
  if (existsSync(BUILD)) spawnSync(process.execPath, [BUILD, '--bare']);
  if (existsSync(ADDON)) addon = createRequire(import.meta.url)(ADDON) as BareAddon;
  return addon;
}

/** The paths of these modes that the machine has; `writeBytes` at a time over a zero-filled file at `path`. */
export function openBarePaths(path: string, modes: readonly BareMode[], writeBytes: number, depth: number): BarePath[] {
  zeroFill(path, BARE_FILE_BYTES);
  const bare = loadBare();
  if (bare === undefined) return [new NodePath(path, writeBytes)];
  const paths: BarePath[] = [];
  for (const mode of modes) {
    const handle = bare.open(path, mode, writeBytes, depth, BARE_FILE_BYTES);
    if (handle > 0) paths.push(new NativePath(bare, handle, mode === 'uring' ? `${mode} x${depth}` : mode));
  }
  return paths;
}

class NativePath implements BarePath {
  readonly name: string;
  readonly latency = new Histogram();
  operations = 0;
  seconds = 0;
  readonly #addon: BareAddon;
  readonly #handle: number;

  constructor(bare: BareAddon, handle: number, name: string) {
    this.#addon = bare;
    this.#handle = handle;
    this.name = name;
  }

  window(count: number): void {
    const latencies = new Float64Array(count);
    const seconds = this.#addon.run(this.#handle, latencies);
    if (seconds < 0) throw new Error(`the bare path ${this.name} fails with errno ${-seconds}`);
    this.operations += count;
    this.seconds += seconds;
    for (const latency of latencies) this.latency.record(latency);
  }

  close(): void {
    this.#addon.close(this.#handle);
  }
}

class NodePath implements BarePath {
  readonly name: string;
  readonly latency = new Histogram();
  operations = 0;
  seconds = 0;
  readonly #file: number;
  readonly #block: Uint8Array;
  #at = 0;

  constructor(path: string, writeBytes: number) {
    const isDirect = allowsDirect(path);
    this.name = isDirect ? 'writeSync O_DIRECT' : 'writeSync';
    this.#file = openSync(path, durableFlags(isDirect));
    this.#block = new Uint8Array(alignedMemory(writeBytes), 0, writeBytes).fill(0x5a);
  }

  window(count: number): void {
    const size = this.#block.length;
    for (let write = 0; write < count; write++) {
      const start = performance.now();
      writeSync(this.#file, this.#block, 0, size, this.#at);
      const elapsed = performance.now() - start;
      this.latency.record(elapsed * 1e3);
      this.seconds += elapsed / 1e3;
      this.#at = this.#at + 2 * size > FILE_BYTES ? 0 : this.#at + size;
    }
    this.operations += count;
  }

  close(): void {
    closeSync(this.#file);
  }
}
