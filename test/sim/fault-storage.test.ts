/** The medium damages only what recovery must miss, and says so when a damaged log is opened as a whole one; crashes come at their point. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../src/base/prng.ts';
import { LOG_BLOCK_BYTES } from '../../src/limits.ts';
import { HEADER_FIELDS, HEADER_KIND } from '../../src/log/log.ts';
import { KIND_FLOOR, KIND_PROMISE, SUBMISSION_HEADER_BYTES } from '../../src/log/record.ts';
import { writeRecordHeader, writeSegmentHeader, writeSubmissionHeader } from '../../src/log/record-header.ts';
import { FaultCounts } from './fault-counts.ts';
import { CrashPoints, type PersistPoint, PowerLoss } from './fault-crash-points.ts';
import { DiskDamage } from './fault-damage.ts';

const RECORD_BYTES = 64;
const IDENTITY = { clusterId: 1, nodeId: 1, logNumber: 0 };

/** One block: a submission with one record. */
function submission(position: number, floor: number, kind = KIND_PROMISE): Uint8Array {
  const words = new Int32Array(LOG_BLOCK_BYTES / 4);
  const header = new Float64Array(HEADER_FIELDS);
  header[HEADER_KIND] = kind;
  writeRecordHeader(words, SUBMISSION_HEADER_BYTES >> 2, header, RECORD_BYTES, 1, position + 64, 0);
  const place = Float64Array.of(1, 1, position, floor);
  writeSubmissionHeader(words, 0, SUBMISSION_HEADER_BYTES + RECORD_BYTES, 1, place);
  return new Uint8Array(words.buffer);
}

function segmentHeader(cut: number, isForgotten: boolean): Uint8Array {
  const words = new Int32Array(LOG_BLOCK_BYTES / 4);
  writeSegmentHeader(words, IDENTITY, 2, 2, 1 << 24, cut, isForgotten);
  return new Uint8Array(words.buffer);
}

/** Two submissions; the second says that the first is durable. */
function twoWritten(): DiskDamage {
  const damage = new DiskDamage(new FaultCounts());
  damage.onWritten(LOG_BLOCK_BYTES, submission(LOG_BLOCK_BYTES, LOG_BLOCK_BYTES));
  damage.onWritten(2 * LOG_BLOCK_BYTES, submission(2 * LOG_BLOCK_BYTES, 2 * LOG_BLOCK_BYTES));
  return damage;
}

/** Blocks that rot in fifty draws. */
function rottenBlocks(make: () => DiskDamage, isIdle: boolean): number[] {
  const blocks = new Set<number>();
  for (let n = 0; n < 50; n++)
    make().rot(new Prng(n), isIdle, (position) => blocks.add(Math.floor(position / LOG_BLOCK_BYTES)));
  return [...blocks].sort((a, b) => a - b);
}

const test = suite('sim fault storage');

test('only what lies below a durable floor rots, and its segment header', () => {
  assert.equal(rottenBlocks(twoWritten, false), [0, 1]);
  const none = new DiskDamage(new FaultCounts());
  assert.not(none.rot(new Prng(1), false, () => assert.unreachable()));
});

test('of an idle log everything rots but a floor record', () => {
  assert.equal(rottenBlocks(twoWritten, true), [0, 1, 2]);
  const withFloor = (): DiskDamage => {
    const damage = twoWritten();
    damage.onWritten(3 * LOG_BLOCK_BYTES, submission(3 * LOG_BLOCK_BYTES, 3 * LOG_BLOCK_BYTES, KIND_FLOOR));
    return damage;
  };
  assert.equal(rottenBlocks(withFloor, true), [0, 1, 2]);
});

test('a damaged log opened as a whole one is a violation; one that says it forgot is none', () => {
  const silent = twoWritten();
  silent.rot(new Prng(1), false, () => {});
  assert.ok(silent.isPending);
  assert.throws(() => silent.onOpened(1 << 24, segmentHeader(0, false)), /damaged log was taken for a whole one/);
  const told = twoWritten();
  told.rot(new Prng(1), false, () => {});
  told.onOpened(1 << 24, segmentHeader(0, true));
  assert.not(told.isPending);
});

test('what the cut leaves behind does not rot, what it keeps does', () => {
  const opened = (): DiskDamage => {
    const damage = twoWritten();
    damage.onOpened(1 << 24, segmentHeader(2 * LOG_BLOCK_BYTES, false));
    return damage;
  };
  assert.equal(rottenBlocks(opened, false), [0, 1]);
});

test('a misdirected write lands once, on a durable block', () => {
  const damage = twoWritten();
  assert.is(damage.misdirect(new Prng(1), 2 * LOG_BLOCK_BYTES), -1, 'not asked for');
  damage.isMisdirecting = true;
  assert.is(damage.misdirect(new Prng(1), 2 * LOG_BLOCK_BYTES), LOG_BLOCK_BYTES);
  assert.is(damage.misdirect(new Prng(1), 2 * LOG_BLOCK_BYTES), -1);
  assert.ok(damage.isPending);
});

test('the power goes at the drawn pass of the drawn persist point, once', () => {
  const points: PersistPoint[] = ['crashBeforeSubmit', 'crashAfterSubmit', 'crashBeforeDurable', 'crashAfterDurable'];
  const counts = new FaultCounts();
  for (let seed = 0; seed < 40; seed++) {
    const crash = new CrashPoints(counts);
    crash.draw(new Prng(seed));
    let losses = 0;
    for (let pass = 0; pass < 200; pass++) {
      try {
        crash.pass(points[pass % points.length] as PersistPoint);
      } catch (error) {
        assert.instance(error, PowerLoss);
        assert.is((error as PowerLoss).point, points[pass % points.length]);
        losses += 1;
      }
    }
    assert.is(losses, 1);
  }
  for (const point of points) assert.ok(counts[point] > 0, point);
});

test.run();
