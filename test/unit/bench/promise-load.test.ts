import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PromiseLoad } from '../../../bench/promise-load.ts';
import { Histogram } from '../../../src/base/histogram.ts';

const test = suite('bench promise load');

const nextJob = () => new Promise((resolve) => setImmediate(resolve));

test('every slot calls again when its promise settled, until it is stopped', async () => {
  const latency = new Histogram();
  let running = 0;
  let most = 0;
  const load = new PromiseLoad(
    async () => {
      most = Math.max(most, ++running);
      await nextJob();
      running--;
    },
    5,
    latency,
  );
  load.start();
  while (load.completed < 50) await nextJob();
  await load.stop();
  const { completed } = load;
  await nextJob();
  assert.is(running, 0);
  assert.is(most, 5);
  assert.is(load.completed, completed, 'nothing begins after the stop');
  assert.is(latency.count, completed);
  assert.is(load.error, undefined);
});

test('a rejection is kept and ends the load', async () => {
  let calls = 0;
  const load = new PromiseLoad(
    () => (++calls === 7 ? Promise.reject(new Error('refused')) : nextJob()),
    3,
    new Histogram(),
  );
  load.start();
  while (load.error === undefined) await nextJob();
  await load.stop();
  assert.match((load.error as Error).message, /refused/);
  const seen = calls;
  await nextJob();
  assert.is(calls, seen);
});

test.run();
