/**
 * The addon over the test medium (test/native/double): the same sources, linked so that its system calls can be recorded, fail, and
 * be held back. Compiled when it is first needed; undefined where no compiler is.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NativeBinding } from '../../src/native-binding.ts';
import type { MediumEvent } from '../support/power-cut.ts';

const ADDON = fileURLToPath(new URL('./double.node', import.meta.url));
const BUILD = fileURLToPath(new URL('../../native/build.js', import.meta.url));

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
