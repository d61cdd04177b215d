/** A transport worker without sockets, for its host. The seed says how it behaves. */
import { receiveMessageOnPort } from 'node:worker_threads';
import { WORKER_STOP_WORD } from '../../../src/memory/descriptor.ts';
import type { TransportData, TransportMessage } from '../../../workers/worker-data.ts';

export const SOUND = 0;
export const REFUSES = 1;
export const DIES_ONCE = 2;
export const SILENT = 3;

const TURN_MS = 1;

/** The piscina task. */
export async function run(data: TransportData): Promise<void> {
  const words = new Int32Array(data.block);
  const post = (message: TransportMessage): void => data.control.postMessage(message);
  if (data.seed === REFUSES) {
    post({ kind: 'error', code: 'ERR_SYNOD_CONFIG', message: 'the address is taken' });
    throw new Error('lost on its way');
  }
  if (data.seed !== SILENT) post({ kind: 'ready', host: '127.0.0.1', port: data.ownerEpoch, native: false });
  if (data.seed === DIES_ONCE && data.ownerEpoch === 1) throw new Error('once');
  while (Atomics.load(words, WORKER_STOP_WORD) === 0) {
    const control = receiveMessageOnPort(data.control)?.message;
    if (control !== undefined) post({ kind: 'warning', message: `got ${control.kind}` });
    Atomics.wait(words, WORKER_STOP_WORD, 0, TURN_MS);
  }
}
