/** What group workers obey is what the user said. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { validateOptions } from '../../../src/config.ts';
import { tuningOf } from '../../../src/engine/tuning.ts';

const test = suite('tuning');

test('every setting arrives under its name', () => {
  const tuning = tuningOf(validateOptions({ durability: 'memory', batchBytes: 5000, windowSlots: 7, tickMs: 3 }));
  assert.is(tuning.batchBytesTarget, 5000);
  assert.is(tuning.windowSlotsMax, 7);
  assert.is(tuning.tickMs, 3);
  assert.ok(Object.values(tuning).every((value) => Number.isSafeInteger(value) && value > 0));
});

test.run();
