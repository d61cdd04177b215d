/**
 * Queries to one replica's own machine, for audits: asked on the control port, answered there, and settled in any case, also
 * when the worker dies in between.
 */
import type { WorkerMessage } from '../../workers/worker-data.ts';
import { SynodError } from '../base/errors.ts';
import { REPLY_OK } from '../memory/descriptor.ts';
import type { WorkerSlot } from './supervisor.ts';

/** What a replica's own machine answered, and how far it had applied. */
export interface Inspection {
  applied: number;
  reply: Uint8Array;
}

type InspectedMessage = Extract<WorkerMessage, { kind: 'inspected' }>;

interface Pending {
  slot: WorkerSlot;
  resolve(inspection: Inspection): void;
  reject(error: SynodError): void;
}

export class Inspections {
  readonly #pending = new Map<number, Pending>();
  #nextRequest = 1;

  /** `post` sends the query under the number it is given. */
  ask(slot: WorkerSlot, post: (requestId: number) => void): Promise<Inspection> {
    if (!slot.isUp) return Promise.reject(workerDown(slot));
    const requestId = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      this.#pending.set(requestId, { slot, resolve, reject });
      post(requestId);
    });
  }

  settle({ requestId, status, applied, reply }: InspectedMessage): void {
    const pending = this.#pending.get(requestId);
    if (pending === undefined) return;
    this.#pending.delete(requestId);
    if (status === REPLY_OK) pending.resolve({ applied, reply });
    else
      pending.reject(new SynodError('ERR_SYNOD_MACHINE_FAILED', `The query threw: ${new TextDecoder().decode(reply)}`));
  }

  /** The worker died: what it was asked will not be answered. */
  fail(slot: WorkerSlot): void {
    for (const [requestId, pending] of this.#pending) {
      if (pending.slot !== slot) continue;
      this.#pending.delete(requestId);
      pending.reject(workerDown(slot));
    }
  }
}

function workerDown(slot: WorkerSlot): SynodError {
  return new SynodError(
    'ERR_SYNOD_WORKER_START',
    `Worker ${slot.worker} of replica ${slot.replica} is down: try again once it is back.`,
  );
}
