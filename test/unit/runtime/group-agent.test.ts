/** The duty cycle of a thread under a clock that the test holds. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PARK_US_MAX } from '../../../src/limits.ts';
import {
  WORKER_BEAT_WORD,
  WORKER_CLOCK_WORD,
  WORKER_CONTROL_WORD,
  WORKER_STOP_WORD,
  WORKER_WORDS,
} from '../../../src/memory/descriptor.ts';
import type { Sleeper } from '../../../src/memory/doorbell.ts';
import { CLOCK_INDEX, GroupAgent } from '../../../src/runtime/group-agent.ts';
import type { ReplicaHost } from '../../../src/runtime/replica-host.ts';

const TICK_MS = 10;

/** An agent whose host and ports write down what is asked of them; `plan` runs before each clock read of `run`. */
function make() {
  const block = new SharedArrayBuffer(WORKER_WORDS * 4);
  const words = new Int32Array(block);
  const clockMs = new Float64Array(1);
  const calls: string[] = [];
  const parks: number[] = [];
  const groups = [{ completed: 0 }, { completed: 0 }];
  const world = {
    work: [] as number[],
    onWork: (): void => {},
    onPrepare: (): void => {},
    onClock: (): void => {},
    onPark: (): void => {},
  };
  const host = {
    groups,
    doWork: () => {
      calls.push('work');
      world.onWork();
      return world.work.shift() ?? 0;
    },
    tick: () => calls.push('tick'),
  };
  const sleeper = {
    prepare: () => {
      calls.push('prepare');
      world.onPrepare();
    },
    cancel: () => calls.push('cancel'),
    park: (timeoutUs: number) => {
      calls.push('park');
      parks.push(timeoutUs);
      world.onPark();
    },
  };
  const agent = new GroupAgent(host as unknown as ReplicaHost, {
    block,
    sleeper: sleeper as unknown as Sleeper,
    readClock: () => world.onClock(),
    clockMs,
    onControl: () => calls.push('control'),
    ringClient: () => calls.push('ring'),
    report: () => calls.push('report'),
    tickMs: TICK_MS,
    idleTurns: 0,
  });
  const stop = (): void => void Atomics.store(words, WORKER_STOP_WORD, 1);
  /** Calls made by one turn at `ms`. */
  const turnAt = (ms: number): string[] => {
    calls.length = 0;
    clockMs[0] = ms;
    agent.turn();
    return [...calls];
  };
  return { agent, words, clockMs, calls, parks, groups, world, stop, turnAt };
}

/** An agent that ran until its first turn was over, so that its clock is set: the next tick is due at 10 ms. */
function started() {
  const parts = make();
  parts.world.onWork = parts.stop;
  parts.agent.run();
  parts.world.onWork = () => {};
  parts.calls.length = 0;
  return parts;
}

const count = (calls: string[], name: string): number => calls.filter((call) => call === name).length;

const test = suite('runtime/group-agent');

test('STOP ends the cycle before another turn', () => {
  const { agent, calls, stop } = make();
  stop();
  agent.run();
  assert.equal(calls, []);
});

test('each turn beats', () => {
  const { words, turnAt } = started();
  const before = words[WORKER_BEAT_WORD]!;
  turnAt(0);
  turnAt(0);
  assert.is(words[WORKER_BEAT_WORD], before + 2);
});

test('control messages are looked at in the first turn, then once per announcement', () => {
  const { words, turnAt } = make();
  assert.is(count(turnAt(0), 'control'), 1, 'what was posted before the start');
  assert.is(count(turnAt(0), 'control'), 0);
  Atomics.add(words, WORKER_CONTROL_WORD, 3);
  assert.equal([count(turnAt(0), 'control'), count(turnAt(0), 'control')], [1, 0]);
});

test('a tick per 10 ms of the clock, with one report', () => {
  const { turnAt } = started();
  const ticks = [9.9, 10, 10, 19.9, 20.5, 30].map((ms) => {
    const calls = turnAt(ms);
    assert.is(count(calls, 'report'), count(calls, 'tick'));
    return count(calls, 'tick');
  });
  assert.equal(ticks, [0, 1, 0, 0, 1, 1]);
});

test('a thread that stood still makes up for two ticks, not for all', () => {
  const { turnAt } = started();
  const stalled = turnAt(5000);
  assert.equal([count(stalled, 'tick'), count(stalled, 'report')], [2, 1]);
  assert.equal([count(turnAt(5009), 'tick'), count(turnAt(5010), 'tick')], [0, 1]);
});

test('the client is rung once when any group completed something', () => {
  const { groups, turnAt } = started();
  assert.is(count(turnAt(0), 'ring'), 0);
  for (const group of groups) group.completed = 3;
  assert.is(count(turnAt(0), 'ring'), 1);
  assert.equal(groups, [{ completed: 0 }, { completed: 0 }]);
  assert.is(count(turnAt(0), 'ring'), 0);
});

test('the order of a turn: clock, control, work, ticks, ring', () => {
  const { words, groups, world, turnAt, calls } = started();
  world.onClock = () => calls.push('clock');
  Atomics.add(words, WORKER_CONTROL_WORD, 1);
  groups[0]!.completed = 1;
  assert.equal(turnAt(10), ['clock', 'control', 'work', 'tick', 'report', 'ring']);
});

test('an idle thread looks at its sources again before it parks, until the next tick is due', () => {
  const { agent, calls, parks, world, clockMs, stop } = make();
  let reads = 0;
  world.onClock = () => {
    clockMs[0] = reads === 0 ? 0 : 4;
    reads += 1;
  };
  world.onPark = stop;
  agent.run();
  assert.equal(calls.slice(-3), ['prepare', 'work', 'park']);
  assert.equal(parks, [6000]);
});

test('a park is never longer than a thread may be held up, nor empty', () => {
  const { agent, parks, world, clockMs, stop } = make();
  let turn = 0;
  world.onClock = () => {
    turn += 1;
    // The tick of turn 1 is due 10 ms later; a clock that goes back makes it due later than PARK_US_MAX.
    clockMs[0] = turn === 2 ? -5000 : turn === 3 ? 9.99 : 0;
  };
  world.onPark = () => {
    if (parks.length === 2) stop();
  };
  agent.run();
  assert.equal(parks, [PARK_US_MAX, 100]);
});

test('work that comes while it goes to sleep keeps it awake', () => {
  const { agent, calls, world, stop } = make();
  world.onPrepare = () => {
    world.work = [1];
    world.onWork = stop;
  };
  agent.run();
  assert.equal(calls.slice(-3), ['prepare', 'work', 'cancel']);
});

test('so do a control message and STOP', () => {
  for (const word of [WORKER_CONTROL_WORD, WORKER_STOP_WORD]) {
    const { agent, words, calls, world, stop } = make();
    world.onPrepare = () => {
      Atomics.add(words, word, 1);
      world.onClock = stop;
    };
    agent.run();
    assert.is(count(calls, 'park'), 0);
    assert.ok(count(calls, 'cancel') > 0);
    assert.is(count(calls, 'cancel'), count(calls, 'prepare'));
  }
});

test('a thread with work does not park', () => {
  const { agent, calls, world, stop } = make();
  world.work = [1, 1, 1, 1];
  world.onWork = () => {
    if (count(calls, 'work') === 4) stop();
  };
  agent.run();
  assert.is(count(calls, 'prepare'), 0);
});

test('the clock stands where the worker block has it', () => {
  assert.is(CLOCK_INDEX * 8, WORKER_CLOCK_WORD * 4);
});

test.run();
