/** A misspelt name is recognized where few letters are wrong. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nearest } from '../../../src/base/nearest.ts';

const test = suite('base/nearest');

test('the nearest name is found across case, dashes, swaps and a few wrong letters, not across many', () => {
  const names = ['windowSlots', 'shards', 'heartbeatTicks'];
  for (const near of ['WindowSlots', 'window-slots', 'window_slot', 'wnidowSlots', 'windwSltos']) {
    assert.is(nearest(near, names), 'windowSlots', near);
  }
  for (const far of ['colour', '', 'id', 'x'.repeat(1000)]) assert.is(nearest(far, names), undefined, far);
});

test.run();
