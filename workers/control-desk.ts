/**
 * Handles the coordinator's control messages inside the duty cycle. Rare and off the hot path: allocation is allowed here.
 */
import { REPLY_QUERY_FAILED } from '../src/memory/descriptor.ts';
import { type BuiltWorker, makeTap } from '../src/runtime/build-worker.ts';
import { DeviatingReplies } from '../src/runtime/replica-host.ts';
import type { AllocationMeter } from './allocation-meter.ts';
import type { ControlMessage, WorkerMessage } from './worker-data.ts';

export class ControlDesk {
  readonly #worker: BuiltWorker;
  readonly #meter: AllocationMeter;
  readonly #post: (message: WorkerMessage) => void;
  readonly #receive: () => unknown;

  constructor(
    worker: BuiltWorker,
    meter: AllocationMeter,
    post: (message: WorkerMessage) => void,
    receive: () => unknown,
  ) {
    this.#worker = worker;
    this.#meter = meter;
    this.#post = post;
    this.#receive = receive;
  }

  handleAll(): void {
    for (let message = this.#receive(); message !== undefined; message = this.#receive())
      this.#handle(message as ControlMessage);
  }

  #handle(message: ControlMessage): void {
    const host = this.#worker.host;
    switch (message.kind) {
      case 'lane':
        host.group(message.lane.groupId)?.addLane(makeTap(message.lane, this.#worker.forwards));
        break;
      case 'closeLane':
        for (const group of host.groups) group.removeLane(message.laneId);
        break;
      case 'suspect':
        host.suspect(message.memberIndex);
        break;
      case 'transfer':
        host.group(message.groupId)?.driver.transfer(message.memberIndex);
        break;
      case 'deviates':
        this.#stop(message.groupId, message.slot);
        break;
      case 'snapshot':
        host.group(message.groupId)?.snapshots?.ask();
        break;
      case 'published':
        for (const group of host.groups) group.snapshots?.settle(message.id, message.failure);
        break;
      case 'allocation':
        this.#measure(message.phase);
        break;
      case 'inspect':
        this.#inspect(message.requestId, message.groupId, message.query);
        break;
    }
  }

  #stop(groupId: number, slot: number): void {
    const host = this.#worker.host;
    const group = host.group(groupId);
    if (group !== undefined) host.stop(group, new DeviatingReplies(slot));
  }

  #measure(phase: 'start' | 'stop'): void {
    let commands = 0;
    for (const group of this.#worker.host.groups) commands += group.driver.applier.commands;
    if (phase === 'start') this.#meter.start(commands);
    else this.#post({ kind: 'allocation', ...this.#meter.stop(commands) });
  }

  #inspect(requestId: number, groupId: number, query: Uint8Array): void {
    const driver = this.#worker.host.group(groupId)?.driver;
    if (driver === undefined) return;
    const applier = driver.applier;
    if (applier.isRestoring) {
      const reply = new TextEncoder().encode('the replica is putting a snapshot in place: ask again');
      this.#post({ kind: 'inspected', requestId, status: REPLY_QUERY_FAILED, applied: driver.appliedWatermark, reply });
      return;
    }
    const bytes = new Uint8Array((query.length + 7) & ~7);
    bytes.set(query);
    applier.query(bytes, new Int32Array(bytes.buffer), 0, query.length, Number.MAX_SAFE_INTEGER);
    const reply = applier.queryBytes.slice(0, applier.queryLength);
    this.#post({ kind: 'inspected', requestId, status: applier.queryStatus, applied: driver.appliedWatermark, reply });
  }
}
