/**
 * The smallest ready-made machine: one number. A command of 8 bytes adds its number (two words); any query tells it.
 * Reply: the number, two words.
 * @hot
 */
import { fromWords, highWord } from '../base/bits.ts';
import type { Command, MachineOptions, Reply, StateMachine } from '../runtime/state-machine.ts';

const COMMAND_BYTES = 8;

export class CounterMachine implements StateMachine {
  readonly #value = new Float64Array(1);

  apply(command: Command, reply: Reply): void {
    if (command.length >= COMMAND_BYTES) {
      const word = command.offset >> 2;
      const sum =
        (this.#value[0] as number) + fromWords(command.words[word] as number, command.words[word + 1] as number);
      if (Number.isSafeInteger(sum)) this.#value[0] = sum;
    }
    this.query(command, reply);
  }

  query(_query: Command, reply: Reply): void {
    const word = reply.offset >> 2;
    reply.words[word] = this.#value[0] as number;
    reply.words[word + 1] = highWord(this.#value[0] as number);
    reply.length = COMMAND_BYTES;
  }

  snapshot(): Iterable<Uint8Array> {
    return [new Uint8Array(this.#value.slice().buffer)];
  }

  restore(chunks: Iterable<Uint8Array>): void {
    for (const chunk of chunks) this.#value[0] = new DataView(chunk.buffer, chunk.byteOffset).getFloat64(0, true); // reason: snapshots are not on the hot path
  }
}

export function createMachine(_options: MachineOptions): StateMachine {
  return new CounterMachine();
}
