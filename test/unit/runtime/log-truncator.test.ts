/** Segments go only behind marks that are durable. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_SEGMENT_BYTES } from '../../../src/limits.ts';
import type { Log } from '../../../src/log/log.ts';
import type { GroupDriver } from '../../../src/runtime/group-driver.ts';
import { LogTruncator } from '../../../src/runtime/log-truncator.ts';

interface Group {
  replica: { state: { truncationPoint: number; isRejoining: boolean } };
  durableSequence: number;
  marks: number;
  oldest: number;
  canMark: boolean;
  oldestNeeded(): number;
  mark(): number;
  isDurable(sequence: number): boolean;
}

function group(oldest: number): Group {
  return {
    replica: { state: { truncationPoint: 0, isRejoining: false } },
    durableSequence: 0,
    marks: 0,
    oldest,
    canMark: true,
    oldestNeeded() {
      return this.oldest;
    },
    mark() {
      this.marks += 1;
      return this.marks;
    },
    isDurable(sequence) {
      return sequence <= this.durableSequence;
    },
  };
}

function make(...groups: Group[]) {
  const retired: number[] = [];
  const log = {
    appendedPosition: 10 * LOG_SEGMENT_BYTES,
    firstPosition: 0,
    retire: (position: number) => retired.push(position),
  };
  return { retired, truncator: new LogTruncator(log as unknown as Log, groups as unknown as GroupDriver[]) };
}

const test = suite('runtime/log-truncator');

test('S14: the hard state of every group is appended anew and durable before a segment goes', () => {
  const groups = [group(3 * LOG_SEGMENT_BYTES), group(5 * LOG_SEGMENT_BYTES)] as const;
  const { retired, truncator } = make(...groups);
  assert.is(truncator.work(), 0, 'nothing moved');
  groups[0].replica.state.truncationPoint = 7;
  assert.is(truncator.work(), 1);
  assert.equal(
    groups.map(({ marks }) => marks),
    [1, 1],
  );
  groups[1].durableSequence = 1;
  assert.is(truncator.work(), 0);
  assert.equal(retired, []);
  groups[0].durableSequence = 1;
  truncator.work();
  assert.equal(retired, [3 * LOG_SEGMENT_BYTES], 'the group that needs most decides');
  assert.is(truncator.work(), 0);
});

test('without a whole segment to give back nothing is written', () => {
  const only = group(LOG_SEGMENT_BYTES - 1);
  const { retired, truncator } = make(only);
  only.replica.state.truncationPoint = 7;
  truncator.work();
  assert.equal([only.marks, retired, truncator.work()], [0, [], 0]);
});

test('S12: while a group is on its way back, the mark of its loss stays', () => {
  const only = group(3 * LOG_SEGMENT_BYTES);
  const { truncator } = make(only);
  only.replica.state.truncationPoint = 7;
  only.replica.state.isRejoining = true;
  assert.is(truncator.work(), 0);
  only.replica.state.isRejoining = false;
  assert.is(truncator.work(), 1);
});

test('where a mark finds no room, nothing is planned yet', () => {
  const groups = [group(3 * LOG_SEGMENT_BYTES), group(3 * LOG_SEGMENT_BYTES)] as const;
  const { truncator } = make(...groups);
  groups[1].canMark = false;
  groups[0].replica.state.truncationPoint = 7;
  assert.is(truncator.work(), 0);
  assert.is(groups[0].marks, 0);
  groups[1].canMark = true;
  assert.is(truncator.work(), 1);
});

test.run();
