/** A cluster that runs on and on takes up no more disk than before; what would grow is noticed. `npm run sim:endurance` runs a day. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import { Endurance, type EnduranceSample } from './endurance.ts';

/** Short hours: members lose power all the time, and stay away. */
const HOUR_TICKS = 1500;
const HOURS = 13;

const test = suite('sim endurance');

test('days of short hours: the log is given back, snapshots come and go, whoever was away comes back, all are alike', () => {
  const endurance = new Endurance(7, HOUR_TICKS, () => 0);
  endurance.run(HOURS, 2, () => {});
  assert.is(endurance.violation, '');
  assert.is(endurance.growth(), '');
  const last = endurance.samples.at(-1) as EnduranceSample;
  assert.ok(last.commands > HOURS * 300, `${last.commands} commands`);
  assert.ok(last.snapshots > 20 && last.segmentBytes <= 4 * LOG_SEGMENT_BYTES, JSON.stringify(last));
});

test('growth of any figure is told', () => {
  for (const figure of ['segmentBytes', 'logKeptBytes', 'snapshotBytes', 'memoryBytes'] as const) {
    let bytes = 0;
    const endurance = new Endurance(1, 4, () => {
      bytes += 1 << 26;
      return figure === 'memoryBytes' ? bytes : 0;
    });
    endurance.run(8, 1, (sample) => {
      if (figure !== 'memoryBytes') sample[figure] = bytes;
    });
    assert.match(endurance.growth(), new RegExp(`${figure}: \\d+ before, \\d+ at the end`));
  }
});

test.run();
