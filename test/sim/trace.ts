/**
 * What happened, one line per state change: the last lines always, all of them and every frame where asked for. Nothing in it but what the
 * seed decides, so the same seed gives the same bytes on any machine.
 */
import type { MemberIndex, Tick } from '../../src/base/types.ts';
import { MESSAGE_FIELDS } from '../../src/paxos/message.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { describeMessage } from '../interaction/describe.ts';

const LINES = 40;
const message = new Float64Array(MESSAGE_FIELDS);

export class Trace {
  readonly #print: ((line: string) => void) | undefined;
  #lines: string[] = [];

  /** With `print`, which gets every line, frames are lines too. */
  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  /** True where frames are wanted. */
  get isFull(): boolean {
    return this.#print !== undefined;
  }

  add(tick: Tick, text: string): void {
    const line = `${String(tick).padStart(8)}  ${text}`;
    this.#print?.(line);
    this.#lines.push(line);
    if (this.#lines.length > 4 * LINES) this.#lines = this.#lines.slice(-LINES);
  }

  /** A frame that leaves; its header stands at word `start`. */
  addFrame(tick: Tick, to: MemberIndex, words: Int32Array, start: number): void {
    decodeFrame(words, start, to, message);
    this.add(tick, describeMessage(message));
  }

  last(): string[] {
    return this.#lines.slice(-LINES);
  }
}
