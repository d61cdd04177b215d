/**
 * The addon over the test medium (test/native/double): the same sources, linked so that its system calls can be recorded, fail, and
 * be held back. Compiled when it is first needed; undefined where no compiler is.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NativeBinding } from '../../src/native-binding.ts';

const ADDON = fileURLToPath(new URL('./double.node', import.meta.url));
const BUILD = fileURLToPath(new URL('../../native/build.js', import.meta.url));

/** What the medium was asked, in order. */
export interface MediumEvent {
  /**
   * 'write' asked and, by its id, 'written'; 'sync' and 'synced'; 'store' and the 'fence' behind it; 'rename', 'unlink'; 'mark', the test's
   * own.
   */
  kind: 'write' | 'written' | 'sync' | 'synced' | 'store' | 'fence' | 'rename' | 'unlink' | 'mark';
  id: number;
  /** Name in the log's directory; a rename is from `file` to `other`. */
  file: string;
  other: string;
  offset: number;
  /** The write is durable once it is written. */
  isSync: boolean;
  bytes: Uint8Array;
}

export interface MediumControls {
  /** Forgets faults, marks, gates and the trace. */
  mediumReset(): void;
  /** Which io_uring the next logs find. */
  mediumUring(mode: 'real' | 'refused' | 'fake'): void;
  /** The nth call of that name fails with the errno, or does half of its work where that is -1. */
  mediumFail(call: string, nth: number, errno: number): void;
  /** How often each call was made since the last reset. */
  mediumCalls(): Record<string, number>;
  /** The nth write to a segment from now on is done, and not told. */
  mediumHold(nth: number): void;
  /** So are all. */
  mediumHoldAll(): void;
  /** Ids of the writes that are held. */
  mediumHeld(): number[];
  /** Tells a held write, or all, and holds none from now on. */
  mediumLetGo(id?: number): void;
  mediumRecord(): void;
  mediumMark(id: number): void;
  mediumTrace(): MediumEvent[];
}

export type DoubleBinding = NativeBinding & MediumControls;

let loaded: DoubleBinding | undefined;

export function loadDouble(): DoubleBinding | undefined {
  if (loaded !== undefined) return loaded;
  spawnSync(process.execPath, [BUILD, '--double'], { encoding: 'utf8' });
  if (!existsSync(ADDON)) return undefined;
  loaded = createRequire(import.meta.url)(ADDON) as DoubleBinding;
  return loaded;
}
