/** Calls a state machine as the applier does: payload in place, a reused reply. */
import type { StateMachine } from '../../src/runtime/state-machine.ts';

const REPLY_BYTES = 1 << 20;

export class MachineCalls {
  readonly #machine: StateMachine;
  readonly #reply = new Uint8Array(REPLY_BYTES);
  #number = 0;

  constructor(machine: StateMachine) {
    this.#machine = machine;
  }

  apply(payload: Uint8Array, logTimeMs = 0): Uint8Array {
    this.#number += 1;
    return this.#call('apply', payload, logTimeMs);
  }

  query(payload: Uint8Array, logTimeMs = 0): Uint8Array {
    return this.#call('query', payload, logTimeMs);
  }

  #call(method: 'apply' | 'query', payload: Uint8Array, logTimeMs: number): Uint8Array {
    const offset = 24;
    const bytes = new Uint8Array((offset + payload.length + 7) & ~7).fill(0xee);
    bytes.set(payload, offset);
    const command = {
      bytes,
      words: new Int32Array(bytes.buffer),
      offset,
      length: payload.length,
      session: 1,
      number: this.#number,
      logTimeMs,
      slot: 0,
    };
    const reply = {
      bytes: this.#reply,
      words: new Int32Array(this.#reply.buffer),
      offset: 0,
      capacity: REPLY_BYTES,
      length: 0,
    };
    this.#machine[method](command, reply);
    return this.#reply.slice(0, reply.length);
  }
}
