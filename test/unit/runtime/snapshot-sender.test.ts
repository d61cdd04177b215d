/** Serving snapshots: credit per question, one part per turn, checks where a peer found its copy damaged. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SNAPSHOT_BLOCK_BYTES } from '../../../src/limits.ts';
import { SNAPSHOT_FAILED, SNAPSHOT_PUBLISHED, SNAPSHOT_PUBLISHING } from '../../../src/log/snapshot-medium.ts';
import { SNAPSHOT_FETCH } from '../../../src/paxos/message.ts';
import {
  FETCH_DOUBTED,
  FETCH_FROM,
  FETCH_ON,
  SNAPSHOT_BURST_PARTS,
  SnapshotSender,
} from '../../../src/runtime/snapshot-sender.ts';
import { SnapshotTurn } from '../../../src/runtime/snapshot-turn.ts';
import { message } from '../../support/core.ts';
import { DriverKit } from '../../support/driver-kit.ts';
import { portableBulk } from '../../support/in-thread-cluster.ts';
import { MemorySnapshots } from '../../support/memory-snapshots.ts';

const PART = SNAPSHOT_BLOCK_BYTES;
const SIZE = 10 * PART + 100;

function make(bytesPerSecond = 0) {
  const kit = new DriverKit(0, 3);
  const medium = new MemorySnapshots();
  const image = Uint8Array.from({ length: SIZE }, (_, i) => i % 251);
  medium.shelf.set(5, image);
  const clockMs = new Float64Array(1);
  const damaged: number[] = [];
  const sender = new SnapshotSender({
    driver: kit.driver,
    medium,
    configuration: kit.driver.replica.state.configuration,
    transport: kit.transport,
    bulk: portableBulk,
    turn: new SnapshotTurn(clockMs, bytesPerSecond),
    onDamaged: () => void damaged.push(medium.list().length),
  });
  const fetch = (from: number, offset: number, wish = FETCH_FROM, slot = 5): void =>
    sender.onFetch(message(SNAPSHOT_FETCH, { from, slot, aux: offset, aux2: wish }));
  /** Works until there is nothing to do; what left. */
  const drain = () => {
    while (sender.work() > 0);
    return kit.transport.take();
  };
  return { kit, medium, damaged, sender, fetch, drain, clockMs, image };
}

const test = suite('runtime/snapshot-sender');

test('a question names snapshot, offset and wish, and goes on the control lane', () => {
  const { kit, sender } = make();
  sender.ask(2, 5, 1234, FETCH_DOUBTED);
  assert.equal(
    kit.transport.take().map(({ to, kind, slot, aux, bulk }) => [to, kind, slot, aux, bulk]),
    [[2, 'SNAPSHOT_FETCH', 5, 1234, false]],
  );
});

test('V5: a question gives credit for so many parts, one of which leaves per turn; the last burst has what is left', () => {
  const { kit, sender, fetch, drain } = make();
  fetch(1, 0);
  assert.is(sender.work(), 1);
  const first = [...kit.transport.take(), ...drain()];
  assert.is(first.length, SNAPSHOT_BURST_PARTS);
  fetch(1, SNAPSHOT_BURST_PARTS * PART, FETCH_ON);
  const rest = drain();
  const whole = Buffer.from([...first, ...rest].map(({ value }) => value).join(''), 'latin1');
  assert.is(whole.length, SIZE);
  assert.ok(whole.every((byte, i) => byte === i % 251));
  assert.ok(rest.every(({ bulk, kind }) => bulk && kind === 'SNAPSHOT_PART'));
});

test('who asks for more in time gets each part once; who lost some gets them again', () => {
  const { fetch, drain } = make();
  fetch(1, 0);
  drain();
  fetch(1, 4 * PART, FETCH_ON);
  const more = drain().map(({ aux }) => aux);
  assert.equal(more, [8 * PART, 9 * PART, 10 * PART]);
  fetch(1, 9 * PART, FETCH_FROM);
  assert.equal(
    drain().map(({ aux }) => aux),
    [9 * PART, 10 * PART],
  );
});

