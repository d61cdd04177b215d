/** When a peer is dialled again. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../../src/base/prng.ts';
import { RECONNECT_MS_MAX, RECONNECT_MS_MIN } from '../../../src/limits.ts';
import { BackOff } from '../../../src/transport/back-off.ts';

const test = suite('transport/back-off');

/** Milliseconds from a failure at `nowMs` until the next attempt is due. */
function wait(backOff: BackOff, nowMs: number): number {
  let ms = 0;
  while (!backOff.isDue(nowMs + ms)) ms += 1;
  return ms;
}

test('the first attempt is due at once', () => {
  assert.ok(new BackOff(new Prng(1)).isDue(0));
});

test('waits grow and stay below their bound', () => {
  const backOff = new BackOff(new Prng(1));
  const waits: number[] = [];
  for (let now = 0, i = 0; i < 12; i++) {
    backOff.failed(now);
    waits.push(wait(backOff, now));
    now += 100_000;
  }
  assert.ok(waits[0]! >= RECONNECT_MS_MIN && waits[0]! <= 2 * RECONNECT_MS_MIN + 1);
  assert.ok(waits[3]! > waits[0]!);
  assert.ok(waits.every((ms) => ms <= RECONNECT_MS_MAX + 1));
  assert.ok(waits[11]! >= RECONNECT_MS_MAX / 2);
});

test('two nodes do not come back in lockstep', () => {
  const [one, other] = [new BackOff(new Prng(1)), new BackOff(new Prng(2))];
  for (let i = 0; i < 8; i++) {
    one.failed(0);
    other.failed(0);
  }
  assert.is.not(wait(one, 0), wait(other, 0));
});

test('after a connection that lasted the next attempt is due at once, after a short one it is not', () => {
  const backOff = new BackOff(new Prng(1));
  backOff.failed(0);
  backOff.connected(1000);
  backOff.failed(1100);
  assert.not.ok(backOff.isDue(1101));
  backOff.connected(2000);
  backOff.failed(60_000);
  assert.ok(backOff.isDue(60_000));
});

test('a change of address ends the waiting', () => {
  const backOff = new BackOff(new Prng(1));
  for (let i = 0; i < 8; i++) backOff.failed(0);
  backOff.reset();
  assert.ok(backOff.isDue(1));
});

test.run();
