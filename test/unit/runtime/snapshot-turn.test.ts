/** What the groups of a worker share: whose turn it is, and a rate. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SNAPSHOT_TURN_BYTES } from '../../../src/memory/descriptor.ts';
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

/** Workers of one process, with a clock of their own each. */
function workers(count: number) {
  const block = new SharedArrayBuffer(SNAPSHOT_TURN_BYTES);
  return Array.from({ length: count }, (_, worker) => {
    const clock = Float64Array.of(1);
    const begin = () => new SnapshotTurn(clock, 0, undefined, { block, worker });
    return { clock, begin, turn: begin() };
  });
}

test('one worker of a process at a time', () => {
  const [one, other] = workers(2) as [ReturnType<typeof workers>[0], ReturnType<typeof workers>[0]];
  assert.ok(one.turn.take(3));
  assert.not(other.turn.take(3), 'the same group of another replica');
  other.turn.release(3);
  assert.not(other.turn.take(3));
  one.turn.release(3);
  assert.ok(other.turn.take(3));
  assert.not(one.turn.take(4));
});

test('who is patient lets others go first, but not for ever', () => {
  const [leader, follower] = workers(2) as [ReturnType<typeof workers>[0], ReturnType<typeof workers>[0]];
  assert.not(leader.turn.take(1, true));
  leader.clock[0] = 40;
  assert.not(leader.turn.take(1, true));
  assert.ok(follower.turn.take(1));
  leader.clock[0] = 90;
  assert.not(leader.turn.take(1, true));
  follower.turn.release(1);
  assert.not(leader.turn.take(1, true), 'it waits anew');
  leader.clock[0] = 140;
  assert.ok(leader.turn.take(1, true));
});

test('a worker that ended does not keep the turn: it is given back by its successor, or taken over once it is not used for long', () => {
  const [one, other] = workers(2) as [ReturnType<typeof workers>[0], ReturnType<typeof workers>[0]];
  assert.ok(one.turn.take(1));
  const next = one.begin();
  assert.ok(other.turn.take(1));
  for (let ms = 1; ms < 30_000; ms += 5000) {
    one.clock[0] = ms;
    assert.not(next.take(1), 'it is used');
    other.turn.use();
  }
  next.take(1);
  one.clock[0] = 45_000;
  assert.ok(next.take(1), 'it is not');
  other.turn.release(1);
  assert.not(other.turn.take(1), 'what was taken over is not given back by the former holder');
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
