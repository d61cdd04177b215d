/** The pump turns while there is work, sleeps while there is none, and always lets the event loop in. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Pump } from '../../../src/engine/pump.ts';
import { DOORBELL_WORDS } from '../../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell, Sleeper } from '../../../src/memory/doorbell.ts';

interface Fixture {
  pump: Pump;
  doorbell: Doorbell;
  /** Work that the coming turns will find. */
  work: number;
  turns: number;
}

/** A pending wait on shared memory does not keep the process alive: a timer does, until the test is over. */
async function withPump(check: (fixture: Fixture) => Promise<void>): Promise<void> {
  const alive = setInterval(() => {}, 1000);
  const block = new SharedArrayBuffer(DOORBELL_WORDS * 4);
  const waker = new AtomicsWaker(block);
  const fixture = { work: 0, turns: 0, doorbell: new Doorbell(block, 0, waker) } as Fixture;
  fixture.pump = new Pump(new Sleeper(block, 0, waker), () => {
    fixture.turns += 1;
    if (fixture.work === 0) return 0;
    fixture.work -= 1;
    return 1;
  });
  try {
    await check(fixture);
  } finally {
    await fixture.pump.stop();
    clearInterval(alive);
  }
}

const loopTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const test = suite('pump');

test('it goes on turning as long as turns find work', () =>
  withPump(async (fixture) => {
    fixture.work = 50;
    fixture.pump.start();
    while (fixture.work > 0) await fixture.pump.nextWake();
    assert.ok(fixture.turns >= 50);
  }));

test('the event loop has its turn between turns of the pump', () =>
  withPump(async (fixture) => {
    fixture.work = 10;
    fixture.pump.start();
    assert.ok(fixture.work >= 9);
    await loopTurn();
    assert.ok(fixture.work > 0, 'all work was done without a turn of the loop');
  }));

test('a ring of the doorbell wakes it', () =>
  withPump(async (fixture) => {
    fixture.pump.start();
    let turns = fixture.turns;
    for (let ring = 0; ring < 20; ring += 1) {
      const woken = fixture.pump.nextWake();
      while (!fixture.doorbell.ring()) await loopTurn();
      await woken;
      assert.ok(fixture.turns > turns);
      turns = fixture.turns;
    }
  }));

test('unrung it looks again after a while all the same', () =>
  withPump(async (fixture) => {
    fixture.pump.start();
    const before = fixture.turns;
    await fixture.pump.nextWake();
    await fixture.pump.nextWake();
    assert.ok(fixture.turns > before);
  }));

test('who waits when it is stopped is let go, and so is who waits later', () =>
  withPump(async (fixture) => {
    fixture.pump.start();
    const waiting = fixture.pump.nextWake();
    await fixture.pump.stop();
    await waiting;
    await fixture.pump.nextWake();
    const { turns } = fixture;
    fixture.work = 1;
    await loopTurn();
    assert.is(fixture.turns, turns);
  }));

test.run();
