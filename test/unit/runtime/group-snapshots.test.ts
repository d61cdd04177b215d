/** Starting from snapshots, and when one is due. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { Prng } from '../../../src/base/prng.ts';
import { SNAPSHOT_FAILED } from '../../../src/log/snapshot-medium.ts';
import {
  SNAPSHOT_BYTES,
  SNAPSHOT_DISK_BYTES,
  SNAPSHOT_PUBLISHED_COUNT,
  SNAPSHOT_WATERMARK,
} from '../../../src/memory/descriptor.ts';
import { FETCH, SNAPSHOT_FETCH, SNAPSHOT_OFFER, SNAPSHOT_PART } from '../../../src/paxos/message.ts';
import { recoverRecord } from '../../../src/runtime/group-recovery.ts';
import { GroupSnapshots, type GroupSnapshotsOptions } from '../../../src/runtime/group-snapshots.ts';
import { FETCH_DOUBTED } from '../../../src/runtime/snapshot-sender.ts';
import { SnapshotTurn } from '../../../src/runtime/snapshot-turn.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { BatchWriter } from '../../support/batch-writer.ts';
import { batchOf, DriverKit } from '../../support/driver-kit.ts';
import { portableBulk } from '../../support/in-thread-cluster.ts';
import { open } from '../../support/log-fixture.ts';
import { MemorySnapshots } from '../../support/memory-snapshots.ts';

const EVERY = 1000;

function make(kit: DriverKit, medium = new MemorySnapshots(), options: Partial<GroupSnapshotsOptions> = {}) {
  const warnings: string[] = [];
  const reasons: string[] = [];
  const clockMs = new Float64Array(1);
  const turn = new SnapshotTurn(clockMs, 0);
  const snapshots = new GroupSnapshots({
    driver: kit.driver,
    medium,
    clusterId: 7,
    crc: crc32c,
    configuration: kit.driver.replica.state.configuration,
    transport: kit.transport,
    bulk: portableBulk,
    everyBytes: EVERY,
    everyMs: 0,
    kept: 2,
    turn,
    prng: new Prng(1),
    warn: (text) => void warnings.push(text),
    onFailure: (reason) => void reasons.push(reason),
    ...options,
  });
  return { kit, medium, snapshots, warnings, reasons, clockMs };
}

function apply(kit: DriverKit, count: number): void {
  for (let i = 0; i < count; i++) kit.propose(batchOf(`value ${i}`));
  kit.flush();
  kit.driver.applyChosen(count);
}

/** Takes one to its end, which is `failure` where it is not empty. */
function take({ snapshots, medium }: Pick<ReturnType<typeof make>, 'snapshots' | 'medium'>, failure = ''): void {
  snapshots.ask();
  while (snapshots.work(0) > 0);
  medium.settle(failure);
  snapshots.work(0);
}

/** Proposes and applies `batch`. */
function propose(kit: DriverKit, { bytes, offset, length }: BatchWriter): void {
  kit.propose(bytes.subarray(offset, offset + length) as Uint8Array<ArrayBuffer>);
  kit.flush();
  kit.driver.applyChosen(1);
}

/** A member alone with snapshots at 3 and 6 of its 8 slots: a session, opened in the first, and its commands. */
function lived() {
  const kit = new DriverKit(0, 1);
  kit.lead();
  const made = make(kit);
  propose(kit, new BatchWriter().begin(1).openSession(5, 5));
  const session = kit.sessions.findByNonce(5, 5);
  for (let slot = 1; slot < 8; slot++) {
    propose(kit, new BatchWriter().begin(slot).command(session, slot, Uint8Array.of(slot, 0, 0, 0)));
    if (slot === 2 || slot === 5) take(made);
  }
  assert.is(kit.applier.commands, 7);
  return made;
}

/** The next life over the same log. */
function reborn(kit: DriverKit, medium: MemorySnapshots) {
  const fixture = open(kit.fixture.medium);
  const next = new DriverKit(0, 1, fixture);
  for (const record of fixture.records) if (record.kind !== 5) recoverRecord(next.driver, record);
  for (const record of fixture.records) if (record.kind === 1) next.driver.recoverIndex(record.slot, record.position);
  next.driver.finishRecovery(0);
  return make(next, medium);
}

const test = suite('runtime/group-snapshots');

