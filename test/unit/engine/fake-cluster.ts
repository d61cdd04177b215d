/**
 * The user's handle over groups that run on this thread: the production Cluster, Router, Pump and Proposals, and a supervisor
 * that hands control messages to FakeGroups instead of threads.
 */

import { type ClusterOptions, validateOptions } from '../../../src/config.ts';
import { Cluster } from '../../../src/engine/cluster.ts';
import type { SharedMemory } from '../../../src/engine/shared-memory.ts';
import type { Supervisor, WorkerSlot } from '../../../src/engine/supervisor.ts';
import { DOORBELL_WORDS } from '../../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell, Sleeper } from '../../../src/memory/doorbell.ts';
import type { ControlMessage } from '../../../workers/worker-data.ts';
import { FakeGroup } from './fake-group.ts';

const REPLICAS = 3;

export class FakeCluster {
  readonly groups: FakeGroup[];
  readonly cluster: Cluster;
  readonly slots: WorkerSlot[];
  /** Control messages, with the replica that got them. */
  readonly posted: { replica: number; message: ControlMessage }[] = [];
  readonly calls: string[] = [];
  readonly #clientDoorbell: Doorbell;
  #alive: NodeJS.Timeout | undefined;
  #isDriving = true;

  /** All groups on one worker per replica; every group is led by replica 0. */
  constructor(shards = 1, options: ClusterOptions = {}) {
    const config = validateOptions({ durability: 'memory', shards, payloadBytesMax: 4096, ...options });
    this.groups = Array.from({ length: shards }, () => new FakeGroup(REPLICAS));
    this.slots = Array.from({ length: REPLICAS }, (_, replica) => this.#slot(replica));
    const clientDoorbell = new SharedArrayBuffer(DOORBELL_WORDS * 4);
    const waker = new AtomicsWaker(clientDoorbell);
    this.#clientDoorbell = new Doorbell(clientDoorbell, 0, waker);
    const status = Array.from({ length: REPLICAS }, (_, replica) =>
      this.groups.map((group) => group.statuses[replica]![0]!),
    );
    this.cluster = new Cluster({
      config,
      hosting: { logs: 1, workers: 1 },
      memory: { status, clientDoorbell } as unknown as SharedMemory,
      sleeper: new Sleeper(clientDoorbell, 0, waker),
      release: () => this.calls.push('release'),
    });
    this.cluster.begin(this.#supervisor());
    for (const group of this.groups) group.elect(0);
  }

  /** Runs `check` while the groups work after every turn of the event loop; then closes. */
  static async run(
    check: (fake: FakeCluster) => Promise<void>,
    shards = 1,
    options: ClusterOptions = {},
  ): Promise<void> {
    const fake = new FakeCluster(shards, options);
    fake.#alive = setInterval(() => {}, 1000);
    const driven = fake.#drive();
    try {
      await check(fake);
    } finally {
      await fake.cluster.close();
      fake.#isDriving = false;
      await driven;
      clearInterval(fake.#alive);
    }
  }

  /** Turns of the event loop until it holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await loopTurn();
  }

  async #drive(): Promise<void> {
    while (this.#isDriving) {
      for (const group of this.groups) group.work();
      this.#clientDoorbell.ring();
      await loopTurn();
    }
  }

  #slot(replica: number): WorkerSlot {
    const doorbell = { ring: () => false } as Doorbell;
    return { replica, worker: 0, isUp: true, restarts: 0, ready: undefined, doorbell } as unknown as WorkerSlot;
  }

  #supervisor(): Supervisor {
    const supervisor = {
      slots: this.slots,
      slot: (replica: number) => this.slots[replica],
      post: (slot: WorkerSlot, message: ControlMessage) => this.#onPosted(slot.replica, message),
      terminate: (slot: WorkerSlot) => this.calls.push(`terminate ${slot.replica}`),
      close: async () => void this.calls.push('close'),
    };
    return supervisor as unknown as Supervisor;
  }

  #onPosted(replica: number, message: ControlMessage): void {
    this.posted.push({ replica, message });
    if (message.kind !== 'lane') return;
    const { laneId, groupId, lane, completions } = message.lane;
    this.groups[groupId]!.addTap(replica, laneId, lane, completions);
  }
}

function loopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
