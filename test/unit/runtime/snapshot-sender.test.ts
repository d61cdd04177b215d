/** Serving a snapshot, a burst of parts per question. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SNAPSHOT_BLOCK_BYTES } from '../../../src/limits.ts';
import { SNAPSHOT_FETCH } from '../../../src/paxos/message.ts';
import { SNAPSHOT_BURST_PARTS, SnapshotSender } from '../../../src/runtime/snapshot-sender.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { message } from '../../support/core.ts';
import { DriverKit } from '../../support/driver-kit.ts';
import { portableBulk } from '../../support/in-thread-cluster.ts';
import { MemorySnapshots } from '../../support/memory-snapshots.ts';

const SIZE = 10 * SNAPSHOT_BLOCK_BYTES + 100;

function make() {
  const kit = new DriverKit(0, 3);
  const medium = new MemorySnapshots();
  medium.shelf.set(
    5,
    Uint8Array.from({ length: SIZE }, (_, i) => i % 251),
  );
  const { configuration } = kit.driver.replica.state;
  const damaged: number[] = [];
  const onDamaged = (): void => void damaged.push(medium.list().length);
  const sender = new SnapshotSender(
    kit.driver,
    medium,
    configuration,
    kit.transport,
    portableBulk,
    7,
    crc32c,
    onDamaged,
  );
  return { kit, medium, damaged, sender };
}

const test = suite('runtime/snapshot-sender');

test('a question names snapshot and offset, and goes on the control lane', () => {
  const { kit, sender } = make();
  sender.ask(2, 5, 1234);
  assert.equal(
    kit.transport.take().map(({ to, kind, slot, aux, bulk }) => [to, kind, slot, aux, bulk]),
    [[2, 'SNAPSHOT_FETCH', 5, 1234, false]],
  );
});

test('a burst has as many parts as agreed, the last burst what is left', () => {
  const { kit, sender } = make();
  sender.onFetch(message(SNAPSHOT_FETCH, { from: 1, slot: 5, aux: 0 }));
  const first = kit.transport.take();
  assert.is(first.length, SNAPSHOT_BURST_PARTS);
  sender.onFetch(message(SNAPSHOT_FETCH, { from: 1, slot: 5, aux: SNAPSHOT_BURST_PARTS * SNAPSHOT_BLOCK_BYTES }));
  const rest = kit.transport.take();
  const whole = Buffer.from([...first, ...rest].map(({ value }) => value).join(''), 'latin1');
  assert.is(whole.length, SIZE);
  assert.ok(whole.every((byte, i) => byte === i % 251));
  assert.ok(rest.every(({ bulk, kind }) => bulk && kind === 'SNAPSHOT_PART'));
});

test('who begins anew makes the sender look: a damaged one is set aside', () => {
  const { kit, medium, sender, damaged } = make();
  kit.driver.replica.state.snapshotWatermark = 5;
  const begin = (from: number): void => sender.onFetch(message(SNAPSHOT_FETCH, { from, slot: 5 }));
  begin(1);
  begin(2);
  assert.is(kit.transport.take().length, 2 * SNAPSHOT_BURST_PARTS);
  begin(1);
  assert.equal([kit.transport.take(), medium.list(), kit.driver.replica.state.snapshotWatermark], [[], [], 0]);
  assert.equal(damaged, [0], 'another is asked for');
});

test('what is gone is not answered; a full ring ends the burst', () => {
  const { kit, sender } = make();
  sender.onFetch(message(SNAPSHOT_FETCH, { from: 1, slot: 4 }));
  sender.onFetch(message(SNAPSHOT_FETCH, { from: 1, slot: 5, aux: SIZE }));
  kit.transport.full.add(1);
  sender.onFetch(message(SNAPSHOT_FETCH, { from: 1, slot: 5 }));
  assert.equal(kit.transport.take(), []);
  assert.is(sender.sentParts, 0);
  sender.close();
});

test.run();
