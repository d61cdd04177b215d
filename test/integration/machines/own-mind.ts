/** A machine whose replies depend on the replica: what no machine may do. */
import type { MachineOptions, StateMachine } from '../../../src/runtime/state-machine.ts';

export function createMachine({ replicaIndex }: MachineOptions): StateMachine {
  return {
    apply(_command, reply) {
      reply.words[reply.offset >> 2] = replicaIndex;
      reply.length = 4;
    },
    query() {},
    snapshot: () => [],
    restore() {},
  };
}
