/**
 * Thread entry of a node's transport worker: carries frames between the rings of the group workers and the peers' nodes until STOP.
 * Runs as one long piscina task with an event loop; a throw ends the task, and whoever supervises it starts a replacement: the rings
 * outlive it.
 */
import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import { threadId } from 'node:worker_threads';
import { SynodError } from '../src/base/errors.ts';
import { WORKER_OWNER_WORD, WORKER_READY_WORD, WORKER_THREAD_ID_WORD } from '../src/memory/descriptor.ts';
import { buildTransport } from '../src/transport/build-transport.ts';
import type { TransportControl, TransportData, TransportMessage } from './worker-data.ts';

/** For one address of a host that has several: the default of 250 ms ends before a far answer comes. */
const ADDRESS_MS_MAX = 1500;

/** The piscina task. */
export async function run(data: TransportData): Promise<void> {
  const words = new Int32Array(data.block);
  if (Atomics.load(words, WORKER_OWNER_WORD) !== data.ownerEpoch) {
    throw new SynodError('ERR_SYNOD_INVARIANT', 'Another task owns the rings of this worker.');
  }
  Atomics.store(words, WORKER_THREAD_ID_WORD, threadId);
  setDefaultAutoSelectFamilyAttemptTimeout(ADDRESS_MS_MAX);
  const post = (message: TransportMessage): void => data.control.postMessage(message);
  try {
    const transport = await buildTransport(data, post);
    data.control.on('message', (message: TransportControl) => {
      if (message.kind === 'reloadTls') void transport.reloadTls();
      else transport.links.readdress(message.memberIndex, message.host, message.port);
    });
    Atomics.store(words, WORKER_READY_WORD, 1);
    post(transport.ready);
    await transport.agent.run();
    transport.close();
  } catch (error) {
    post(describe(error));
    throw error;
  } finally {
    Atomics.store(words, WORKER_READY_WORD, 0);
    data.control.close();
  }
}

function describe(error: unknown): TransportMessage {
  const code = error instanceof SynodError ? error.code : 'ERR_SYNOD_WORKER_START';
  return { kind: 'error', code, message: error instanceof Error ? error.message : String(error) };
}
