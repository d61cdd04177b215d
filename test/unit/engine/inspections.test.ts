/** Every inspection is settled: by its answer, by the failure of its query, or by the death of its worker. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import { type Inspection, Inspections } from '../../../src/engine/inspections.ts';
import type { WorkerSlot } from '../../../src/engine/supervisor.ts';
import { REPLY_OK, REPLY_QUERY_FAILED } from '../../../src/memory/descriptor.ts';

const slot = (replica: number, isUp = true): WorkerSlot => ({ replica, worker: 0, isUp }) as WorkerSlot;
const codeOf = (promise: Promise<Inspection>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: SynodError) => error.code,
  );

const test = suite('inspections');

test('answers find their questions, in any order', async () => {
  const inspections = new Inspections();
  const asked: number[] = [];
  const answers = [0, 1, 2].map((replica) => inspections.ask(slot(replica), (requestId) => asked.push(requestId)));
  for (const at of [2, 0, 1]) {
    const requestId = asked[at]!;
    inspections.settle({ kind: 'inspected', requestId, status: REPLY_OK, applied: at, reply: Uint8Array.of(at) });
  }
  assert.equal(
    await Promise.all(answers),
    [0, 1, 2].map((at) => ({ applied: at, reply: Uint8Array.of(at) })),
  );
});

test('a query that threw rejects with the message of the machine', async () => {
  const inspections = new Inspections();
  let asked = 0;
  const answer = inspections.ask(slot(0), (requestId) => {
    asked = requestId;
  });
  const reply = new TextEncoder().encode('no such key');
  inspections.settle({ kind: 'inspected', requestId: asked, status: REPLY_QUERY_FAILED, applied: 1, reply });
  const error = await answer.then(
    () => undefined,
    (reason: SynodError) => reason,
  );
  assert.is(error?.code, 'ERR_SYNOD_MACHINE_FAILED');
  assert.match(error!.message, /no such key/);
});

test('the death of a worker rejects what it was asked, and nothing else', async () => {
  const inspections = new Inspections();
  const [dead, alive] = [slot(0), slot(1)];
  let asked = 0;
  const lost = codeOf(inspections.ask(dead, () => {}));
  const kept = codeOf(
    inspections.ask(alive, (requestId) => {
      asked = requestId;
    }),
  );
  inspections.fail(dead);
  assert.is(await lost, 'ERR_SYNOD_WORKER_START');
  inspections.settle({ kind: 'inspected', requestId: asked, status: REPLY_OK, applied: 0, reply: new Uint8Array(0) });
  assert.is(await kept, 'resolved');
});

test('a worker that is down is not asked; an answer that nobody waits for is passed over', async () => {
  const inspections = new Inspections();
  assert.is(await codeOf(inspections.ask(slot(0, false), () => assert.unreachable())), 'ERR_SYNOD_WORKER_START');
  inspections.settle({ kind: 'inspected', requestId: 99, status: REPLY_OK, applied: 0, reply: new Uint8Array(0) });
});

test.run();
