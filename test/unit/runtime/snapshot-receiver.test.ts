/** Getting a snapshot from a peer, part by part. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KIND_FLOOR, KIND_MARK } from '../../../src/log/record.ts';
import { ACCEPT, M_AUX, SNAPSHOT_OFFER, SNAPSHOT_PART, TRANSFER } from '../../../src/paxos/message.ts';
import { recoverRecord } from '../../../src/runtime/group-recovery.ts';
import { SnapshotReceiver } from '../../../src/runtime/snapshot-receiver.ts';
import {
  FETCH_DOUBTED,
  FETCH_FROM,
  FETCH_ON,
  OFFER_INSTEAD,
  SNAPSHOT_BURST_PARTS,
} from '../../../src/runtime/snapshot-sender.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { message } from '../../support/core.ts';
import { batchOf, DriverKit, GROUP } from '../../support/driver-kit.ts';
import { open, recover } from '../../support/log-fixture.ts';
import { MemorySnapshots, type MemoryTarget } from '../../support/memory-snapshots.ts';
import { snapshotImage } from '../../support/snapshot-image.ts';

const NAME = { clusterId: 7, group: GROUP, watermark: 9 };

function make() {
  const kit = new DriverKit(0, 3);
  const medium = new MemorySnapshots();
  const asked: number[][] = [];
  const ask = (...question: number[]): void => void asked.push(question);
  let installs = 0;
  const onInstall = (): void => {
    installs += 1;
  };
  const { clusterId } = NAME;
  const receiver = new SnapshotReceiver({ driver: kit.driver, medium, clusterId, crc: crc32c, ask, onInstall });
  const bytes = snapshotImage(NAME);
  const offer = (from = 1, slot = 9, isInstead = 0): void =>
    receiver.onOffer(message(SNAPSHOT_OFFER, { from, slot, aux: bytes.length, aux2: isInstead }));
  const part = (at: number, length: number, from = 1): void =>
    receiver.onPart(message(SNAPSHOT_PART, { from, slot: 9, aux: at, aux2: bytes.length, length }), bytes, at);
  const tick = (count: number): void => {
    for (let n = 0; n < count; n++) {
      kit.driver.onTick();
      receiver.work();
    }
  };
  /** The whole of it arrives and is published: the next turn installs it. */
  const arrive = (): void => {
    offer();
    part(0, bytes.length);
    medium.settle();
  };
  const restore = (): void => {
    while (receiver.isBusy) receiver.work();
  };
  return { kit, medium, receiver, asked, offer, part, tick, bytes, arrive, restore, installs: () => installs };
}

const test = suite('runtime/snapshot-receiver');

test('V1: an offer that brings nothing is ignored; a good one is asked for from its start, once', () => {
  const { receiver, asked, offer } = make();
  offer(1, 0);
  assert.not(receiver.isBusy);
  offer();
  offer(2);
  assert.equal(asked, [[1, 9, 0, FETCH_FROM]]);
});

test('V2: parts are taken in order, from the one who was asked, and more is asked for in time', () => {
  const { medium, asked, offer, part, receiver, tick } = make();
  offer();
  part(8, 8);
  part(0, 8, 2);
  assert.is(medium.targets[0]?.size, 0);
  const half = SNAPSHOT_BURST_PARTS / 2;
  for (let n = 0; n < half; n++) part(8 * n, 8);
  receiver.work();
  assert.equal(asked.at(-1), [1, 9, 8 * half, FETCH_ON], 'before the credit is used up');
  for (let n = half; n < 2 * half; n++) part(8 * n, 8);
  const [target] = medium.targets;
  (target as { mayAppend: boolean }).mayAppend = false;
  tick(30);
  assert.equal(asked.at(-1), [1, 9, 8 * half, FETCH_ON], 'not while the medium is behind');
});

