/**
 * A worker without log and groups, for the supervisor. `machine` says how it behaves; each life counts in a word of its own,
 * so that a test can see whether the thread of a former life still runs.
 */
import { receiveMessageOnPort, threadId } from 'node:worker_threads';
import {
  WORKER_BEAT_WORD,
  WORKER_CLOCK_WORD,
  WORKER_STOP_WORD,
  WORKER_THREAD_ID_WORD,
} from '../../../src/memory/descriptor.ts';
import type { WorkerData, WorkerMessage } from '../../../workers/worker-data.ts';

const TURN_MS = 1;
/** So long 'tells' tells of its progress before it is ready. */
export const TELLING_MS = 1600;
const TELLS = 32;
/** Lives that 'crashes' dies. */
export const CRASHES = 3;

/** Word in which the life with owner epoch `epoch` counts its turns. */
export const lifeWord = (epoch: number): number => WORKER_CLOCK_WORD + epoch;

/** The piscina task. */
export async function run(data: WorkerData): Promise<void> {
  const words = new Int32Array(data.block);
  const post = (message: WorkerMessage): void => data.control.postMessage(message);
  const isFirst = data.ownerEpoch === 1;
  Atomics.store(words, WORKER_THREAD_ID_WORD, threadId);
  if (data.machine === 'damaged') {
    post({ kind: 'error', code: 'ERR_SYNOD_LOG_DAMAGED', message: 'it rots', groupId: undefined, slot: undefined });
    throw new Error('lost on its way');
  }
  if (data.machine === 'throws') throw new Error('no good');
  for (let n = 0; n < TELLS && data.machine === 'tells'; n++) {
    post({ kind: 'progress', what: 'log', bytes: n, total: TELLS });
    Atomics.wait(words, WORKER_STOP_WORD, 0, TELLING_MS / TELLS);
  }
  if (data.machine !== 'late') {
    post({
      kind: 'ready',
      device: 'fake',
      deviceReason: 'asked for',
      durable: false,
      native: false,
      recoveredRecords: data.ownerEpoch,
      recoveredBytes: 0,
    });
  }
  if (data.machine === 'crashes' && data.ownerEpoch <= CRASHES) throw new Error('again');
  if (data.machine === 'returns' && isFirst) return;
  if (data.machine === 'lingers' && isFirst) {
    setInterval(() => Atomics.add(words, lifeWord(data.ownerEpoch), 1), TURN_MS);
    throw new Error('the task ends, its thread goes on');
  }
  turnUntilStop(data, words, post);
}

/** Beats and echoes suspicions as warnings until STOP. */
function turnUntilStop(data: WorkerData, words: Int32Array, post: (message: WorkerMessage) => void): void {
  while (Atomics.load(words, WORKER_STOP_WORD) === 0) {
    Atomics.add(words, WORKER_BEAT_WORD, 1);
    Atomics.add(words, lifeWord(data.ownerEpoch), 1);
    const control = receiveMessageOnPort(data.control)?.message;
    if (control?.kind === 'suspect') post({ kind: 'warning', message: `suspects ${control.memberIndex}` });
    Atomics.wait(words, WORKER_STOP_WORD, 0, TURN_MS);
  }
}
