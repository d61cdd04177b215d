/** When a log counts as full, slow or failed, and whom it makes lead. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HEARTBEAT_TICKS, SLOW_LOG_PAUSE_TICKS, SLOW_LOG_TICKS } from '../../../src/limits.ts';
import type { Log } from '../../../src/log/log.ts';
import { LOG_FAILED, LOG_FULL, LOG_SLOW, LOG_SOUND } from '../../../src/memory/descriptor.ts';
import type { GroupHost } from '../../../src/runtime/group-host.ts';
import { LogWatch } from '../../../src/runtime/log-watch.ts';

const test = suite('runtime/log-watch');

/** Two groups on one log; the first is led here. */
function make() {
  const device = { errno: 0, error: () => device.errno };
  const log = { device, isFull: false, appendedPosition: 100, durablePosition: 100 };
  const groups = [true, false].map((isLeader) => {
    const state = { configuration: { self: 0 }, isBurdened: false, window: { nextSlot: 10 } };
    const replica = { isLeader, successor: 2, commitWatermark: 10, state };
    const transfers: number[] = [];
    return { isRunning: true, transfers, driver: { replica, transfer: (to: number) => transfers.push(to) } };
  });
  const states: number[] = [];
  const flushes: number[] = [];
  const watch = new LogWatch(log as unknown as Log, groups as unknown as GroupHost[], {
    onState: (state) => states.push(state),
    onFlush: (ticks) => flushes.push(ticks),
  });
  const ticks = (count: number): void => {
    for (let n = 0; n < count; n++) watch.tick();
  };
  const [led, followed] = groups as [(typeof groups)[0], (typeof groups)[0]];
  return { log, led, followed, states, flushes, watch, ticks };
}

test('a full log is a burden on every group and hands over those that it leads, until there is space', () => {
  const { log, led, followed, states, watch, ticks } = make();
  ticks(5);
  assert.equal([states, led.transfers], [[], []]);
  log.isFull = true;
  ticks(1);
  assert.equal([watch.state, led.transfers], [LOG_FULL, []], 'the burdens of others must be heard first');
  ticks(4 * HEARTBEAT_TICKS);
  assert.equal([led.transfers, followed.transfers], [[2], []]);
  assert.ok(led.driver.replica.state.isBurdened && followed.driver.replica.state.isBurdened);
  ticks(SLOW_LOG_TICKS - 1);
  assert.is(led.transfers.length, 1, 'not asked every tick');
  ticks(1);
  assert.is(led.transfers.length, 2, 'a lost TRANSFER is repeated');
  log.isFull = false;
  ticks(1);
  assert.equal(states, [LOG_FULL, LOG_SOUND]);
  assert.not(led.driver.replica.state.isBurdened);
});

test('where nobody is fit, and for a group that stopped, nothing moves', () => {
  const { log, led, ticks } = make();
  log.isFull = true;
  led.driver.replica.successor = -1;
  ticks(SLOW_LOG_TICKS + 1);
  led.driver.replica.successor = 2;
  led.isRunning = false;
  ticks(SLOW_LOG_TICKS + 1);
  assert.equal(led.transfers, []);
});

test('a slow flush alone moves nothing: the others may be as slow', () => {
  const { log, led, states, flushes, ticks } = make();
  log.appendedPosition = 200;
  ticks(4 * SLOW_LOG_TICKS);
  assert.equal([states, led.transfers, flushes], [[], [], []]);
  log.durablePosition = 200;
  ticks(1);
  assert.equal(flushes, [4 * SLOW_LOG_TICKS]);
});

test('a leader whose log is outrun by the others for too long is slow, and stays so for a while', () => {
  const { log, led, states, ticks } = make();
  log.appendedPosition = 200;
  ticks(1);
  led.driver.replica.commitWatermark = 11;
  ticks(SLOW_LOG_TICKS - 1);
  assert.equal(states, []);
  ticks(2);
  assert.equal(states, [LOG_SLOW]);
  ticks(4 * HEARTBEAT_TICKS);
  assert.equal(led.transfers, [2]);
  led.driver.replica.isLeader = false;
  log.durablePosition = 200;
  ticks(SLOW_LOG_PAUSE_TICKS - 2);
  assert.equal(states, [LOG_SLOW]);
  ticks(3);
  assert.equal(states, [LOG_SLOW, LOG_SOUND]);
});

test('what was proposed before the sample proves nothing; neither does a follower', () => {
  const { log, led, followed, states, ticks } = make();
  log.appendedPosition = 200;
  followed.driver.replica.commitWatermark = 50;
  ticks(3 * SLOW_LOG_TICKS);
  assert.is(led.driver.replica.commitWatermark, led.driver.replica.state.window.nextSlot);
  assert.equal(states, []);
});

test('a failed log hands over at once', () => {
  const { log, led, states, watch, ticks } = make();
  log.device.errno = 5;
  watch.fail();
  assert.equal([states, led.transfers], [[LOG_FAILED], [2]]);
  ticks(3);
  assert.equal(states, [LOG_FAILED], 'for good');
});

test.run();
