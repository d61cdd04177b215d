/** Signs of life of a starting worker: regular, not many. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StartProgress } from '../../../src/runtime/start-progress.ts';

const test = suite('runtime/start-progress');

test('the first figure is told at once, the next ones a while apart', () => {
  let now = 1000;
  const told: unknown[] = [];
  const progress = new StartProgress(
    (message) => told.push(message),
    () => now,
  );
  for (let step = 0; step <= 100; step++) {
    progress.tell('log', step, 100);
    now += 10;
  }
  assert.equal(told.length, 6, 'one second, every 200 ms');
  assert.equal(told[0], { kind: 'progress', what: 'log', bytes: 0, total: 100 });
  assert.equal(told[1], { kind: 'progress', what: 'log', bytes: 20, total: 100 });
});

test('more than there is cannot be read', () => {
  const progress = new StartProgress(() => {});
  assert.throws(() => progress.tell('snapshot', 2, 1), /twice/);
});

test.run();
