/** One promise per command: settled once, with the reply or with an error that says what is known. */
import { getEventListeners } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { Proposals } from '../../../src/engine/proposals.ts';
import { FakeGroup } from './fake-group.ts';

const NO_TIMEOUT = 0;
const WAITING_MAX = 1000;
const SMALL_LANE = 1 << 12;
const BIG = 512;
/** Commands of BIG bytes that a SMALL_LANE holds. */
const FITTING = 7;

interface Fixture {
  group: FakeGroup;
  proposals: Proposals;
}

function open(laneBytes = 1 << 16, timeoutMs = NO_TIMEOUT, waitingMax = WAITING_MAX): Fixture {
  const group = new FakeGroup();
  const lane = group.lane('writes', laneBytes);
  group.elect(0);
  lane.route(0, group.serial);
  const proposals = new Proposals(lane, timeoutMs, waitingMax);
  group.work();
  proposals.poll();
  assert.ok(lane.isOpen);
  return { group, proposals };
}

/** Publishing happens at the end of the job. */
const jobEnd = (): Promise<void> => Promise.resolve();

async function settle({ group, proposals }: Fixture): Promise<void> {
  do {
    await jobEnd();
    group.work();
  } while (proposals.poll() > 0);
}

/** What became of a promise so far. */
function watch(promise: Promise<Uint8Array>): { outcome: string } {
  const seen = { outcome: 'pending' };
  promise.then(
    (reply) => {
      seen.outcome = `reply of ${reply.length}`;
    },
    (error: unknown) => {
      seen.outcome = error instanceof SynodError ? error.code : String(error);
    },
  );
  return seen;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
/** A command too long to slip into what a full lane has left. */
function big(first = 0): Uint8Array {
  const command = new Uint8Array(BIG);
  command[0] = first;
  return command;
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits until `deadlineMs` from now has surely passed on the clock that deadlines use. */
async function passes(deadlineMs: number): Promise<void> {
  const end = performance.now() + deadlineMs + 1;
  while (performance.now() < end) await turn();
}

const test = suite('proposals');

test('each promise gets the reply of its own command, as bytes of its own', async () => {
  const fixture = open();
  const promises = Array.from({ length: 300 }, (_, i) => fixture.proposals.propose(bytes(i & 255, i >> 8, 0, 0)));
  await settle(fixture);
  const replies = await Promise.all(promises);
  assert.equal(
    replies,
    replies.map((_, i) => bytes(i & 255, i >> 8, 0, 0)),
  );
  assert.not(replies[0]!.buffer instanceof SharedArrayBuffer);
  assert.is(fixture.proposals.pending, 0);
});

test('what does not fit waits in line and is sent in order', async () => {
  const fixture = open(SMALL_LANE);
  const order: number[] = [];
  const promises = Array.from({ length: 50 }, (_, i) => {
    const command = big();
    command[0] = i;
    return fixture.proposals.propose(command).then((reply) => order.push(reply[0]!));
  });
  assert.is(fixture.proposals.pending, 50);
  await settle(fixture);
  await Promise.all(promises);
  assert.equal(
    order,
    Array.from({ length: 50 }, (_, i) => i),
  );
});

test('a caller may use its buffer again at once, also when its command waits', async () => {
  const fixture = open(SMALL_LANE);
  const command = big();
  const promises = Array.from({ length: 20 }, (_, i) => {
    command[0] = i;
    return fixture.proposals.propose(command);
  });
  command.fill(99);
  await settle(fixture);
  const replies = await Promise.all(promises);
  assert.equal(
    replies.map((reply) => reply[0]),
    Array.from({ length: 20 }, (_, i) => i),
  );
});

test('tryPropose says no while there is no room or others wait', async () => {
  const fixture = open(SMALL_LANE);
  const first = Array.from({ length: FITTING }, () => fixture.proposals.tryPropose(big()));
  assert.ok(first.every((promise) => promise !== undefined));
  assert.is(fixture.proposals.tryPropose(big()), undefined);
  const waiting = fixture.proposals.propose(big());
  assert.is(fixture.proposals.tryPropose(bytes(1)), undefined);
  await settle(fixture);
  await waiting;
  assert.ok(fixture.proposals.tryPropose(big()) !== undefined);
});

test('the line is bounded', async () => {
  const fixture = open(SMALL_LANE, NO_TIMEOUT, 2);
  for (let i = 0; i < FITTING + 2; i += 1) void fixture.proposals.propose(big());
  const seen = watch(fixture.proposals.propose(big()));
  await jobEnd();
  assert.is(seen.outcome, 'ERR_SYNOD_FULL');
  await settle(fixture);
});

test('a line that never empties does not grow', async () => {
  const fixture = open(SMALL_LANE, NO_TIMEOUT, 100_000);
  let settled = 0;
  const add = (count: number): void => {
    for (let i = 0; i < count; i += 1) void fixture.proposals.propose(big()).then(() => (settled += 1));
  };
  add(100);
  for (let round = 0; round < 1000; round += 1) {
    await jobEnd();
    fixture.group.work();
    fixture.proposals.poll();
    add(FITTING);
  }
  await settle(fixture);
  await turn();
  assert.is(settled, 100 + 1000 * FITTING);
});

test('aborted before it was sent: surely not done, and never sent', async () => {
  const fixture = open(SMALL_LANE);
  for (let i = 0; i < FITTING; i += 1) void fixture.proposals.propose(big());
  const controller = new AbortController();
  const seen = watch(fixture.proposals.propose(big(42), { signal: controller.signal }));
  controller.abort();
  await settle(fixture);
  assert.is(seen.outcome, 'ERR_SYNOD_ABORTED');
  assert.not(fixture.group.replicas[0]!.machine.applied.has(42));
});

test('a signal that is aborted already refuses the call', async () => {
  const fixture = open();
  const seen = watch(fixture.proposals.propose(bytes(42, 0, 0, 0), { signal: AbortSignal.abort() }));
  await settle(fixture);
  assert.is(seen.outcome, 'ERR_SYNOD_ABORTED');
  assert.is(fixture.group.replicas[0]!.machine.applied.size, 0);
});

test('aborted after it was sent: the outcome is unknown, and it is applied all the same', async () => {
  const fixture = open();
  const controller = new AbortController();
  const seen = watch(fixture.proposals.propose(bytes(42, 0, 0, 0), { signal: controller.signal }));
  await jobEnd();
  controller.abort();
  await settle(fixture);
  assert.is(seen.outcome, 'ERR_SYNOD_OUTCOME_UNKNOWN');
  assert.is(fixture.group.replicas[0]!.machine.applied.get(42), 1);
});

test('a signal is let go once its call is settled, however it ends', async () => {
  const fixture = open(SMALL_LANE);
  const { signal } = new AbortController();
  void fixture.proposals.propose(big(), { signal });
  await settle(fixture);
  assert.is(getEventListeners(signal, 'abort').length, 0);
  const seen = watch(fixture.proposals.propose(big(), { signal, timeout: 1 }));
  await passes(1);
  fixture.proposals.poll();
  await jobEnd();
  assert.is(seen.outcome, 'ERR_SYNOD_OUTCOME_UNKNOWN');
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

test('timed out in line: surely not done; timed out once sent: unknown', async () => {
  const fixture = open(SMALL_LANE);
  const sent = watch(fixture.proposals.propose(big(), { timeout: 1 }));
  for (let i = 1; i < FITTING; i += 1) void fixture.proposals.propose(big());
  const inLine = watch(fixture.proposals.propose(big(42), { timeout: 1 }));
  const patient = watch(fixture.proposals.propose(big(43), { timeout: 60_000 }));
  await passes(1);
  fixture.proposals.poll();
  await jobEnd();
  assert.is(sent.outcome, 'ERR_SYNOD_OUTCOME_UNKNOWN');
  assert.is(inLine.outcome, 'ERR_SYNOD_TIMEOUT');
  assert.is(patient.outcome, 'pending');
  await settle(fixture);
  await turn();
  assert.is(patient.outcome, `reply of ${BIG}`);
  assert.not(fixture.group.replicas[0]!.machine.applied.has(42));
});

test('a call without timeout has the configured one', async () => {
  const fixture = open(1 << 16, 1);
  const seen = watch(fixture.proposals.propose(bytes(1)));
  const longer = watch(fixture.proposals.propose(bytes(2), { timeout: 60_000 }));
  await passes(1);
  fixture.proposals.poll();
  await jobEnd();
  assert.is(seen.outcome, 'ERR_SYNOD_OUTCOME_UNKNOWN');
  assert.is(longer.outcome, 'pending');
  await settle(fixture);
});

test('a late deadline is still met after earlier ones have passed', async () => {
  const fixture = open();
  const early = watch(fixture.proposals.propose(bytes(1), { timeout: 1 }));
  const late = watch(fixture.proposals.propose(bytes(2), { timeout: 8 }));
  await passes(1);
  fixture.proposals.poll();
  await passes(8);
  fixture.proposals.poll();
  await jobEnd();
  assert.is(early.outcome, 'ERR_SYNOD_OUTCOME_UNKNOWN');
  assert.is(late.outcome, 'ERR_SYNOD_OUTCOME_UNKNOWN');
});

test('a reply that comes after its caller gave up disturbs nobody', async () => {
  const fixture = open();
  const gaveUp = watch(fixture.proposals.propose(bytes(1, 0, 0, 0), { timeout: 1 }));
  const other = watch(fixture.proposals.propose(bytes(2, 0, 0, 0)));
  await passes(1);
  fixture.proposals.poll();
  await settle(fixture);
  await turn();
  assert.equal([gaveUp.outcome, other.outcome], ['ERR_SYNOD_OUTCOME_UNKNOWN', 'reply of 4']);
  assert.is(fixture.proposals.pending, 0);
});

test('after a fail-over every promise is settled by the next leader', async () => {
  const fixture = open();
  const { group, proposals } = fixture;
  const promises = Array.from({ length: 40 }, (_, i) => proposals.propose(bytes(i, 0, 0, 0)));
  await jobEnd();
  group.work();
  group.elect(1);
  proposals.lane.route(1, group.serial);
  await settle(fixture);
  const replies = await Promise.all(promises);
  assert.equal(
    replies.map((reply) => reply[0]),
    Array.from({ length: 40 }, (_, i) => i),
  );
  assert.ok([...group.replicas[1]!.machine.applied.values()].every((times) => times === 1));
});

test('when the shard fails, calls sent and calls in line are told apart, and later ones are refused', async () => {
  const fixture = open(SMALL_LANE);
  const sent = watch(fixture.proposals.propose(big()));
  for (let i = 1; i < FITTING; i += 1) fixture.proposals.propose(big()).catch(() => {});
  const inLine = watch(fixture.proposals.propose(big()));
  await jobEnd();
  const unknown = new SynodError('ERR_SYNOD_OUTCOME_UNKNOWN', 'sent');
  const failed = new SynodError('ERR_SYNOD_MACHINE_FAILED', 'not sent');
  fixture.proposals.fail(unknown, failed);
  const later = watch(fixture.proposals.propose(big()));
  const tried = watch(fixture.proposals.tryPropose(big())!);
  await turn();
  assert.equal([sent.outcome, inLine.outcome], ['ERR_SYNOD_OUTCOME_UNKNOWN', 'ERR_SYNOD_MACHINE_FAILED']);
  assert.is(fixture.proposals.pending, 0);
  assert.equal([later.outcome, tried.outcome], ['ERR_SYNOD_MACHINE_FAILED', 'ERR_SYNOD_MACHINE_FAILED']);
});

test('when the session ended, everything is rejected with that', async () => {
  const fixture = open(SMALL_LANE);
  const { group, proposals } = fixture;
  const seen = Array.from({ length: FITTING + 3 }, () => watch(proposals.propose(big())));
  await jobEnd();
  const id = group.replicas[0]!.taps[0]!.reader.session;
  for (const { sessions } of group.replicas) sessions.close(id);
  await settle(fixture);
  await turn();
  for (const { outcome } of seen) assert.is(outcome, 'ERR_SYNOD_SESSION_EXPIRED');
});

test('a query that throws rejects its own promise with the message of the machine', async () => {
  const group = new FakeGroup();
  const lane = group.lane('reads');
  group.elect(0);
  lane.route(0, group.serial);
  const fixture = { group, proposals: new Proposals(lane, NO_TIMEOUT, WAITING_MAX) };
  const bad = fixture.proposals.propose(new Uint8Array(0));
  const good = fixture.proposals.propose(bytes(1));
  bad.catch(() => {});
  await settle(fixture);
  assert.is((await good).length, 4);
  const error = await bad.catch((reason: SynodError) => reason);
  assert.instance(error, SynodError);
  assert.match((error as SynodError).message, /an empty query/);
});

test('bytes that cannot be copied are refused at once, and leave nothing behind', async () => {
  for (const inLine of [false, true]) {
    const fixture = open(SMALL_LANE);
    const { group, proposals } = fixture;
    const before = inLine ? Array.from({ length: FITTING + 1 }, () => proposals.propose(new Uint8Array(BIG))) : [];
    const gone = Uint8Array.of(1, 2, 3, 4);
    structuredClone(gone, { transfer: [gone.buffer] });
    assert.throws(() => proposals.propose(gone), TypeError);
    assert.throws(() => proposals.propose([1] as unknown as Uint8Array), /Uint8Array/);
    const last = proposals.propose(Uint8Array.of(9, 0, 0, 0));
    await settle(fixture);
    await Promise.all([...before, last]);
    assert.is(group.replicas[0]!.machine.applied.get(9), 1);
    assert.is(
      [...group.replicas[0]!.machine.applied.values()].reduce((sum, n) => sum + n),
      before.length + 1,
    );
  }
});

test('a command whose reply is too long was applied: its error says so', async () => {
  const fixture = open();
  for (const { machine } of fixture.group.replicas) {
    const apply = machine.apply.bind(machine);
    machine.apply = (command, reply) => {
      apply(command, reply);
      reply.length = (1 << 20) + 1;
    };
  }
  const failed = fixture.proposals.propose(Uint8Array.of(9, 0, 0, 0)).catch((error: SynodError) => error.code);
  await settle(fixture);
  assert.equal([fixture.group.replicas[0]!.machine.applied.get(9), await failed], [1, 'ERR_SYNOD_REPLY_EVICTED']);
});

test.run();
