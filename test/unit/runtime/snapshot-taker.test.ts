/** Taking a snapshot in slices, and what is given up behind it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readSnapshot } from '../../../src/log/snapshot-format.ts';
import { SNAPSHOT_FAILED } from '../../../src/log/snapshot-medium.ts';
import { SnapshotTaker } from '../../../src/runtime/snapshot-taker.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { batchOf, DriverKit, GROUP } from '../../support/driver-kit.ts';
import { MemorySnapshots, type MemoryTarget } from '../../support/memory-snapshots.ts';
import { runSteps } from '../../support/run-steps.ts';

const CLUSTER = 7;

function make() {
  const kit = new DriverKit(0, 1);
  kit.lead();
  const medium = new MemorySnapshots();
  const taker = new SnapshotTaker(kit.driver, medium, CLUSTER, crc32c, 2);
  const apply = (count: number): void => {
    for (let i = 0; i < count; i++) kit.propose(batchOf(`value ${i}`));
    kit.flush();
    kit.driver.applyChosen(count);
  };
  /** Takes one whole snapshot. */
  const take = (failure = ''): void => {
    assert.ok(taker.begin());
    while (medium.targets.at(-1)?.at === 0) assert.is(taker.work(), 1);
    assert.is(taker.work(), 0, 'nothing is done while it is published');
    medium.settle(failure);
    assert.is(taker.work(), 1);
  };
  return { kit, medium, taker, apply, take, state: kit.driver.replica.state };
}

const test = suite('runtime/snapshot-taker');

test('where nothing was applied there is nothing to take', () => {
  const { taker } = make();
  assert.not(taker.begin());
  assert.is(taker.work(), 0);
});

test('the image is that of the moment it was begun, whatever is applied meanwhile', () => {
  const { medium, taker, apply, kit } = make();
  apply(3);
  taker.begin();
  assert.not(taker.begin(), 'one at a time');
  apply(2);
  while (taker.work() > 0);
  medium.settle();
  taker.work();
  assert.equal(medium.list(), [3]);
  const name = { clusterId: CLUSTER, group: GROUP, watermark: 3 };
  const chunks = Array.from(readSnapshot(medium.open(3), name, crc32c), (chunk) => chunk.slice());
  const other = new DriverKit(0, 1);
  runSteps(other.applier.restore(chunks.values()));
  assert.is(other.applier.digest, kit.applier.digestAt(3));
});

test('S16: the log is kept back to the older of two snapshots; a third lets the first go', () => {
  const { medium, apply, take, state, taker } = make();
  apply(2);
  take();
  assert.equal([state.snapshotWatermark, taker.releasable], [2, 0]);
  apply(2);
  take();
  assert.equal([state.snapshotWatermark, taker.releasable], [4, 2]);
  apply(2);
  take();
  assert.equal([state.snapshotWatermark, taker.releasable, medium.list()], [6, 4, [4, 6]]);
  assert.is(taker.published, 3);
});

test('a failed snapshot gives nothing up, says why, and the next one may succeed', () => {
  const { medium, apply, take, state, taker } = make();
  apply(2);
  take('the disk is full');
  assert.equal([taker.failed, taker.failure, state.snapshotWatermark], [1, 'the disk is full', 0]);
  assert.ok(medium.targets[0]?.isAbandoned);
  medium.isFull = true;
  assert.not(taker.begin());
  assert.equal([taker.failed, taker.failure], [2, 'no space']);
  medium.isFull = false;
  take();
  assert.is(state.snapshotWatermark, 2);
});

test('a group that stands still gives up all that its newest snapshot holds', () => {
  const { apply, take, state, taker } = make();
  apply(2);
  take();
  assert.not(taker.begin());
  assert.equal([state.snapshotWatermark, taker.releasable], [2, 2]);
});

test('what the medium refuses while it is written is a failure with its reason, and leaves nothing behind', () => {
  const { medium, apply, taker } = make();
  apply(2);
  taker.begin();
  const target = medium.targets.at(-1) as MemoryTarget;
  target.at = SNAPSHOT_FAILED;
  target.failure = 'EIO';
  assert.is(taker.work(), 1);
  assert.equal([taker.failed, taker.failure, target.isAbandoned, taker.isBusy], [1, 'EIO', true, false]);
});

test('while the medium is behind nothing is written, until too much is kept aside', () => {
  const { medium, apply, taker, kit } = make();
  apply(2);
  taker.begin();
  const target = medium.targets.at(-1) as MemoryTarget;
  target.mayAppend = false;
  const { size } = target;
  assert.is(taker.work(), 0);
  kit.applier.imageBytesKept = () => 64 << 20;
  assert.is(taker.work(), 1);
  assert.ok(target.size > size);
  assert.is(taker.bytesKeptMost, 64 << 20);
});

test('one that is given up lets go of its file and its view', () => {
  const { medium, apply, taker, take } = make();
  apply(2);
  taker.begin();
  taker.abandon();
  assert.equal([medium.targets[0]?.isAbandoned, taker.isBusy, taker.failed], [true, false, 0]);
  take();
});

test.run();