test('after silence the same place is asked for again; after a long one another offer counts', () => {
  const { asked, offer, part, tick, receiver, medium } = make();
  offer();
  part(0, 8);
  tick(10);
  assert.equal(asked.at(-1), [1, 9, 8, FETCH_FROM]);
  assert.not(receiver.isSilent);
  offer(2, 10);
  assert.is(asked.at(-1)?.[1], 9);
  tick(95);
  assert.ok(receiver.isSilent);
  offer(2, 10);
  assert.equal(asked.at(-1), [2, 10, 0, FETCH_FROM]);
  assert.ok(medium.targets[0]?.isAbandoned);
});

test('what is there is kept over a silence: the same peer, or another with the same one, goes on behind it', () => {
  for (const from of [1, 2]) {
    const { asked, offer, part, tick, receiver, bytes, medium, kit, restore } = make();
    offer();
    part(0, 16);
    tick(150);
    offer(from);
    assert.equal(asked.at(-1), [from, 9, 16, FETCH_FROM]);
    assert.is(receiver.resumed, 1);
    part(16, bytes.length - 16, from);
    medium.settle();
    restore();
    assert.is(kit.driver.appliedWatermark, 9);
  }
});

test('a peer that has a newer one too is asked for the old one first; where that is gone the newer is begun', () => {
  const { asked, offer, part, tick } = make();
  offer();
  part(0, 16);
  tick(150);
  offer(1, 10);
  assert.equal(asked.at(-1), [1, 9, 16, FETCH_FROM]);
  offer(1, 10, OFFER_INSTEAD);
  assert.equal(asked.at(-1), [1, 10, 0, FETCH_FROM]);
});

test('one that could not be verified makes its sender look at its own', () => {
  const { asked, offer, part, bytes, medium, receiver } = make();
  offer();
  part(0, bytes.length);
  medium.settle('damaged');
  receiver.work();
  assert.equal([receiver.failed, receiver.failure], [1, 'damaged']);
  offer();
  assert.equal(asked.at(-1), [1, 9, 0, FETCH_DOUBTED]);
});

test('a medium that refuses costs the transfer, nothing else', () => {
  const { offer, part, medium, receiver } = make();
  medium.isFull = true;
  offer();
  assert.equal([receiver.isBusy, receiver.failure], [false, 'no space']);
  medium.isFull = false;
  offer();
  const [target] = medium.targets;
  (target as MemoryTarget).append = () => {
    throw new Error('no space');
  };
  part(0, 8);
  assert.equal([receiver.isBusy, receiver.failed, target?.isAbandoned], [false, 2, true]);
});

test('a transfer that the log has overtaken is given up', () => {
  const { kit, offer, part, receiver } = make();
  offer();
  part(0, 8);
  assert.equal(receiver.progress.bytes, 8);
  kit.driver.replica.state.window.advance(9);
  receiver.work();
  assert.equal([receiver.isBusy, receiver.progress.size], [false, 0]);
});

test('who leads meanwhile, and is behind, leads no longer', () => {
  const { kit, receiver, arrive, restore } = make();
  kit.lead();
  arrive();
  restore();
  assert.equal([receiver.installed, kit.driver.replica.isLeader, kit.driver.appliedWatermark], [1, false, 9]);
});

test('V3, V4, S16: a whole one is published, restored and installed, and older ones go', () => {
  const { kit, medium, receiver, offer, part, bytes, restore, installs } = make();
  medium.shelf.set(3, new Uint8Array(1));
  offer();
  part(0, bytes.length);
  assert.is(receiver.work(), 0, 'not installed before it is durable');
  assert.is(kit.driver.appliedWatermark, 0);
  medium.settle();
  restore();
  assert.equal([kit.driver.appliedWatermark, kit.driver.replica.commitWatermark], [9, 9]);
  assert.is(kit.driver.replica.state.truncationPoint, 9);
  assert.equal([medium.list(), receiver.installed, receiver.isBusy, installs()], [[9], 1, false, 1]);
});

