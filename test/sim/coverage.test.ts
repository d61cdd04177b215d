/** Coverage tells what ran from what did not, over several reports. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CoverageMeter, mergeCoverage, percentOf } from './coverage.ts';

const test = suite('sim coverage');

test('what never ran is missed, what ran is not', () => {
  const meter = new CoverageMeter();
  meter.start();
  percentOf([]);
  const [own] = meter.take('sim/coverage.js');
  assert.ok((own?.lines ?? 0) > 20);
  assert.ok((own?.missed.length ?? 0) > 3, 'mergeCoverage did not run');
  mergeCoverage([{ file: 'a', lines: 1, missed: [] }]);
  const [later] = meter.take('sim/coverage.js');
  assert.ok((later?.missed.length ?? 0) < (own?.missed.length ?? 0));
});

test('reports are merged line by line', () => {
  const files = mergeCoverage([
    { file: 'b', lines: 10, missed: [1, 2, 3] },
    { file: 'a', lines: 10, missed: [] },
    { file: 'b', lines: 10, missed: [2, 4] },
  ]);
  assert.equal(files, [
    { file: 'a', lines: 10, missed: [] },
    { file: 'b', lines: 10, missed: [2] },
  ]);
  assert.is(percentOf(files), 95);
});

test.run();
