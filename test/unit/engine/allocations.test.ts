/** Measurements are answered in the order of asking. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Allocations } from '../../../src/engine/allocations.ts';
import type { WorkerSlot } from '../../../src/engine/supervisor.ts';

const test = suite('engine/allocations');

test('a start is answered with zeros, a stop by the workers', async () => {
  const allocations = new Allocations();
  const slots = [0, 1].map((replica) => ({ replica, worker: 0 }) as WorkerSlot);
  const posted: number[] = [];
  const post = ({ replica }: WorkerSlot): void => void posted.push(replica);
  assert.equal(
    (await allocations.measure(slots, 'start', post)).map(({ bytes }) => bytes),
    [0, 0],
  );
  const stopped = allocations.measure(slots, 'stop', post);
  for (const slot of slots) allocations.settle(slot, { kind: 'allocation', bytes: 10 + slot.replica, commands: 5 });
  assert.equal(
    (await stopped).map(({ replica, bytes }) => [replica, bytes]),
    [
      [0, 10],
      [1, 11],
    ],
  );
  assert.equal(posted, [0, 1, 0, 1]);
});

test.run();
