/**
 * A snapshot on its way between two members whose frames are lost, repeated and overtaken: V1, V2 (what is kept is always the beginning of the
 * image), V3, V4 (in the end, and not before, the receiver is where the image says), V5 (no more leaves than was asked for), V6 (there is no state in between).
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SNAPSHOT_FETCH, SNAPSHOT_OFFER, SNAPSHOT_PART } from '../../src/paxos/message.ts';
import { SnapshotReceiver } from '../../src/runtime/snapshot-receiver.ts';
import { SNAPSHOT_BURST_PARTS, SnapshotSender } from '../../src/runtime/snapshot-sender.ts';
import { SnapshotTurn } from '../../src/runtime/snapshot-turn.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import { message } from '../support/core.ts';
import { DriverKit, GROUP } from '../support/driver-kit.ts';
import { portableBulk } from '../support/in-thread-cluster.ts';
import { MemorySnapshots } from '../support/memory-snapshots.ts';
import { snapshotImage } from '../support/snapshot-image.ts';

const WATERMARK = 9;
const PART = 64;
const ROUNDS_MAX = 400;

interface Frame {
  to: 'sender' | 'receiver';
  words: Float64Array;
  bytes: Uint8Array;
}

/** Member 0 sends, member 1 receives. */
class Transfer {
  readonly bytes = snapshotImage({ clusterId: 7, group: GROUP, watermark: WATERMARK });
  readonly source = new DriverKit(0, 3);
  readonly kit = new DriverKit(1, 3);
  readonly medium = new MemorySnapshots();
  network: Frame[] = [];
  readonly sender: SnapshotSender;
  readonly receiver: SnapshotReceiver;
  credit = 0;

  constructor() {
    const shelf = new MemorySnapshots();
    shelf.shelf.set(WATERMARK, this.bytes);
    this.sender = new SnapshotSender({
      driver: this.source.driver,
      medium: shelf,
      configuration: this.source.driver.replica.state.configuration,
      transport: this.source.transport,
      bulk: portableBulk,
      turn: new SnapshotTurn(new Float64Array(1), 0),
      partBytes: PART,
      onDamaged: () => assert.unreachable('the copy is sound'),
    });
    this.receiver = new SnapshotReceiver({
      driver: this.kit.driver,
      medium: this.medium,
      clusterId: 7,
      crc: crc32c,
      ask: (_to, slot, aux, aux2) => {
        this.credit = Math.max(this.credit, Math.min(aux + SNAPSHOT_BURST_PARTS * PART, this.bytes.length));
        this.push('sender', message(SNAPSHOT_FETCH, { from: 1, slot, aux, aux2 }));
      },
      onInstall: () => {},
    });
  }

  push(to: Frame['to'], words: Float64Array, bytes = new Uint8Array(0)): void {
    this.network.push({ to, words, bytes });
  }

  offer(): void {
    this.push('receiver', message(SNAPSHOT_OFFER, { from: 0, slot: WATERMARK, aux: this.bytes.length }));
  }

  deliver({ to, words, bytes }: Frame): void {
    if (to === 'sender') this.sender.onFetch(words);
    else if (words[0] === SNAPSHOT_OFFER) this.receiver.onOffer(words);
    else this.receiver.onPart(words, bytes, 0);
  }

  /** A turn of both, and a tick. */
  turn(): void {
    this.source.driver.onTick();
    this.kit.driver.onTick();
    this.sender.work();
    for (const { kind, slot, aux, value } of this.source.transport.take()) {
      if (kind !== 'SNAPSHOT_PART') continue;
      const bytes = Uint8Array.from(Buffer.from(value, 'latin1'));
      assert.ok(aux + bytes.length <= this.credit, 'V5');
      this.push(
        'receiver',
        message(SNAPSHOT_PART, { from: 0, slot, aux, aux2: this.bytes.length, length: bytes.length }),
        bytes,
      );
    }
    this.receiver.work();
    this.kit.transport.take();
    this.check();
  }

  check(): void {
    const target = this.medium.targets.at(-1);
    if (target === undefined) return;
    const kept = Buffer.concat(target.parts);
    assert.ok(kept.equals(this.bytes.subarray(0, kept.length)), 'V2');
    assert.ok(this.medium.targets.filter(({ isAbandoned }) => !isAbandoned).length <= 1, 'V1');
    assert.is(this.kit.driver.appliedWatermark, this.receiver.installed > 0 ? WATERMARK : 0, 'V3, V4');
    if (this.kit.applier.isRestoring) assert.throws(() => this.kit.applier.image(), /V6/);
    assert.is(this.kit.driver.replica.state.hasState, !this.receiver.isRestoring, 'V6');
  }
}

const step = fc.tuple(
  fc.constantFrom('deliver', 'deliver', 'deliver', 'turn', 'turn', 'lose', 'repeat', 'offer'),
  fc.nat(50),
);

const test = suite('property: snapshot-transfer');

test('V1, V2, V3, V4, V5, V6: whatever happens to the frames, the image arrives whole and once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const transfer = new Transfer();
      transfer.offer();
      for (const [verb, which] of steps) {
        const { network } = transfer;
        const at = network.length === 0 ? -1 : which % network.length;
        if (verb === 'turn') transfer.turn();
        else if (verb === 'offer') transfer.offer();
        else if (at < 0) continue;
        else if (verb === 'repeat') network.push(network[at] as Frame);
        else {
          const [frame] = network.splice(at, 1);
          if (verb === 'deliver') transfer.deliver(frame as Frame);
          transfer.check();
        }
      }
      for (let round = 0; round < ROUNDS_MAX && transfer.receiver.installed === 0; round++) {
        const { network } = transfer;
        transfer.network = [];
        for (const frame of network) transfer.deliver(frame);
        if (!transfer.receiver.isBusy) transfer.offer();
        transfer.turn();
        const target = transfer.medium.targets.at(-1);
        if (target?.size === transfer.bytes.length) transfer.medium.settle();
      }
      assert.is(transfer.receiver.installed, 1);
      assert.ok(Buffer.from(transfer.medium.shelf.get(WATERMARK) as Uint8Array).equals(transfer.bytes));
    }),
    { numRuns: 100 },
  );
});

test.run();
