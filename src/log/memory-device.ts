/** The device of a volatile log: there is no medium, and it says so. The log itself keeps everything (log/volatile-log). */
import { SynodError } from '../base/errors.ts';
import type { LogDevice } from './log.ts';

export class MemoryDevice implements LogDevice {
  readonly name = 'memory';
  readonly durable = false;
  #count = 0;

  submit(): boolean {
    this.#count = (this.#count + 1) | 0;
    return true;
  }

  durableCount(): number {
    return this.#count;
  }

  error(): number {
    return 0;
  }

  read(): void {
    throw new SynodError('ERR_SYNOD_LOG_FAILED', 'A volatile log has no medium to read from.');
  }

  openSegment(): void {}

  openAhead(): boolean {
    return true;
  }

  retireSegment(): void {}

  close(): void {}
}
