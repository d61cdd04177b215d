/** The thread entry, run in this thread: ownership, readiness, the way out. */
import { once } from 'node:events';
import { MessageChannel, threadId } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  WORKER_LOG_ERROR_WORD,
  WORKER_OWNER_WORD,
  WORKER_READY_WORD,
  WORKER_STOP_WORD,
  WORKER_THREAD_ID_WORD,
  WORKER_WORDS,
} from '../../../src/memory/descriptor.ts';
import { run } from '../../../workers/group-worker.ts';
import type { WorkerMessage } from '../../../workers/worker-data.ts';
import { hasCode } from '../../support/device-suite.ts';
import { makeWorkerData } from '../../support/worker-data.ts';

const EPOCH = 4;

/** A worker that is told to stop before its first turn. */
function birth(machine = 'counter') {
  const { port1, port2 } = new MessageChannel();
  const block = new SharedArrayBuffer(WORKER_WORDS * 4);
  const words = new Int32Array(block);
  words[WORKER_OWNER_WORD] = EPOCH;
  words[WORKER_STOP_WORD] = 1;
  words[WORKER_LOG_ERROR_WORD] = 5;
  const data = makeWorkerData(port1, { ownerEpoch: EPOCH, block, machine });
  const messages: WorkerMessage[] = [];
  port2.on('message', (message: WorkerMessage) => messages.push(message));
  return { data, words, messages, closed: once(port2, 'close') };
}

const failureOf = (task: Promise<void>): Promise<unknown> =>
  task.then(
    () => undefined,
    (error: unknown) => error,
  );

const test = suite('workers/group-worker');

test('a task that was told to stop says that it was ready, and ends', async () => {
  const { data, words, messages, closed } = birth();
  await run(data);
  await closed;
  assert.equal(
    messages.map(({ kind }) => kind),
    ['ready'],
  );
  assert.equal(
    [words[WORKER_READY_WORD], words[WORKER_LOG_ERROR_WORD], words[WORKER_THREAD_ID_WORD]],
    [0, 0, threadId],
  );
});

test('rings that another task owns are not touched (S22)', async () => {
  const { data, words } = birth();
  words[WORKER_OWNER_WORD] = EPOCH + 1;
  words[WORKER_THREAD_ID_WORD] = 77;
  const error = await failureOf(run(data));
  data.control.close();
  assert.ok(hasCode('ERR_SYNOD_INVARIANT')(error));
  assert.equal([words[WORKER_THREAD_ID_WORD], words[WORKER_LOG_ERROR_WORD]], [77, 5]);
});

test('a failed start is told with its code before the task ends with it', async () => {
  const { data, words, messages, closed } = birth('./no-such-machine.js');
  const error = await failureOf(run(data));
  await closed;
  assert.ok(hasCode('ERR_SYNOD_MACHINE_MODULE')(error));
  assert.is(messages.length, 1);
  const [told] = messages;
  assert.equal([told?.kind, told?.kind === 'error' && told.code], ['error', 'ERR_SYNOD_MACHINE_MODULE']);
  assert.is(words[WORKER_READY_WORD], 0);
});

test.run();
