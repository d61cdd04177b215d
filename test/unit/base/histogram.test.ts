import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HISTOGRAM_BYTES, Histogram, VALUE_MAX, VALUE_MIN } from '../../../src/base/histogram.ts';
import { Prng } from '../../../src/base/prng.ts';

const RELATIVE_ERROR_MAX = 1 / 64;

const test = suite('base/histogram');

test('an empty one answers 0', () => {
  const histogram = new Histogram();
  assert.is(histogram.quantile(0.5), 0);
  assert.is(histogram.max, 0);
  assert.is(histogram.mean, 0);
  assert.is(histogram.count, 0);
});

test('a single value comes back within 1/64, over the whole range', () => {
  for (let value = VALUE_MIN; value < VALUE_MAX; value *= 1.0173) {
    const histogram = new Histogram();
    histogram.record(value);
    histogram.record(value * 100);
    const answer = histogram.quantile(0.5);
    assert.ok(Math.abs(answer - value) <= value * RELATIVE_ERROR_MAX, `${value} came back as ${answer}`);
  }
});

test('quantiles of many values agree with the sorted values', () => {
  const prng = new Prng(1);
  const histogram = new Histogram();
  const values = Array.from({ length: 20_000 }, () => Math.exp(prng.float() * 15));
  for (const value of values) histogram.record(value);
  values.sort((a, b) => a - b);
  for (const q of [0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = values[Math.max(0, Math.ceil(q * values.length) - 1)]!;
    assert.ok(Math.abs(histogram.quantile(q) - exact) <= exact * RELATIVE_ERROR_MAX, `quantile ${q}`);
  }
  assert.is(histogram.max, values.at(-1));
  assert.is(histogram.count, 20_000);
  const mean = values.reduce((a, b) => a + b) / values.length;
  assert.ok(Math.abs(histogram.mean - mean) < 1e-6 * mean);
});

test('no quantile exceeds the exact maximum', () => {
  const histogram = new Histogram();
  histogram.record(1000);
  assert.is(histogram.quantile(1), 1000);
});

test('values outside the range are counted at its ends, the maximum stays exact', () => {
  const histogram = new Histogram();
  histogram.record(0);
  histogram.record(VALUE_MAX * 3);
  assert.ok(histogram.quantile(0.5) <= VALUE_MIN * 1.02);
  assert.is(histogram.quantile(1), VALUE_MAX * 3);
});

test('refuses negative values and NaN', () => {
  const histogram = new Histogram();
  for (const value of [-1, Number.NaN]) assert.throws(() => histogram.record(value), /must not be negative/);
  assert.is(histogram.count, 0);
  for (const q of [-0.1, 1.1, Number.NaN]) assert.throws(() => histogram.quantile(q), /a quantile lies/);
});

test('merge equals recording everything in one', () => {
  const prng = new Prng(2);
  const [left, right, both] = [new Histogram(), new Histogram(), new Histogram()];
  for (let i = 0; i < 1000; i++) {
    const value = prng.range(1, 1_000_000);
    (prng.chance(0.3) ? left : right).record(value);
    both.record(value);
  }
  left.merge(right);
  assert.is(left.count, both.count);
  assert.is(left.max, both.max);
  assert.is(left.mean, both.mean);
  for (const q of [0.1, 0.5, 0.99]) assert.is(left.quantile(q), both.quantile(q));
});

test('lives in shared memory at an offset; reset empties it and nothing else', () => {
  const shared = new SharedArrayBuffer(HISTOGRAM_BYTES + 16);
  const bytes = new Uint8Array(shared).fill(7, 0, 8).fill(7, HISTOGRAM_BYTES + 8);
  const writer = new Histogram(shared, 8);
  const reader = new Histogram(shared, 8);
  for (let i = 1; i <= 100; i++) writer.record(i);
  assert.is(reader.count, 100);
  assert.is(reader.quantile(0.9), writer.quantile(0.9));
  writer.reset();
  assert.is(reader.count, 0);
  assert.is(reader.max, 0);
  assert.is(bytes[7], 7);
  assert.is(bytes[HISTOGRAM_BYTES + 8], 7);
});

test.run();
