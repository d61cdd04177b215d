/**
 * The core under every interleaving that fast-check thinks of: messages lost, repeated and overtaken, disks that write when they
 * like, crashes, time that runs unevenly. After every call all laws of invariants.ts hold, and what is applied is what
 * the disks say is chosen; when the faults end, everybody arrives at the same place and new values are chosen. Elections keep C1, C2, C3 and C4
 * throughout, and every recovery W1, W2 and W3.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Quorums } from '../../src/paxos/quorum.ts';
import { FaultyCore } from '../support/faulty-core.ts';

const test = suite('property/core');
const HEALING_ROUNDS_MAX = 400;

type Event = readonly [verb: string, a: number, b: number];

const number = fc.nat(9999);
const event = (verb: string): fc.Arbitrary<Event> => fc.tuple(fc.constant(verb), number, number);
const schedule = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: event('deliver') },
    { weight: 6, arbitrary: event('persist') },
    { weight: 4, arbitrary: event('propose') },
    { weight: 3, arbitrary: event('tick') },
    { weight: 3, arbitrary: event('round') },
    { weight: 2, arbitrary: event('repeat') },
    { weight: 2, arbitrary: event('lose') },
    { weight: 2, arbitrary: event('read') },
    { weight: 1, arbitrary: event('crash') },
    { weight: 1, arbitrary: event('forget') },
  ),
  { minLength: 40, maxLength: 160, size: 'max' },
);

function apply(cluster: FaultyCore, [verb, a, b]: Event): void {
  if (verb === 'deliver') for (let n = 1 + (b % 6); n > 0; n--) cluster.deliver(a % 3 === 0 ? a : 0);
  else if (verb === 'persist') cluster.persist(a, 1 + (b % 5));
  else if (verb === 'propose') for (let n = 1 + (b % 3); n > 0; n--) cluster.propose(a);
  else if (verb === 'tick') for (let n = 1 + (b % 12); n > 0; n--) cluster.tick(a);
  else if (verb === 'round') cluster.settle();
  else if (verb === 'repeat') cluster.deliver(a, true);
  else if (verb === 'lose') cluster.lose(a);
  else if (verb === 'read') cluster.beginRead(a);
  else if (verb === 'forget') cluster.forget(a, b);
  else cluster.crash(a, b % 3);
}

/** Lets everything through until a new value is applied by all. */
function heal(cluster: FaultyCore): void {
  let target = -1;
  for (let round = 0; round < HEALING_ROUNDS_MAX; round++) {
    cluster.settle();
    if (cluster.members.some(({ replica }) => replica.state.isRejoining)) continue;
    const watermarks = cluster.members.map(({ replica }) => replica.commitWatermark);
    if (target >= 0 && watermarks.every((watermark) => watermark >= target)) return;
    if (target >= 0) continue;
    const leader = cluster.members.findIndex(({ replica }) => replica.canPropose);
    if (leader < 0) continue;
    const slot = cluster.members[leader]?.replica.state.window.nextSlot ?? 0;
    cluster.propose(leader);
    target = slot + 1;
  }
  assert.unreachable('a healed group makes progress');
}

const GROUPS: readonly [name: string, quorums: Quorums, runs: number][] = [
  ['three members', new Quorums(3), 500],
  ['five members', new Quorums(5), 200],
  ['four members that prepare by three and accept by two', new Quorums(4, 3, 2), 250],
  ['a member alone', new Quorums(1), 20],
];

for (const [name, quorums, numRuns] of GROUPS) {
  test(`${name}: one value per slot, nothing durable forgotten, progress when the faults end`, () => {
    let chosen = 0;
    let leaderships = 0;
    let reads = 0;
    let rejoined = 0;
    fc.assert(
      fc.property(schedule, (events) => {
        const cluster = new FaultyCore(quorums);
        for (const item of events) apply(cluster, item);
        heal(cluster);
        chosen += cluster.oracle.chosen.size;
        leaderships += cluster.leaderships;
        reads += cluster.confirmedReads;
        rejoined += cluster.forgotten;
      }),
      { numRuns, includeErrorInReport: true },
    );
    assert.ok(chosen > numRuns && leaderships > numRuns && reads > 0, `${chosen} ${leaderships} ${reads}: not vacuous`);
    assert.ok(rejoined > 0 || quorums.memberCount === 1, 'members that forgot came back');
  });
}

test.run();