test('a start goes on from the newest snapshot, and the log behind it is applied', () => {
  const { kit, medium } = lived();
  const next = reborn(kit, medium);
  next.snapshots.start();
  assert.is(next.kit.driver.appliedWatermark, 6);
  next.kit.driver.applyChosen(10);
  assert.is(next.kit.applier.digest, kit.applier.digestAt(next.kit.driver.appliedWatermark));
});

test('a damaged one is told, and the one before it takes its place', () => {
  const { kit, medium } = lived();
  const bytes = medium.shelf.get(6) as Uint8Array;
  bytes[50] = (bytes[50] as number) ^ 1;
  const next = reborn(kit, medium);
  next.snapshots.start();
  assert.match(next.warnings[0] ?? '', /at slot 6 is damaged/);
  assert.is(next.kit.driver.appliedWatermark, 3);
  assert.equal(medium.list(), [3]);
});

test('S16: where the only one is damaged behind its begin and the log is whole, everything is applied to an empty machine', () => {
  const { kit, medium } = lived();
  medium.shelf.delete(3);
  const bytes = medium.shelf.get(6) as Uint8Array;
  const late = bytes.length - 80;
  bytes[late] = (bytes[late] as number) ^ 1;
  const next = reborn(kit, medium);
  next.kit.driver.replica.state.truncationPoint = 0;
  next.snapshots.start();
  assert.is(next.warnings.length, 1);
  next.kit.driver.applyChosen(10);
  const { appliedWatermark } = next.kit.driver;
  assert.equal(next.kit.applier.commands, appliedWatermark - 1);
  assert.is(next.kit.applier.digest, kit.applier.digestAt(appliedWatermark));
});

test('S16: where the log begins behind every snapshot, nothing starts', () => {
  const { kit, medium } = lived();
  medium.shelf.clear();
  const next = reborn(kit, medium);
  next.kit.driver.replica.state.truncationPoint = 3;
  assert.throws(() => next.snapshots.start(), /truncated, and no snapshot stands before it/);
});

test('S16: with peers it votes, applies nothing, asks one after the other, and goes on from what it gets', () => {
  const kit = new DriverKit(0, 3);
  const { medium, snapshots, warnings } = make(kit);
  const { state } = kit.driver.replica;
  state.window.advance(5);
  state.truncationPoint = 3;
  snapshots.start();
  assert.match(warnings[0] ?? '', /this replica votes, and asks its peers/);
  assert.equal([state.lacksImage, state.truncationPoint, kit.driver.applyChosen(9)], [true, 5, 0]);
  const asked: number[][] = [];
  for (let tick = 0; tick < 400; tick++) {
    kit.driver.onTick();
    snapshots.work(0);
    for (const { to, kind, slot, aux } of kit.transport.take()) {
      assert.ok(kind === 'FETCH' || kind === 'SNAPSHOT_FETCH', kind);
      if (kind === 'SNAPSHOT_FETCH') asked.push([to, slot, aux]);
    }
  }
  assert.equal(asked.slice(0, 3), [
    [1, 0, 5],
    [2, 0, 5],
    [1, 0, 5],
  ]);
  const donor = lived().medium.shelf.get(6) as Uint8Array;
  kit.receive(SNAPSHOT_OFFER, { from: 1, slot: 6, aux: donor.length });
  kit.receive(SNAPSHOT_PART, { from: 1, slot: 6, aux2: donor.length }, donor);
  medium.settle();
  while (kit.driver.appliedWatermark === 0) snapshots.work(0);
  assert.equal([state.lacksImage, kit.driver.appliedWatermark, state.commitWatermark], [false, 6, 6]);
});

test('who is asked for one offers what it has, or takes one first', () => {
  const kit = new DriverKit(0, 1);
  kit.lead();
  apply(kit, 4);
  const { medium, snapshots } = make(kit);
  const { configuration } = kit.driver.replica.state;
  Object.defineProperty(configuration, 'nodeIds', { value: [1, 2, 3] });
  kit.receive(SNAPSHOT_FETCH, { from: 2, slot: 0, aux: 2 });
  while (snapshots.work(0) > 0);
  medium.settle();
  snapshots.work(0);
  kit.receive(SNAPSHOT_FETCH, { from: 2, slot: 0, aux: 2 });
  assert.equal(
    kit.transport.take().map(({ kind, to, slot }) => [kind, to, slot]),
    [['SNAPSHOT_OFFER', 2, 4]],
  );
});

