import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../../src/base/clock.ts';

const test = suite('base/clock');

test('never goes backwards', () => {
  const clock = new SystemClock();
  let last = clock.nowMs();
  for (let i = 0; i < 100_000; i++) {
    const now = clock.nowMs();
    assert.ok(now >= last);
    last = now;
  }
});

test('readInto stores a reading between two calls of nowMs', () => {
  const clock = new SystemClock();
  const target = new Float64Array(3);
  const before = clock.nowMs();
  clock.readInto(target, 1);
  const after = clock.nowMs();
  assert.ok(target[1]! >= before && target[1]! <= after);
  assert.is(target[0], 0);
  assert.is(target[2], 0);
});

test('processes of one machine share the zero point', () => {
  const url = JSON.stringify(new URL('../../../src/base/clock.js', import.meta.url).href);
  const script = `import { SystemClock } from ${url}; console.log(new SystemClock().nowMs());`;
  const clock = new SystemClock();
  const before = clock.nowMs();
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
  const reading = Number(child.stdout);
  const toleranceMs = 1; // the two readings in the constructor may be a preemption apart
  assert.ok(reading > before - toleranceMs && reading < clock.nowMs() + toleranceMs, child.stderr);
});

test.run();
