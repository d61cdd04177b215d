/** Loads the native addon; placeholder until the addon lands: nothing is loaded, the portable paths run. */
import type { Bulk } from './memory/bulk.ts';
import type { Waker } from './memory/doorbell.ts';
export interface NativeBinding {
  attach(view: Uint8Array): number;
  detach(id: number): void;
  crc32c(id: number, offset: number, length: number, seed: number): number;
  clockMs(id: number, index: number): void;
  park(id: number, word: number, expected: number, timeoutUs: number, spinNs: number): number;
  wake(id: number, word: number, count: number): void;
  logCloseDirectory(directory: string): void;
}
export function loadNative(_mode: 'auto' | 'required' | 'off'): { binding: NativeBinding | undefined; reason: string } {
  return { binding: undefined, reason: 'not built' };
}
export class NativeWaker implements Waker {
  constructor(_binding: NativeBinding, _block: SharedArrayBuffer) {}
  park(): void {}
  wake(): void {}
}
export function makeNativeBulk(_binding: NativeBinding): Bulk {
  throw new Error('no addon');
}