test('one is due after so many log bytes, later at leaders and later members', () => {
  const { kit, snapshots, medium } = lived();
  const taken = medium.targets.length;
  snapshots.work(EVERY * 1.24);
  assert.is(medium.targets.length, taken, 'a leader waits longer');
  snapshots.work(EVERY * 1.36);
  assert.is(medium.targets.length, taken + 1);
  assert.is(medium.targets.at(-1)?.watermark, kit.driver.appliedWatermark);
});

test('a failed one is told once, and the log is kept', () => {
  const { snapshots, medium, warnings, reasons, kit } = lived();
  take({ snapshots, medium }, 'the disk is full');
  snapshots.work(0);
  assert.equal(warnings, ['A snapshot of shard 6 failed: the disk is full. The log is kept, and another try follows.']);
  assert.equal(reasons, ['', '', 'the disk is full']);
  assert.is(kit.driver.replica.state.snapshotWatermark, 6);
});

test('a failed one is tried again after a while, without more log', () => {
  const { snapshots, medium, clockMs } = lived();
  take({ snapshots, medium }, 'the disk is full');
  const tries = medium.targets.length;
  snapshots.work(EVERY * 9);
  assert.is(medium.targets.length, tries);
  clockMs[0] = 2001;
  snapshots.work(0);
  assert.is(medium.targets.length, tries + 1);
});

test('one is due after so much time, where there is something new', () => {
  const kit = new DriverKit(0, 1);
  kit.lead();
  const { snapshots, medium, clockMs } = make(kit, new MemorySnapshots(), { everyBytes: 0, everyMs: 1000 });
  snapshots.work(0);
  clockMs[0] = 5000;
  snapshots.work(0);
  assert.is(medium.targets.length, 0, 'nothing was applied');
  apply(kit, 2);
  snapshots.work(0);
  assert.is(medium.targets.length, 0, 'the interval began anew');
  clockMs[0] = 7000;
  snapshots.work(0);
  assert.is(medium.targets.length, 1);
});

test('while another group of the worker takes one, it waits for its turn', () => {
  const turn = new SnapshotTurn(new Float64Array(1), 0);
  assert.ok(turn.take(99));
  const kit = new DriverKit(0, 1);
  kit.lead();
  const { snapshots, medium } = make(kit, new MemorySnapshots(), { turn });
  apply(kit, 2);
  snapshots.ask();
  snapshots.work(0);
  assert.is(medium.targets.length, 0);
  turn.release(99);
  snapshots.work(0);
  assert.not(turn.take(99), 'until it is drained');
  while (snapshots.work(0) > 0);
  assert.ok(turn.take(99));
  medium.settle();
  snapshots.work(0);
  assert.is(snapshots.taker.published, 1);
});

test('a medium that cannot be read is told, and stops nothing', () => {
  const { kit, medium, snapshots, warnings } = lived();
  const { configuration } = kit.driver.replica.state;
  Object.defineProperty(configuration, 'nodeIds', { value: [1, 2, 3] });
  const fail = (): never => {
    throw new Error('EIO');
  };
  medium.open = () => ({ size: 8, read: fail, close: () => {} });
  kit.receive(SNAPSHOT_FETCH, { from: 2, slot: 6, aux2: 1 });
  assert.is(snapshots.work(0), 1);
  assert.equal(warnings, ['A snapshot of shard 6 cannot be served: EIO.']);
  medium.list = fail;
  kit.receive(SNAPSHOT_FETCH, { from: 2, slot: 5, aux2: 1 });
  assert.is(warnings.length, 2);
  snapshots.ask();
  while (snapshots.work(0) > 0);
  medium.settle();
  snapshots.work(0);
  assert.match(warnings.at(-1) ?? '', /A snapshot of shard 6 failed: EIO/);
});

test('figures tell of the newest one', () => {
  const { snapshots, medium } = lived();
  const { figures } = snapshots;
  assert.equal(
    [figures[SNAPSHOT_WATERMARK], figures[SNAPSHOT_PUBLISHED_COUNT], figures[SNAPSHOT_DISK_BYTES]],
    [6, 2, medium.bytes()],
  );
  assert.is(figures[SNAPSHOT_BYTES], medium.shelf.get(6)?.length);
});

