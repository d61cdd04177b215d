/**
 * Every interleaving of small scopes over the real core, bounded to what a test run can afford: agreement, I10, I12 and all laws of
 * invariants.ts hold in each state. `npm run exhaustive` goes further.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { popcount } from '../../src/base/bits.ts';
import { Quorums } from '../../src/paxos/quorum.ts';
import { Explorer, type Report } from './explorer.ts';
import { openReplicaClass } from './open-core.ts';
import { judge } from './oracle.ts';
import { type Scope, scopeOf } from './scopes.ts';

const test = suite('exhaustive');
const STATES_MAX = 1_000_000;
const replicaClass = await openReplicaClass();

const explore = (scope: Scope, statesMax = STATES_MAX): Report =>
  new Explorer(replicaClass, scope, { statesMax, depthMax: 1000 }).run();

function holds(report: Report): void {
  assert.is(report.violation, '', `${report.violation}\n${report.trace.join('\n')}`);
  assert.ok((report.chosenStates[1] as number) > 0, 'a value was chosen somewhere');
}

test('two proposers in one slot: every state is seen, and one value is chosen in each', () => {
  const report = explore(scopeOf('duel'));
  holds(report);
  assert.ok(report.isComplete, `${report.states} states`);
  assert.ok(report.twoLeaders > 0 && report.applied > 0, 'two led at once, values were applied');
});

test('two proposers in one slot, and any member crashes at any point: every state is seen', () => {
  const report = explore(scopeOf('duel-crash'));
  holds(report);
  assert.ok(report.isComplete, `${report.states} states`);
});

for (const name of ['two-slots', 'two-slots-crash', 'again-after-crash', 'retry']) {
  test(`${name}: the first states, breadth first`, () => holds(explore(scopeOf(name), 250_000)));
}

test('quorums that do not meet are found out, with the steps that lead there', () => {
  class Loose extends Quorums {
    override isPrepareQuorum(members: number): boolean {
      return popcount(members) >= 1;
    }
  }
  const report = explore({ ...scopeOf('duel'), quorums: new Loose(3) });
  assert.match(report.violation, 'I12');
  assert.ok(report.trace.includes('0 campaigns') && report.trace.includes('1 proposes'));
});

test('the oracle names each way to disagree', () => {
  const quorums = new Quorums(3);
  const votes = (...list: [number, number, number][]) => ({ votes: list, applied: [] });
  const none = votes();
  assert.match(judge([votes([1, 0, 5]), votes([1, 0, 6]), none], quorums).violation, 'I3');
  const twice = judge([votes([1, 0, 5], [2, 0, 6]), votes([1, 0, 5]), votes([2, 0, 6])], quorums);
  assert.match(twice.violation, 'I12: two values');
  assert.match(judge([{ votes: [], applied: [5] }, none, none], quorums).violation, 'I10');
  const other = judge([{ votes: [[1, 0, 5]], applied: [6] }, votes([1, 0, 5]), none], quorums);
  assert.match(other.violation, 'I12: member 0');
  assert.equal(judge([votes([1, 0, 5]), votes([1, 0, 5]), none], quorums), { violation: '', chosen: 1 });
});

test.run();
