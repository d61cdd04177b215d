/** What nobody holds is gone after a collection. */
import { setImmediate } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { collectGarbage } from '../../../src/cli/collect-garbage.ts';

const test = suite('cli/collect-garbage');

test('what nobody holds is gone, what somebody holds is not', async () => {
  const held = { name: 'held' };
  const [gone, kept] = [new WeakRef({ name: 'gone' }), new WeakRef(held)];
  await setImmediate();
  collectGarbage();
  assert.equal([gone.deref(), kept.deref()], [undefined, held]);
});

test.run();
