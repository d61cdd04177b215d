/** Measurements of bytes allocated inside the workers: asked of all of them, answered by each in the order of asking. */
import type { WorkerMessage } from '../../workers/worker-data.ts';
import type { WorkerAllocation } from './engine-parts.ts';
import type { WorkerSlot } from './supervisor.ts';

export class Allocations {
  #waiting: ((found: WorkerAllocation) => void)[] = [];

  settle(slot: WorkerSlot, { bytes, commands }: Extract<WorkerMessage, { kind: 'allocation' }>): void {
    this.#waiting.shift()?.({ replica: slot.replica, worker: slot.worker, bytes, commands });
  }

  /** One figure per worker when it stops; zeros when it starts. */
  measure(
    slots: readonly WorkerSlot[],
    phase: 'start' | 'stop',
    post: (slot: WorkerSlot) => void,
  ): Promise<WorkerAllocation[]> {
    const answers = slots.map((slot): Promise<WorkerAllocation> => {
      const isOver = phase === 'stop';
      const answer = isOver ? new Promise<WorkerAllocation>((resolve) => this.#waiting.push(resolve)) : undefined;
      post(slot);
      return answer ?? Promise.resolve({ replica: slot.replica, worker: slot.worker, bytes: 0, commands: 0 });
    });
    return Promise.all(answers);
  }
}
