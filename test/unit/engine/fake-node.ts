/** A node's handle over a supervisor and a transport that only write down what they are told. */
import { type NodeOptions, validateNodeOptions } from '../../../src/config.ts';
import { Node } from '../../../src/engine/node.ts';
import { NodeMemory } from '../../../src/engine/node-memory.ts';
import type { Supervisor, WorkerSlot } from '../../../src/engine/supervisor.ts';
import type { TransportHost } from '../../../src/engine/transport-host.ts';
import { AtomicsWaker, type Doorbell, Sleeper } from '../../../src/memory/doorbell.ts';
import { StatusWriter } from '../../../src/memory/status-block.ts';
import type { ControlMessage, TransportControl } from '../../../workers/worker-data.ts';

/** Node 20 of nodes 10, 20 and 30, on one worker. */
export class FakeNode {
  readonly node: Node;
  readonly memory: NodeMemory;
  readonly statuses: StatusWriter[];
  readonly slot: WorkerSlot;
  readonly posted: ControlMessage[] = [];
  readonly transported: TransportControl[] = [];
  readonly calls: string[] = [];

  constructor(options: NodeOptions = {}) {
    const members = '10@:7001,20@:7002,30@:7003';
    const config = validateNodeOptions({
      id: 20,
      members,
      durability: 'memory',
      shards: 2,
      closeTimeoutMs: 100,
      ...options,
    });
    const hosting = { logs: 1, workers: 1 };
    this.memory = new NodeMemory({ ...config, memoryLogBytes: 1 }, hosting, 1);
    this.statuses = this.memory.status.map((block) => new StatusWriter(block));
    const doorbell = { ring: () => false } as Doorbell;
    this.slot = {
      replica: 0,
      worker: 0,
      isUp: true,
      epoch: 1,
      restarts: 0,
      ready: undefined,
      doorbell,
    } as unknown as WorkerSlot;
    const sleeper = new Sleeper(this.memory.clientDoorbell, 0, new AtomicsWaker(this.memory.clientDoorbell));
    const release = (): void => void this.calls.push('release');
    this.node = new Node({ config, hosting, self: 1, memory: this.memory, sleeper, release });
    this.node.join(this.#supervisor(), this.#transport());
  }

  /** The worker is up, in its next life. */
  restart(): void {
    this.slot.epoch += 1;
    this.slot.restarts += 1;
    this.slot.isUp = true;
    this.node.onWorkerUp(this.slot);
  }

  #supervisor(): Supervisor {
    return {
      slots: [this.slot],
      slot: () => this.slot,
      post: (_slot: WorkerSlot, message: ControlMessage) => void this.posted.push(message),
      terminate: () => this.calls.push('terminate'),
      close: async () => void this.calls.push('close workers'),
    } as unknown as Supervisor;
  }

  #transport(): TransportHost {
    return {
      address: { host: '127.0.0.1', port: 7002 },
      post: (message: TransportControl) => void this.transported.push(message),
      close: async () => void this.calls.push('close transport'),
    } as unknown as TransportHost;
  }
}