test('several are served in turn, also different ones, and one that is replaced meanwhile to its end', () => {
  const { medium, fetch, drain, image } = make();
  medium.shelf.set(7, image);
  fetch(1, 8 * PART);
  fetch(2, 8 * PART, FETCH_FROM, 7);
  medium.remove(5);
  assert.equal(
    drain().map(({ to, slot }) => [to, slot]),
    [
      [1, 5],
      [2, 7],
      [1, 5],
      [2, 7],
      [1, 5],
      [2, 7],
    ],
  );
});

test('what nobody asks for any more is closed; until then the log behind it is needed', () => {
  const { kit, sender, fetch, drain, medium } = make();
  assert.is(sender.servedFrom, Number.MAX_SAFE_INTEGER);
  fetch(1, 0);
  drain();
  assert.is(sender.servedFrom, 5);
  medium.remove(5);
  for (let i = 0; i < 600; i++) kit.driver.onTick();
  sender.work();
  assert.is(sender.servedFrom, Number.MAX_SAFE_INTEGER);
  kit.transport.take();
  fetch(1, 0);
  assert.equal(drain(), []);
});

test('one that is gone is answered by an offer of the newest, if there is any', () => {
  const { kit, fetch, drain } = make();
  fetch(1, 0, FETCH_FROM, 4);
  assert.equal(drain(), []);
  kit.driver.replica.state.snapshotWatermark = 5;
  fetch(1, 0, FETCH_FROM, 4);
  assert.equal(
    drain().map(({ to, kind, slot }) => [to, kind, slot]),
    [[1, 'SNAPSHOT_OFFER', 5]],
  );
});

test('a doubted one is checked by somebody else, and meanwhile not served; a damaged one is set aside', () => {
  const { kit, medium, fetch, drain, damaged } = make();
  kit.driver.replica.state.snapshotWatermark = 5;
  medium.soundness = SNAPSHOT_PUBLISHING;
  fetch(1, 0, FETCH_DOUBTED);
  fetch(2, 0);
  assert.equal([drain(), medium.verified], [[], [5]]);
  medium.soundness = SNAPSHOT_PUBLISHED;
  drain();
  fetch(1, 0);
  assert.is(drain().length, SNAPSHOT_BURST_PARTS);
  medium.soundness = SNAPSHOT_FAILED;
  fetch(1, 0, FETCH_DOUBTED);
  assert.equal(drain(), []);
  assert.equal([medium.list(), kit.driver.replica.state.snapshotWatermark, damaged], [[], 0, [0]]);
});

test('behind a damaged one the one before is offered, with its own size; one not yet announced is left to announce itself', () => {
  const { kit, medium, fetch, drain, image } = make();
  const { state } = kit.driver.replica;
  medium.shelf.set(3, image.subarray(0, 77));
  medium.shelf.set(9, image);
  state.snapshotWatermark = 5;
  state.snapshotBytes = SIZE;
  medium.soundness = SNAPSHOT_FAILED;
  fetch(1, 0, FETCH_DOUBTED);
  drain();
  assert.equal([medium.list(), state.snapshotWatermark, state.snapshotBytes], [[3, 9], 3, 77]);
});

test('a full ring ends nothing: the part leaves when there is room', () => {
  const { kit, fetch, drain } = make();
  kit.transport.full.add(1);
  fetch(1, 9 * PART);
  assert.equal(drain(), []);
  kit.transport.full.clear();
  assert.is(drain().length, 2);
});

test('no more leaves than the rate allows', () => {
  const { fetch, drain, clockMs, sender } = make(2 ** 20);
  let parts = 0;
  const take = (): void => {
    fetch(1, 0);
    parts += drain().length;
  };
  for (let i = 0; i < 10; i++) take();
  assert.is(parts, 1, 'what was saved up');
  for (let ms = 0; ms <= 1000; ms += 10) {
    clockMs[0] = ms;
    take();
  }
  assert.ok(parts === 16 || parts === 17, `and a second of it: ${parts}`);
  assert.is(sender.sentBytes, parts * PART);
  sender.close();
});

test.run();
