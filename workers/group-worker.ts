/**
 * Thread entry of a group worker: opens its log, recovers its groups, runs the duty cycle until STOP.
 * Runs as one long piscina task; a throw ends the task, and the supervisor starts a replacement.
 */
import { receiveMessageOnPort, threadId } from 'node:worker_threads';
import { SynodError } from '../src/base/errors.ts';
import {
  logErrorWordOf,
  WORKER_OWNER_WORD,
  WORKER_READY_WORD,
  WORKER_THREAD_ID_WORD,
} from '../src/memory/descriptor.ts';
import { buildWorker } from '../src/runtime/build-worker.ts';
import { GroupAgent } from '../src/runtime/group-agent.ts';
import { AllocationMeter } from './allocation-meter.ts';
import { ControlDesk } from './control-desk.ts';
import type { WorkerData, WorkerMessage } from './worker-data.ts';

/** The piscina task. */
export async function run(data: WorkerData): Promise<void> {
  const words = new Int32Array(data.block);
  takeOwnership(words, data);
  const post = (message: WorkerMessage): void => data.control.postMessage(message);
  try {
    const meter = new AllocationMeter();
    const worker = await buildWorker(data, post);
    const desk = new ControlDesk(worker, meter, post, () => receiveMessageOnPort(data.control)?.message);
    const agent = new GroupAgent(worker.host, { ...worker.ports, onControl: () => desk.handleAll() });
    Atomics.store(words, WORKER_READY_WORD, 1);
    post(worker.ready);
    agent.run();
    worker.close();
  } catch (error) {
    post(describe(error));
    throw error;
  } finally {
    Atomics.store(words, WORKER_READY_WORD, 0);
    data.control.close();
  }
}

/** The owner word is an assertion: the supervisor wrote our epoch before it started us, and nobody else runs on these rings (S22). */
function takeOwnership(words: Int32Array, { ownerEpoch, logs }: WorkerData): void {
  if (Atomics.load(words, WORKER_OWNER_WORD) !== ownerEpoch) {
    throw new SynodError('ERR_SYNOD_INVARIANT', 'Another task owns the rings of this worker.');
  }
  Atomics.store(words, WORKER_THREAD_ID_WORD, threadId);
  for (let index = 0; index < logs.length; index++) Atomics.store(words, logErrorWordOf(index), 0);
}

function describe(error: unknown): WorkerMessage {
  const isOurs = error instanceof SynodError;
  const message = error instanceof Error ? error.message : String(error);
  return {
    kind: 'error',
    code: isOurs ? error.code : 'ERR_SYNOD_WORKER_START',
    message,
    groupId: undefined,
    slot: undefined,
  };
}