test('V4: while it is restored this replica votes and learns behind it, applies and leads nothing, and wants no other', () => {
  const { kit, receiver, asked, offer, arrive } = make();
  arrive();
  const { state } = kit.driver.replica;
  const questions = asked.length;
  receiver.work();
  assert.equal([receiver.isRestoring, state.hasState, state.commitWatermark, receiver.installed], [true, false, 9, 0]);
  kit.receive(ACCEPT, { from: 1, ballot: 5 * 2 ** 20 + 2, slot: 9 }, batchOf('next'));
  kit.flush();
  assert.equal(
    kit.transport.take().map(({ kind, slot }) => [kind, slot]),
    [['ACCEPTED', 9]],
  );
  state.window.advance(10);
  receiver.work();
  assert.equal([kit.driver.applyChosen(9), kit.driver.appliedWatermark], [0, 0]);
  offer(1, 12);
  assert.is(asked.length, questions);
  for (let tick = 0; tick < 400; tick++) kit.driver.onTick();
  kit.receive(TRANSFER, { from: 1, ballot: 6 * 2 ** 20 + 1 });
  assert.equal(kit.transport.take(), [], 'it stands for no leader');
  receiver.work();
  assert.equal([receiver.isBusy, state.hasState, kit.driver.appliedWatermark, receiver.installed], [false, true, 9, 1]);
  assert.equal([kit.driver.applyChosen(9), kit.driver.appliedWatermark], [1, 10]);
});

test('V3, V6: what is damaged after it was published makes no state', () => {
  const { kit, receiver, medium, arrive, restore } = make();
  arrive();
  const bytes = medium.shelf.get(9) as Uint8Array;
  bytes[bytes.length - 80] = (bytes[bytes.length - 80] as number) ^ 1;
  assert.throws(restore, /at slot 9 is damaged/);
  assert.equal([kit.driver.appliedWatermark, kit.applier.isRestoring, receiver.installed], [0, true, 0]);
  assert.throws(() => kit.applier.image(), /V6/);
});

test('S16: a mark says where the log begins before any record speaks of the watermark: votes below it may be void', () => {
  const { kit, medium, receiver, offer, part, bytes } = make();
  kit.receive(ACCEPT, { from: 1, ballot: 5 * 2 ** 20 + 2, slot: 8 }, batchOf('void'));
  offer();
  part(0, bytes.length);
  medium.settle();
  receiver.work();
  kit.receive(ACCEPT, { from: 1, ballot: 5 * 2 ** 20 + 2, slot: 9 }, batchOf('next'));
  kit.flush();
  const records = recover(kit.fixture.medium).records.map(({ kind, slot, commitWatermark }) => [
    kind,
    slot,
    commitWatermark,
  ]);
  const mark = records.findIndex(([kind, slot]) => kind === KIND_MARK && slot === 9);
  const speaking = records.findIndex(([kind, , commit]) => kind !== KIND_MARK && (commit ?? 0) >= 9);
  assert.ok(mark >= 0 && speaking > mark, JSON.stringify(records));
  const next = new DriverKit(0, 3, open(kit.fixture.medium));
  for (const record of next.fixture.records) if (record.kind !== KIND_FLOOR) recoverRecord(next.driver, record);
  assert.is(next.driver.replica.state.truncationPoint, 9, 'slot 8 is never served');
});

test('one that cannot be published is forgotten', () => {
  const { kit, medium, receiver, offer, part, bytes } = make();
  offer();
  part(0, bytes.length);
  medium.settle('no space');
  receiver.work();
  assert.equal([receiver.isBusy, kit.driver.appliedWatermark, medium.targets[0]?.isAbandoned], [false, 0, true]);
});

test('a part that goes beyond the end is none of this snapshot', () => {
  const { medium, offer, bytes, receiver } = make();
  offer();
  const words = message(SNAPSHOT_PART, { from: 1, slot: 9, aux2: bytes.length, length: bytes.length + 8 });
  receiver.onPart(words, new Uint8Array(bytes.length + 8), 0);
  assert.is(medium.targets[0]?.size, 0);
});

test('a part that claims another size is not of this snapshot', () => {
  const { medium, offer, bytes, receiver } = make();
  offer();
  const words = message(SNAPSHOT_PART, { from: 1, slot: 9, aux2: bytes.length + 1, length: 8 });
  assert.is(words[M_AUX], 0);
  receiver.onPart(words, bytes, 0);
  assert.is(medium.targets[0]?.size, 0);
});

test.run();
