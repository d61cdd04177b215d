/** The duty cycle with an event loop: woken by its doorbell, never asleep over work, gone when told. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  WORKER_BEAT_WORD,
  WORKER_DOORBELL_WORD,
  WORKER_STOP_WORD,
  WORKER_WORDS,
} from '../../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell, Sleeper } from '../../../src/memory/doorbell.ts';
import { TransportAgent } from '../../../src/transport/transport-agent.ts';
import { until } from '../../support/transport-kit.ts';

const test = suite('transport/transport-agent');

class FakeLinks {
  /** Work of the next turns. */
  waiting = 0;
  done = 0;
  turns = 0;
  isStalled = false;
  retries = 0;
  housekeepings = 0;

  turn(): number {
    this.turns += 1;
    if (this.waiting === 0) return 0;
    this.waiting -= 1;
    this.done += 1;
    return 1;
  }

  isDue(): boolean {
    return this.waiting > 0;
  }

  retryStalled(): void {
    this.retries += 1;
  }

  housekeep(): void {
    this.housekeepings += 1;
  }
}

function start() {
  const block = new SharedArrayBuffer(WORKER_WORDS * 4);
  const words = new Int32Array(block);
  const links = new FakeLinks();
  const agent = new TransportAgent(links, {
    words,
    sleeper: new Sleeper(block, WORKER_DOORBELL_WORD, new AtomicsWaker(block)),
    now: () => performance.now(),
    onHousekeeping: () => {},
  });
  const doorbell = new Doorbell(block, WORKER_DOORBELL_WORD, new AtomicsWaker(block));
  const ended = agent.run();
  const stop = async (): Promise<void> => {
    Atomics.store(words, WORKER_STOP_WORD, 1);
    doorbell.ring();
    await ended;
  };
  return { words, links, agent, doorbell, stop };
}

test('a rung doorbell brings a turn, and turns go on while there is work', async () => {
  const { words, links, doorbell, stop } = start();
  await until(() => Atomics.load(words, WORKER_DOORBELL_WORD) === 1);
  links.waiting = 5;
  assert.ok(doorbell.ring());
  await until(() => links.done === 5);
  assert.ok(words[WORKER_BEAT_WORD]! > 5);
  await stop();
});

test('it sleeps when there is nothing to do', async () => {
  const { words, links, stop } = start();
  await until(() => Atomics.load(words, WORKER_DOORBELL_WORD) === 1);
  const { turns } = links;
  const { housekeepings } = links;
  await until(() => links.housekeepings > housekeepings + 2);
  assert.ok(links.turns - turns <= 2 * (links.housekeepings - housekeepings) + 1, 'one turn per housekeeping');
  await stop();
});

test('work that came between the last turn and the announcement of sleep is not slept over', async () => {
  const { links, doorbell, stop } = start();
  let round = 0;
  const turn = links.turn.bind(links);
  links.turn = () => {
    const work = turn();
    // Published after this turn looked, while the word still says awake: nobody is woken for it.
    if (work === 0 && round++ < 3) {
      links.waiting = 1;
      assert.not.ok(doorbell.ring());
    }
    return work;
  };
  await until(() => links.done >= 3);
  await stop();
});

test('a stalled link is tried again soon without anybody ringing', async () => {
  const { links, agent, stop } = start();
  links.isStalled = true;
  agent.wake();
  await until(() => links.retries >= 3);
  await stop();
});

test('STOP ends it', async () => {
  const { links, stop, agent } = start();
  await stop();
  const { turns } = links;
  agent.wake();
  await new Promise<void>((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
  assert.is(links.turns, turns);
});

test.run();
