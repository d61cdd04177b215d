import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Histogram } from '../../../src/base/histogram.ts';
import { DemoClient, type LoadLane, type OnCompleted } from '../../../src/cli/demo-client.ts';
import { DemoLoad, type LoadEvents, type LoadPlan } from '../../../src/cli/demo-load.ts';
import { IssuedLedger } from '../../../src/cli/issued-ledger.ts';

const QUIET: LoadEvents = {
  onSteady() {},
  onSteadyEnd: () => Promise.resolve(),
  onKill: () => undefined,
  onSecond() {},
};
const PLAN: LoadPlan = { seconds: 1, commandsMax: 1e9, inFlight: 8, drainMs: 5 };

/** Answers everything published at the next poll, unless it is silent. */
class EchoLane implements LoadLane {
  readonly memory = new Uint8Array(64);
  readonly words = new Int32Array(this.memory.buffer);
  readonly shard: number;
  isSilent = false;
  /** Answers that stand in the completion ring although the lane is silent. */
  left = 0;
  inFlightMax = 0;
  #claimed = 0;
  #published = 0;
  #answered = 0;

  constructor(shard: number) {
    this.shard = shard;
  }

  claim(): number {
    this.#claimed += 1;
    return 16;
  }

  publish(): void {
    this.#published = this.#claimed;
    this.inFlightMax = Math.max(this.inFlightMax, this.#published - this.#answered);
  }

  poll(onCompleted: OnCompleted, limit: number): number {
    const before = this.#answered;
    const most = this.isSilent ? this.left : limit;
    while (this.#answered < this.#published && this.#answered - before < most) {
      this.#answered += 1;
      onCompleted(this.#answered, 0, this.memory, 16, 0);
    }
    this.left = 0;
    return this.#answered - before;
  }

  wait(): Promise<unknown> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}

const NO_MIX = { payloadBytes: 48, digest: 0, failed: 0, encode() {}, learn() {} };

/** Every look at it takes a while. */
function makeClock(stepMs = 0.25): { now(): number } {
  let ms = 0;
  return { now: () => (ms += stepMs) };
}

function makeClients(shards: number, inFlight: number): { lanes: EchoLane[]; clients: DemoClient[] } {
  const lanes = Array.from({ length: shards }, (_, shard) => new EchoLane(shard));
  const clients = lanes.map(
    (lane, index) => new DemoClient(index + 1, lane, NO_MIX, new IssuedLedger(inFlight), new Histogram(), inFlight),
  );
  return { lanes, clients };
}

const test = suite('demo load');

test('it ends after its time, with everything acknowledged', async () => {
  const { clients } = makeClients(3, 8);
  const load = new DemoLoad(clients, 3, PLAN, QUIET, makeClock());
  await load.run();
  assert.ok(load.seconds >= 1 && load.seconds < 1.1, `${load.seconds} s`);
  assert.is(load.unknown, 0);
  assert.ok(clients.every(({ ledger }) => ledger.issued > 8));
});

test('no client has more in flight than its share', async () => {
  const { lanes, clients } = makeClients(2, 8);
  await new DemoLoad(clients, 2, PLAN, QUIET, makeClock()).run();
  assert.equal(
    lanes.map(({ inFlightMax }) => inFlightMax),
    [8, 8],
  );
});

test('it ends early at the number of commands that fit the space, and issues not one more', async () => {
  const { clients } = makeClients(2, 8);
  const load = new DemoLoad(clients, 2, { ...PLAN, commandsMax: 1001 }, QUIET, makeClock());
  await load.run();
  assert.is(
    clients.reduce((sum, { ledger }) => sum + ledger.issued, 0),
    1001,
  );
  assert.ok(load.seconds < 1);
});

test('what is not answered in time stays unknown', async () => {
  const { lanes, clients } = makeClients(2, 8);
  (lanes[1] as EchoLane).isSilent = true;
  const load = new DemoLoad(clients, 2, PLAN, QUIET, makeClock());
  await load.run();
  assert.is(load.unknown, 8);
});

test('it does not wait longer than for the last answer, and counts answers while the load lasted', async () => {
  const { lanes, clients } = makeClients(1, 8);
  const [lane] = lanes as [EchoLane];
  const plan = { ...PLAN, commandsMax: 8, drainMs: Number.POSITIVE_INFINITY };
  lane.isSilent = true;
  const load = new DemoLoad(clients, 1, plan, QUIET, makeClock());
  const ended = load.run();
  lane.isSilent = false;
  await ended;
  assert.is(load.unknown, 0);
  assert.is(load.acknowledged, 0);
});

test('a shard that is silent from the kill to the end shows its silence', async () => {
  const { lanes, clients } = makeClients(2, 8);
  const events: LoadEvents = {
    ...QUIET,
    onKill: () => {
      (lanes[1] as EchoLane).isSilent = true;
      return { replica: 0, shards: [0], gone: Promise.resolve() };
    },
  };
  const load = new DemoLoad(clients, 2, { ...PLAN, seconds: 4 }, events, makeClock());
  await load.run();
  assert.ok((load.gaps.otherShardsMaxGapMs as number) > 1900);
});

test('warm-up, seconds and kill come once each, in order', async () => {
  const { clients } = makeClients(1, 8);
  const events: string[] = [];
  const plan = { ...PLAN, seconds: 3 };
  const load = new DemoLoad(
    clients,
    1,
    plan,
    {
      onSteady: () => events.push('steady'),
      onSteadyEnd: async () => {
        await Promise.resolve();
        events.push('measured');
      },
      onSecond: (second) => events.push(`second ${second}`),
      onKill: () => {
        events.push('kill');
        return undefined;
      },
    },
    makeClock(),
  );
  await load.run();
  assert.equal(events, ['steady', 'second 1', 'measured', 'kill', 'second 2', 'second 3']);
  assert.is(load.gaps.failoverMsMax, null);
});

test('a measurement that does not come back holds the kill up for a moment only', async () => {
  const { clients } = makeClients(1, 8);
  let kills = 0;
  const events: LoadEvents = {
    ...QUIET,
    onSteadyEnd: () => new Promise(() => {}),
    onKill: () => {
      kills += 1;
      return undefined;
    },
  };
  await new DemoLoad(clients, 1, { ...PLAN, seconds: 4 }, events, makeClock()).run();
  assert.is(kills, 1);
});

test('answers that the killed worker left behind do not end the fail-over', async () => {
  const { lanes, clients } = makeClients(2, 8);
  const [led] = lanes as [EchoLane, EchoLane];
  let seenBefore = -1;
  const load = new DemoLoad(
    clients,
    2,
    { ...PLAN, seconds: 4 },
    {
      ...QUIET,
      onKill: () => {
        led.isSilent = true;
        led.left = 1;
        return { replica: 0, shards: [0], gone: Promise.resolve() };
      },
      onSecond: (second) => {
        if (second !== 3) return;
        seenBefore = load.gaps.failoverMs(0) ?? -1;
        led.isSilent = false;
      },
    },
    makeClock(),
  );
  await load.run();
  assert.is(seenBefore, -1);
  const failoverMs = load.gaps.failoverMsMax as number;
  assert.ok(failoverMs > 900 && failoverMs < 1100, `${failoverMs} ms`);
  assert.ok((load.gaps.otherShardsMaxGapMs as number) < 100);
});

test('a stop ends the load at once and bounds the wait for what is in flight', async () => {
  const { lanes, clients } = makeClients(1, 8);
  const load = new DemoLoad(
    clients,
    1,
    { ...PLAN, seconds: 1e6, drainMs: 1e9 },
    {
      ...QUIET,
      onSecond: () => {
        (lanes[0] as EchoLane).isSilent = true;
        load.stop(10);
      },
    },
    makeClock(),
  );
  await load.run();
  assert.ok(load.seconds < 1.1);
});

test('a lane that throws ends the load with its error', async () => {
  const { lanes, clients } = makeClients(1, 8);
  (lanes[0] as EchoLane).poll = () => {
    throw new Error('group stopped');
  };
  let message = '';
  await new DemoLoad(clients, 1, PLAN, QUIET, makeClock()).run().catch((error: Error) => {
    message = error.message;
  });
  assert.is(message, 'group stopped');
});

test('a kill that fails ends the load with its error', async () => {
  const { clients } = makeClients(1, 8);
  const events: LoadEvents = {
    ...QUIET,
    onKill: () => ({ replica: 0, shards: [0], gone: Promise.reject(new Error('no such worker')) }),
  };
  let message = '';
  const load = new DemoLoad(clients, 1, { ...PLAN, seconds: 1e6 }, events, makeClock(1e6));
  await load.run().catch((error: Error) => {
    message = error.message;
  });
  assert.is(message, 'no such worker');
});

test.run();
