/** An image put in the place of a state, step by step. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { restoreSnapshot } from '../../../src/runtime/snapshot-restore.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { DriverKit, GROUP } from '../../support/driver-kit.ts';
import { MemorySnapshots } from '../../support/memory-snapshots.ts';
import { runSteps } from '../../support/run-steps.ts';
import { snapshotImage } from '../../support/snapshot-image.ts';

function make() {
  const kit = new DriverKit(0, 3);
  const medium = new MemorySnapshots();
  const bytes = snapshotImage({ clusterId: 7, group: GROUP, watermark: 9 });
  medium.shelf.set(9, bytes);
  let closed = 0;
  const open = medium.open.bind(medium);
  medium.open = (watermark) => ({ ...open(watermark), close: () => void (closed += 1) });
  const told: number[][] = [];
  const steps = (clusterId = 7): Generator<void> =>
    restoreSnapshot(medium, clusterId, 9, kit.driver, crc32c, (...bytes) => void told.push(bytes));
  return { kit, steps, told, bytes, closed: () => closed };
}

const test = suite('runtime/snapshot-restore');

test('a step at a time, it tells how far it is, and closes what it read at the end', () => {
  const { kit, steps, told, bytes, closed } = make();
  const running = steps();
  running.next();
  assert.equal([kit.applier.isRestoring, closed()], [true, 0]);
  runSteps(running);
  assert.equal([kit.applier.isRestoring, closed()], [false, 1]);
  const last = told.at(-1) as number[];
  assert.ok(last[0]! > 0 && last[0]! <= bytes.length && last[1] === bytes.length, JSON.stringify(told));
});

test("another cluster's is refused, and closed", () => {
  const { kit, steps, closed } = make();
  assert.throws(() => runSteps(steps(8)), /belongs to another cluster/);
  assert.equal([kit.applier.isRestoring, closed()], [true, 1]);
});

test('who goes no further closes it', () => {
  const { steps, closed } = make();
  const running = steps();
  running.next();
  running.return(undefined);
  assert.is(closed(), 1);
});

test.run();
