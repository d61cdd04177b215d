/** In the guest: links over kernel verbs (soft-RoCE), between processes and end to end, and the fence. Argument: the card's address. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FabricStatus, loadNative, NATIVE_LINK_CLOSED } from '../../src/native-binding.ts';
import { LinkMaker, type LinkPair, sendSoon, takeAll, turns } from '../native/link-kit.ts';
import { testLinks } from '../support/links-suite.ts';

const CAPACITY = 1 << 16;
const host = process.argv[2] as string;
const { binding } = loadNative('required');
if (binding === undefined) throw new Error('the addon is needed');

const test = suite<{ maker: LinkMaker; pair: LinkPair }>('verbs');

test.before(async (context) => {
  context.maker = new LinkMaker(binding, 'rdma(verbs)', host);
  assert.ok(await context.maker.open(), context.maker.status?.why);
});
test.before.each(async (context) => {
  context.pair = await context.maker.pair(CAPACITY);
});
test.after.each(({ pair }) => pair.close());
test.after(({ maker }) => maker.close());

test('the provider is kernel verbs: absolute addresses, keys of its own, and a fence that was proven at start', ({
  maker,
}) => {
  const status = maker.status as FabricStatus;
  assert.is(status.provider, 'verbs');
  assert.is(status.connections, true);
  assert.is(status.doorbell, true);
  assert.is(status.fence, 'proven');
  assert.is((status.mrMode as number) & 0x74, 0x74);
});

test('bursts land in order over several laps, with a receiver that is asleep until it is woken', async ({ pair }) => {
  const { left, right } = pair;
  await turns(() => right.take() !== 0 && right.arm());
  const before = right.wakes;
  await sendSoon(left, 0, 64);
  await turns(() => right.wakes > before);
  assert.equal(await takeAll(right, 1), [0]);
  const received: number[] = [];
  let sent = 0;
  await turns(() => {
    while (sent < 400 && left.send(sent, 64 * (1 + (sent % 90))) === 1) sent += 1;
    received.push(...(right.take() as number[]));
    left.take();
    return received.length === 400;
  });
  assert.equal(received, [...received.keys()]);
});

test('after a fence an old leader’s late write lands nowhere, and it hears of it', async ({
  maker,
  pair: { left, right },
}) => {
  await sendSoon(left, 5, 64);
  await takeAll(right, 1);
  const before = new Uint8Array(4096);
  const after = new Uint8Array(4096);
  assert.is(binding.fabricFence(right.link), 0);
  assert.is(binding.fabricPeek(right.link, 0, before), 0);
  // The new leader's link, with memory registered anew, is there before the old one writes.
  const next = await maker.pair(CAPACITY);
  for (let offset = 0; offset < 4096; offset += 64) binding.linkScribble(left.link, offset, new Uint8Array(64).fill(7));
  await turns(() => typeof left.take() === 'number');
  binding.fabricPeek(right.link, 0, after);
  assert.equal(after, before);
  assert.is(left.state, NATIVE_LINK_CLOSED);
  for (let mark = 0; mark < 8; mark++) await sendSoon(next.left, mark, 512);
  assert.equal(await takeAll(next.right, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
  next.close();
});

test.run();
testLinks({ name: 'rdma(verbs)', transport: 'rdma', provider: 'verbs', host, frames: 120, isLossy: true });
