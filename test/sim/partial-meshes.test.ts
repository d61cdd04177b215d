/**
 * Partial meshes that broke other systems: while some member reaches an accept quorum, commands go on being acknowledged, and leadership settles.
 *
 *   cut link    A─B ✕ B─C, both reach A        quorum loss   all reach only A, the leader is elsewhere
 *   chain       A─B─C─D─E                      bridge        {A B C} and {C D E}
 *   one way     a member is heard and hears nobody, or the reverse
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_FAULTS } from './faults.ts';
import { type SimOptions, type SimResult, Simulator } from './simulator.ts';

type Links = [number, number][];

/** Frames pass both ways. */
function bothWays(links: Links): Links {
  return links.flatMap(
    ([a, b]): Links => [
      [a, b],
      [b, a],
    ],
  );
}

const QUIET_TICKS = 300;
/** Ten election timeouts to find a leader that can lead, then steady work. */
const MESH_TICKS = 1500;
const SEEDS = [1, 2, 3, 4];

function run(seed: number, replicas: number, mesh: SimOptions['mesh'], ticks: number): SimResult {
  const result = new Simulator({
    seed,
    ticks,
    replicas,
    clients: 3,
    swarm: false,
    faults: { ...NO_FAULTS },
    ...(mesh && { mesh }),
  }).run();
  assert.is(result.violation, '', `seed ${seed}`);
  return result;
}

/** Member 0 leads when the mesh begins; commands go on in the second half of it, after a bounded number of elections. */
function requireProgress(replicas: number, links: Links): void {
  for (const seed of SEEDS) {
    const mesh = { fromTick: QUIET_TICKS, links };
    const half = run(seed, replicas, mesh, QUIET_TICKS + MESH_TICKS / 2);
    const whole = run(seed, replicas, mesh, QUIET_TICKS + MESH_TICKS);
    const inSecondHalf = whole.acknowledgedUnderFaults - half.acknowledgedUnderFaults;
    assert.ok(inSecondHalf > 50, `seed ${seed}: ${inSecondHalf} commands in the second half`);
    assert.ok(whole.elections <= 6, `seed ${seed}: ${whole.elections} elections`);
  }
}

const test = suite('sim partial meshes');

test('a cut between the leader and a follower that both reach the third (scenario 23)', () => {
  requireProgress(
    3,
    bothWays([
      [0, 2],
      [1, 2],
    ]),
  );
});

test('a cut between two followers', () => {
  requireProgress(
    3,
    bothWays([
      [0, 1],
      [0, 2],
    ]),
  );
});

test('quorum loss: all reach only one that does not lead (scenario 24)', () => {
  requireProgress(
    5,
    bothWays([
      [3, 0],
      [3, 1],
      [3, 2],
      [3, 4],
    ]),
  );
});

test('a chain of five (scenario 26)', () => {
  requireProgress(
    5,
    bothWays([
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 4],
    ]),
  );
});

test('two halves that share one member', () => {
  requireProgress(
    5,
    bothWays([
      [0, 1],
      [0, 2],
      [1, 2],
      [2, 3],
      [2, 4],
      [3, 4],
    ]),
  );
});

test('a leader that is heard but hears nobody (scenario 21)', () => {
  requireProgress(3, [...bothWays([[1, 2]]), [0, 1], [0, 2]]);
});

test('a leader that hears all but is not heard (scenario 21)', () => {
  requireProgress(3, [...bothWays([[1, 2]]), [1, 0], [2, 0]]);
});

test('a follower that hears the leader but is not heard disturbs nobody (scenario 22)', () => {
  requireProgress(3, [...bothWays([[0, 1]]), [0, 2], [1, 2]]);
});

test('a follower that is heard but hears nobody (scenario 22)', () => {
  requireProgress(3, [...bothWays([[0, 1]]), [2, 0], [2, 1]]);
});

test('without any quorum nothing is acknowledged', () => {
  const mesh = { fromTick: QUIET_TICKS, links: [] };
  const half = run(1, 3, mesh, QUIET_TICKS + 200);
  const whole = run(1, 3, mesh, QUIET_TICKS + 600);
  assert.is(whole.acknowledgedUnderFaults, half.acknowledgedUnderFaults);
});

test.run();
