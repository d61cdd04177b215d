/** Three nodes whose links are slow, lossy or reset. Every history is linearizable. */
import { suite } from 'uvu';
import { onStage } from '../support/fault-stage.ts';

const test = suite('integration/node-links');

test('delay of 1 to 200 ms and lost packets', () =>
  onStage(async ({ mesh, clients }) => {
    for (const delayMs of [1, 20, 200]) {
      mesh.set({ delayMs, jitterMs: delayMs, loss: 0.02 });
      await clients.progress(10);
      mesh.heal();
      await clients.progress(10);
    }
  }));

test('connections that are reset again and again', () =>
  onStage(async ({ mesh, clients }) => {
    for (let round = 0; round < 5; round++) {
      for (const [one, other] of [
        [0, 1],
        [1, 2],
        [0, 2],
      ] as const)
        mesh.between(one, other).reset();
      await clients.progress(10);
    }
  }));

test.run();
