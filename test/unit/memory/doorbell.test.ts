import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DOORBELL_ASLEEP, DOORBELL_AWAKE, DOORBELL_WORDS } from '../../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell, Sleeper, type Waker } from '../../../src/memory/doorbell.ts';

const test = suite('memory/doorbell');

const WORD = 3;

/** Counts calls; a park runs `whileParked` in place of sleeping. */
class ScriptedWaker implements Waker {
  readonly parks: number[][] = [];
  wakes = 0;
  whileParked = (): void => undefined;

  park(word: number, expected: number, timeoutUs: number): void {
    this.parks.push([word, expected, timeoutUs]);
    this.whileParked();
  }

  wake(word: number): void {
    assert.is(word, WORD);
    this.wakes += 1;
  }
}

function make() {
  const block = new SharedArrayBuffer(DOORBELL_WORDS * 4);
  const waker = new ScriptedWaker();
  return {
    words: new Int32Array(block),
    waker,
    doorbell: new Doorbell(block, WORD, waker),
    sleeper: new Sleeper(block, WORD, waker),
  };
}

test('ringing an awake thread does nothing', () => {
  const { doorbell, waker } = make();
  assert.not.ok(doorbell.ring());
  assert.is(waker.wakes, 0);
});

test('a thread that said it sleeps is woken once', () => {
  const { doorbell, sleeper, waker, words } = make();
  sleeper.prepare();
  assert.is(words[WORD], DOORBELL_ASLEEP);
  assert.ok(doorbell.ring());
  assert.not.ok(doorbell.ring());
  assert.is(waker.wakes, 1);
  assert.is(words[WORD], DOORBELL_AWAKE);
});

test('park says whether it was rung, and the thread is awake afterwards either way', () => {
  const { doorbell, sleeper, waker, words } = make();
  sleeper.prepare();
  assert.not.ok(sleeper.park(500));
  assert.equal(waker.parks, [[WORD, DOORBELL_ASLEEP, 500]]);
  assert.is(words[WORD], DOORBELL_AWAKE);
  waker.whileParked = () => void doorbell.ring();
  sleeper.prepare();
  assert.ok(sleeper.park(500));
});

test('cancel leaves nothing to wake', () => {
  const { doorbell, sleeper, waker } = make();
  sleeper.prepare();
  sleeper.cancel();
  assert.not.ok(doorbell.ring());
  assert.is(waker.wakes, 0);
});

test('a park without a limit, or longer than a thread may take to end, is refused', () => {
  const { sleeper } = make();
  sleeper.prepare();
  assert.throws(() => sleeper.park(0), /time limit/);
  assert.throws(() => sleeper.park(20_001), /hold up/);
  assert.throws(() => sleeper.asyncWait(0), /time limit/);
});

test('a word outside its block is refused', () => {
  const block = new SharedArrayBuffer(8);
  const waker = new AtomicsWaker(block);
  assert.throws(() => new Doorbell(block, 2, waker), /lies in its block/);
  assert.throws(() => new Sleeper(block, -1, waker), /lies in its block/);
});

test('the Atomics waker returns at once from a word that already left its value', () => {
  const block = new SharedArrayBuffer(64);
  const waker = new AtomicsWaker(block);
  const sleeper = new Sleeper(block, WORD, waker);
  sleeper.prepare();
  assert.ok(new Doorbell(block, WORD, waker).ring());
  assert.ok(sleeper.park(20_000));
});

test('an asynchronous wait says at once that it was rung before', () => {
  const block = new SharedArrayBuffer(64);
  const waker = new AtomicsWaker(block);
  const sleeper = new Sleeper(block, WORD, waker);
  sleeper.prepare();
  new Doorbell(block, WORD, waker).ring();
  assert.is(sleeper.asyncWait(1000), undefined);
});

test('a wake reaches the newest asynchronous wait although an older one was given up', async () => {
  const block = new SharedArrayBuffer(64);
  const waker = new AtomicsWaker(block);
  const sleeper = new Sleeper(block, WORD, waker);
  // The event loop must live while nothing but the wait is pending.
  const alive = setInterval(() => undefined, 1000);
  sleeper.prepare();
  const stale = sleeper.asyncWait(10_000);
  sleeper.cancel();
  sleeper.prepare();
  const wait = sleeper.asyncWait(10_000);
  assert.ok(new Doorbell(block, WORD, waker).ring());
  assert.is(await wait, 'ok');
  assert.is(await stale, 'ok');
  clearInterval(alive);
});

test.run();
