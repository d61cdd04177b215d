/** The window of open slots. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ACCEPTOR_WINDOW_SLOTS, WINDOW_SLOTS_MAX } from '../../../src/limits.ts';
import { SlotWindow } from '../../../src/paxos/slot-window.ts';

const test = suite('paxos/slot-window');

test('I16: holds at least two leader windows (S8)', () => assert.ok(ACCEPTOR_WINDOW_SLOTS >= 2 * WINDOW_SLOTS_MAX));

test('slots outside the window have no index', () => {
  const window = new SlotWindow();
  window.advance(10);
  assert.throws(() => window.index(9), /below/);
  assert.throws(() => window.index(10 + ACCEPTOR_WINDOW_SLOTS), /above/);
  assert.ok(window.contains(10 + ACCEPTOR_WINDOW_SLOTS - 1));
});

test('a slot that comes back to the same place has forgotten the one before', () => {
  const window = new SlotWindow();
  window.recorded[3] = 1;
  window.learned[3] = 1;
  window.voteBallot[3] = 9;
  window.advance(4);
  const i = window.index(3 + ACCEPTOR_WINDOW_SLOTS);
  assert.equal([i, window.recorded[i], window.learned[i], window.voteBallot[i]], [3, 0, 0, 0]);
});

test('slots beyond 2^31 and 2^32 have their places', () => {
  const window = new SlotWindow();
  for (const base of [2 ** 31 - 2, 2 ** 32 - 2, 2 ** 40]) {
    window.advance(base);
    assert.is(window.index(base + 5), (base + 5) % ACCEPTOR_WINDOW_SLOTS);
  }
});

test('the next slot follows the highest occupied one, and the base', () => {
  const window = new SlotWindow();
  window.occupy(4);
  window.occupy(2);
  assert.is(window.nextSlot, 5);
  window.advance(9);
  assert.is(window.nextSlot, 9);
});

test('the window never moves back', () => {
  const window = new SlotWindow();
  window.advance(5);
  assert.throws(() => window.advance(4), /never moves back/);
});

test.run();