test('S16: the log is kept for a member that lags and is heard, not for one that is silent, and not beyond a bound', () => {
  for (const [isHeard, position, expected] of [
    [true, 0, 1],
    [false, 0, 3],
    [true, 2 ** 25, 6],
  ] as const) {
    const kit = new DriverKit(0, 1);
    kit.lead();
    const { snapshots, medium } = make(kit);
    apply(kit, 3);
    take({ snapshots, medium });
    apply(kit, 3);
    const { replica } = kit.driver;
    Object.defineProperty(replica.state.configuration, 'nodeIds', { value: [1, 2, 3] });
    kit.receive(FETCH, { from: 2, slot: 1, aux: 1, commit: 1 });
    if (!isHeard) replica.state.tick += 1000;
    take({ snapshots, medium });
    assert.is(snapshots.taker.releasable, 3);
    snapshots.work(position);
    assert.is(replica.state.truncationPoint, expected, `${isHeard} ${position}`);
  }
});

test('a damaged snapshot takes back what the log was to give up, until as many as are kept are sound again', () => {
  const kit = new DriverKit(0, 1);
  kit.lead();
  const { snapshots, medium } = make(kit);
  const { replica } = kit.driver;
  for (let i = 0; i < 2; i++) {
    apply(kit, 3);
    take({ snapshots, medium });
  }
  // A group that stands still: all up to the newest may go, but a member lags.
  Object.defineProperty(replica.state.configuration, 'nodeIds', { value: [1, 2, 3] });
  kit.receive(FETCH, { from: 2, slot: 5, aux: 6, commit: 5 });
  take({ snapshots, medium });
  assert.equal([snapshots.taker.releasable, replica.state.truncationPoint], [6, 5]);
  medium.soundness = SNAPSHOT_FAILED;
  kit.receive(SNAPSHOT_FETCH, { from: 2, slot: 6, aux: 0, aux2: FETCH_DOUBTED });
  snapshots.work(0);
  assert.equal([snapshots.taker.releasable, replica.state.snapshotWatermark], [0, 3]);
  replica.state.tick += 1000;
  snapshots.work(Number.MAX_SAFE_INTEGER);
  assert.is(replica.state.truncationPoint, 5);
});

test('frames find their part; a part whose bytes do not match its checksum is dropped', () => {
  const kit = new DriverKit(0, 3);
  const { medium, snapshots } = make(kit);
  kit.receive(SNAPSHOT_OFFER, { from: 1, slot: 9, aux: 16 });
  assert.ok(snapshots.receiver.isBusy);
  assert.equal(
    kit.transport.take().map(({ kind }) => kind),
    ['SNAPSHOT_FETCH'],
  );
  const part = new Uint8Array(8).fill(3);
  kit.receive(SNAPSHOT_PART, { from: 1, slot: 9, aux2: 16, crc: 1 }, part);
  assert.is(medium.targets[0]?.size, 0);
  kit.receive(SNAPSHOT_PART, { from: 1, slot: 9, aux2: 16 }, part);
  assert.is(medium.targets[0]?.size, 8);
  medium.shelf.set(4, part);
  kit.receive(SNAPSHOT_FETCH, { from: 2, slot: 4 });
  snapshots.work(0);
  assert.equal(
    kit.transport.take().map(({ kind, to }) => [kind, to]),
    [['SNAPSHOT_PART', 2]],
  );
});

test('one that the medium cannot read is damaged; one that the machine refuses is not, and stays', () => {
  const { kit, medium } = lived();
  const open = medium.open.bind(medium);
  medium.open = (watermark) => {
    const source = open(watermark);
    const read = (): never => {
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    };
    return watermark === 6 ? { ...source, read } : source;
  };
  const next = reborn(kit, medium);
  next.snapshots.start();
  assert.equal([next.kit.driver.appliedWatermark, medium.list()], [3, [3]]);
  const other = reborn(kit, medium);
  other.kit.machine.restore = (): never => {
    throw new SynodError('ERR_SYNOD_INVARIANT', 'an image of another machine');
  };
  assert.throws(() => other.snapshots.start(), /an image of another machine/);
  assert.equal(medium.list(), [3]);
});

test.run();
