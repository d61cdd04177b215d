/** A counter that throws at a command with the byte 13; a shard of it stops, others go on. */
import type { StateMachine } from '../../../src/runtime/state-machine.ts';

const UNLUCKY = 13;

export function createMachine(): StateMachine {
  let count = 0;
  return {
    apply(command, reply) {
      if (command.bytes[command.offset] === UNLUCKY) throw new Error('thirteen');
      count += 1;
      reply.words[reply.offset >> 2] = count;
      reply.length = 4;
    },
    query(_query, reply) {
      reply.words[reply.offset >> 2] = count;
      reply.length = 4;
    },
    snapshot: () => [],
    restore() {},
  };
}
