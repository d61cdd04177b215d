/** Two lines of one link number make a connection; any other mixture does not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LanePair } from '../../../src/transport/lane-pair.ts';
import { duplexPair, lineOver } from '../../support/duplex-pair.ts';

const test = suite('transport/lane-pair');
const line = () => lineOver(duplexPair()[0]);

test('both lanes of a link make it whole, in either order', () => {
  const pair = new LanePair();
  const [bulk, control] = [line(), line()];
  assert.is(pair.add(control, 1, 7, 0), undefined);
  assert.equal(pair.add(bulk, 0, 7, 0), [bulk, control]);
  assert.is(pair.add(line(), 0, 7, 0), undefined, 'used up');
});

test('a lane of a newer link replaces the half that waits', () => {
  const pair = new LanePair();
  const old = line();
  pair.add(old, 0, 7, 0);
  const [bulk, control] = [line(), line()];
  assert.is(pair.add(control, 1, 8, 0), undefined);
  assert.ok(old.stream.destroyed);
  assert.equal(pair.add(bulk, 0, 8, 0), [bulk, control]);
});

test('the same lane twice starts over', () => {
  const pair = new LanePair();
  const first = line();
  pair.add(first, 0, 7, 0);
  assert.is(pair.add(line(), 0, 7, 0), undefined);
  assert.ok(first.stream.destroyed);
});

test('a half whose other half does not come expires', () => {
  const pair = new LanePair();
  const half = line();
  pair.add(half, 1, 7, 1000);
  assert.not.ok(pair.expire(1000));
  assert.ok(pair.expire(1001));
  assert.ok(half.stream.destroyed);
  assert.not.ok(pair.expire(9999));
});

test('a half that was closed meanwhile makes nothing whole', () => {
  const pair = new LanePair();
  const half = line();
  pair.add(half, 0, 7, 0);
  half.stream.destroy();
  const late = line();
  assert.is(pair.add(late, 1, 7, 0), undefined);
  assert.ok(late.stream.destroyed);
});

test.run();
