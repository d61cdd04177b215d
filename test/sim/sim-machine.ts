/**
 * The state machine of the simulation: registers by key, and per session the last request number, so that a command that is
 * applied twice, skipped or reordered shows at once. A session that is resumed gets another id, and keeps its name.
 *
 *   command  | key | value | session's name |  reply | position in the group's order (53 bits) | value before |
 *   query    | key |                         reply | commands applied so far      (53 bits) | value        |
 */
import { highWord } from '../../src/base/bits.ts';
import type { Command, Reply, StateMachine } from '../../src/runtime/state-machine.ts';

export const COMMAND_BYTES = 12;
export const QUERY_BYTES = 8;
const RESTORE_STEPS = 30;

export class SimMachine implements StateMachine {
  readonly registers = new Map<number, number>();
  /** Name of a session → last request number applied. */
  readonly numbers = new Map<number, number>();
  applied = 0;
  /** What went wrong, if anything did; the simulator looks. */
  violation = '';

  apply(command: Command, reply: Reply): void {
    const word = command.offset >> 2;
    const session = command.words[word + 2] as number;
    const expected = (this.numbers.get(session) ?? 0) + 1;
    if (command.number !== expected)
      this.violation = `session ${session}: number ${command.number} applied, ${expected} was next`;
    this.numbers.set(session, command.number);
    const key = command.words[word] as number;
    const before = this.registers.get(key) ?? 0;
    this.registers.set(key, command.words[word + 1] as number);
    this.applied += 1;
    this.#answer(reply, before);
  }

  query(query: Command, reply: Reply): void {
    this.#answer(reply, this.registers.get(query.words[query.offset >> 2] as number) ?? 0);
  }

  #answer(reply: Reply, value: number): void {
    const word = reply.offset >> 2;
    reply.words[word] = this.applied;
    reply.words[word + 1] = highWord(this.applied);
    reply.words[word + 2] = value;
    reply.length = 12;
  }

  snapshot(): Iterable<Uint8Array> {
    const pairs = [...this.registers, ...this.numbers].flat();
    const image = Float64Array.of(this.applied, this.registers.size, this.numbers.size, ...pairs);
    const bytes = new Uint8Array(image.buffer);
    return [bytes.slice(0, 8), bytes.slice(8)];
  }

  /** As slow as that of a machine of some MiB: other things happen in between. */
  *restore(chunks: Iterable<Uint8Array>): Generator<void> {
    for (let step = 0; step < RESTORE_STEPS; step++) yield;
    const [first, rest] = [...chunks] as [Uint8Array, Uint8Array];
    this.applied = new Float64Array(first.slice().buffer)[0] as number;
    const [registers = 0, numbers = 0, ...pairs] = new Float64Array(rest.slice().buffer);
    const all = Array.from(
      { length: pairs.length / 2 },
      (_, i) => [pairs[2 * i], pairs[2 * i + 1]] as [number, number],
    );
    this.registers.clear();
    this.numbers.clear();
    for (const [key, value] of all.slice(0, registers)) this.registers.set(key, value);
    for (const [key, value] of all.slice(registers)) this.numbers.set(key, value);
    if (this.numbers.size !== numbers) this.violation = 'a snapshot lost sessions';
  }
}
