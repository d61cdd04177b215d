/** What the groups of a worker share: whose turn it is, and a rate. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SnapshotTurn } from '../../../src/runtime/snapshot-turn.ts';

const test = suite('runtime/snapshot-turn');

test('one group at a time; the holder may ask again, others cannot give its turn back', () => {
  const turn = new SnapshotTurn(new Float64Array(1), 0);
  assert.ok(turn.take(3));
  assert.ok(turn.take(3));
  turn.release(4);
  assert.not(turn.take(4));
  turn.release(3);
  assert.ok(turn.take(4));
});

test('what was not spent is saved, up to a bound', () => {
  const clock = new Float64Array(1);
  const turn = new SnapshotTurn(clock, 1_000_000, 1000);
  assert.ok(turn.spend(100_000));
  assert.not(turn.spend(1));
  clock[0] = 50;
  assert.ok(turn.spend(50_000));
  assert.not(turn.spend(1));
  clock[0] = 1e6;
  assert.ok(turn.spend(100_000));
  assert.not(turn.spend(1));
  assert.is(turn.nowMs, 1e6);
  assert.ok(new SnapshotTurn(clock, 1, 1000).spend(1000), 'a part at least');
});

test('without a rate everything may go', () => {
  const turn = new SnapshotTurn(new Float64Array(1), 0);
  for (let i = 0; i < 9; i++) assert.ok(turn.spend(1 << 20));
});

test.run();
