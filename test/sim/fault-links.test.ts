/** Links are cut as their drawing says, flap, and all stand again after healing; a clog holds everything back and then lets it through. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../src/base/prng.ts';
import { RECORD_SIZE_WORD } from '../../src/memory/descriptor.ts';
import { FaultCounts } from './fault-counts.ts';
import { LinkCuts } from './fault-links.ts';
import { NO_FAULTS } from './faults.ts';
import { SimNetwork } from './sim-network.ts';

const MEMBERS = 5;

/** Links that stand, as pairs a < b; fails where one stands in one direction only. */
function standing(cuts: LinkCuts): string[] {
  const links: string[] = [];
  for (let a = 0; a < MEMBERS; a++) {
    for (let b = a + 1; b < MEMBERS; b++) {
      assert.is(cuts.isCut(a, b), cuts.isCut(b, a), 'a mesh cuts both ways');
      if (!cuts.isCut(a, b)) links.push(`${a}-${b}`);
    }
  }
  return links;
}

function degrees(links: readonly string[]): number[] {
  const count = new Array<number>(MEMBERS).fill(0);
  for (const link of links) for (const end of link.split('-')) count[Number(end)] = (count[Number(end)] as number) + 1;
  return count.sort((a, b) => a - b);
}

const test = suite('sim fault links');

test('meshes are stars, chains, two halves with a bridge, or drawn', () => {
  const shapes = new Set<string>();
  const prng = new Prng(7);
  for (let n = 0; n < 100; n++) {
    const cuts = new LinkCuts(MEMBERS, prng.fork(`mesh ${n}`), new FaultCounts());
    cuts.mesh(100);
    shapes.add(degrees(standing(cuts)).join(''));
    assert.not(cuts.isCut(2, 2), 'a member hears itself');
  }
  for (const shape of ['11114', '11222', '22224']) assert.ok(shapes.has(shape), `no mesh with degrees ${shape}`);
});

test('a partition and a mesh end at their tick', () => {
  const cuts = new LinkCuts(MEMBERS, new Prng(1), new FaultCounts());
  cuts.mesh(10);
  assert.ok(standing(cuts).length < 10);
  cuts.tick(9);
  assert.ok(standing(cuts).length < 10, 'not before');
  cuts.tick(10);
  assert.is(standing(cuts).length, 10);
});

test('a flapping link goes down and up several times, and ends up', () => {
  const counts = new FaultCounts();
  const cuts = new LinkCuts(MEMBERS, new Prng(3), counts);
  cuts.flap(0, 5);
  cuts.flap(0, 5);
  assert.is(counts.flap, 1, 'one at a time');
  let changes = 0;
  let before = standing(cuts).length;
  assert.is(before, 9);
  for (let tick = 1; tick < 200; tick++) {
    cuts.tick(tick);
    const now = standing(cuts).length;
    if (now !== before) changes += 1;
    before = now;
  }
  assert.ok(changes >= 3);
  assert.is(before, 10);
});

test('a clogged link holds its frames and lets them all through in order', () => {
  const counts = new FaultCounts();
  let tick = 0;
  const network = new SimNetwork(
    2,
    new Prng(5),
    { ...NO_FAULTS, clogTicks: 5 },
    counts,
    () => tick,
    () => {},
  );
  network.clog();
  network.clog();
  const words = new Int32Array(16);
  words[RECORD_SIZE_WORD] = 64;
  for (let n = 0; n < 3; n++) {
    words[15] = n;
    network.send(0, 1, words, 64);
    network.send(1, 0, words, 64);
  }
  assert.ok(counts.cloggedFrame >= 3);
  for (; counts.clog > 0 && tick < 20; tick++) network.tick();
  for (const to of [0, 1]) {
    const frames = network.receive(to, 10);
    assert.equal(
      frames.map(({ words: all, offset }) => all[(offset >> 2) + 15]),
      [0, 1, 2],
    );
  }
});

test('a crashed member loses what a clog holds for it', () => {
  const network = new SimNetwork(
    2,
    new Prng(5),
    NO_FAULTS,
    new FaultCounts(),
    () => 0,
    () => {},
  );
  network.clog();
  network.send(0, 1, new Int32Array(16), 64);
  network.send(1, 0, new Int32Array(16), 64);
  network.drop(0);
  network.drop(1);
  network.heal();
  assert.is(network.waiting(0) + network.waiting(1), 0);
});

test('a frame of long ago arrives again as it was, also after its receiver began another life', () => {
  const counts = new FaultCounts();
  const network = new SimNetwork(
    2,
    new Prng(5),
    { ...NO_FAULTS, replay: 1 },
    counts,
    () => 0,
    () => {},
  );
  network.replay();
  assert.is(network.waiting(1), 0, 'nothing was sent yet');
  const words = new Int32Array(16);
  words[15] = 7;
  network.send(0, 1, words, 64);
  network.drop(1);
  network.replay();
  const [frame] = network.receive(1, 10);
  assert.is(frame?.words[(frame.offset >> 2) + 15], 7);
  assert.is(counts.replay, 1);
});

test.run();
