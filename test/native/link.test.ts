/** Links between processes: one conformance suite for shared memory and libfabric. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadNative, NATIVE_LINK_CLOSED, type NativeBinding, type SharedMailbox } from '../../src/native-binding.ts';
import { LINK_KINDS, type LinkKind, LinkMaker, type LinkPair, sendSoon, takeAll, turns } from './link-kit.ts';

const { EBADMSG, EPROTO, EMSGSIZE } = constants.errno;
const CAPACITY = 1 << 16;
/** Three eighths of the ring, less the header. */
const LENGTH_MAX = (CAPACITY / 8) * 3 - 64;

type LinkSuite = ReturnType<typeof suite<{ maker: LinkMaker; pair: LinkPair }>>;

function testLink(binding: NativeBinding, kind: LinkKind): void {
  const test = suite<{ maker: LinkMaker; pair: LinkPair }>(`native/link ${kind}`);
  test.before(async (context) => {
    context.maker = new LinkMaker(binding, kind);
    assert.ok(await context.maker.open(), 'libfabric opens its provider tcp');
  });
  test.before.each(async (context) => {
    context.pair = await context.maker.pair(CAPACITY);
  });
  test.after.each(({ pair }) => pair.close());
  test.after(({ maker }) => maker.close());
  testStream(test);
  testDamage(test, binding);
  testOwnership(test, binding);
  testHandles(test, binding);
  test.run();
}

function testStream(test: LinkSuite): void {
  test('bursts arrive once, whole and in order, over many laps of the ring', async ({ pair: { left, right } }) => {
    const count = 3000;
    const received: number[] = [];
    let sent = 0;
    await turns(() => {
      while (sent < count && left.send(sent, 64 * (1 + (sent % 90))) === 1) sent += 1;
      received.push(...(right.take() as number[]));
      return received.length === count;
    });
    assert.equal(received, [...received.keys()]);
  });

  test('a burst of the largest size passes wherever the ring stands, and a larger one is refused', async ({ pair }) => {
    for (let mark = 0; mark < 12; mark++) {
      await sendSoon(pair.left, mark, LENGTH_MAX - 64 * (mark % 5));
      assert.equal(await takeAll(pair.right, 1), [mark]);
    }
    assert.is(pair.left.send(1, LENGTH_MAX + 1), -EMSGSIZE);
  });

  test('a sender whose receiver takes nothing is told that there is no room, and goes on when there is', async ({
    pair: { left, right },
  }) => {
    let sent = 0;
    for (let tries = 0; tries < 10_000; tries++) if (left.send(sent, 4096) === 1) sent += 1;
    assert.ok(sent > 2 && sent * 4096 <= CAPACITY, `${sent} bursts fit a ring`);
    assert.equal(await takeAll(right, sent), [...Array(sent).keys()]);
    await sendSoon(left, 77, 4096);
    assert.equal(await takeAll(right, 1), [77]);
  });

  test('what was sent is released in the end, and only what was sent', async ({ pair: { left, right } }) => {
    for (let mark = 0; mark < 5; mark++) await sendSoon(left, mark, 1024);
    assert.ok(left.released <= 5);
    await takeAll(right, 5);
    await turns(() => {
      left.take();
      return left.released === 5;
    });
  });

  test('an armed receiver is woken by a burst, an armed sender by room', async ({ pair: { left, right } }) => {
    await turns(() => right.take() !== 0 && right.arm());
    const before = right.wakes;
    await sendSoon(left, 1, 64);
    await turns(() => right.wakes > before);
    await takeAll(right, 1);
    let sent = 0;
    await turns(() => {
      while (left.send(sent, 4096) === 1) sent += 1;
      left.take();
      return left.released >= 0 && left.arm();
    });
    const asleep = left.wakes;
    await turns(() => {
      right.take();
      return left.wakes > asleep;
    });
    await sendSoon(left, sent, 4096);
  });

  test('a call towards a peer that takes nothing never gives up the processor', ({ pair: { left } }) => {
    const before = voluntarySwitches();
    for (let tries = 0; tries < 20_000; tries++) left.send(tries, 4096);
    const switches = voluntarySwitches() - before;
    // The domain's thread holds a link's lock for microseconds now and then.
    assert.ok(switches <= 20, `${switches} voluntary switches in 20,000 calls`);
  });
}

/** Of this thread: how often it waited for something. */
function voluntarySwitches(): number {
  const status = readFileSync('/proc/thread-self/status', 'utf8');
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
}

function testDamage(test: LinkSuite, binding: NativeBinding): void {
  test('garbage where the next burst belongs ends the link, and nothing of it is handed over', async ({ pair }) => {
    const { left, right } = pair;
    await sendSoon(left, 1, 64);
    await takeAll(right, 1);
    const garbage = new Uint8Array(64).fill(0xa5);
    // The position that the receiver expects, so that only the checksum can tell.
    new DataView(garbage.buffer).setBigUint64(0, 129n, true);
    assert.ok(binding.linkScribble(left.link, 128, garbage) >= 0);
    await turns(() => {
      const taken = right.take();
      assert.ok(typeof taken === 'number' || taken.length === 0);
      return typeof taken === 'number';
    });
    assert.is(right.take(), -EBADMSG);
    assert.is(right.state, NATIVE_LINK_CLOSED);
  });

  test('a burst whose payload is not the one of its checksum ends the link', async ({
    maker,
    pair: { left, right },
  }) => {
    // Over a fabric the burst may be taken before the damage arrives; the receiver's code is the same.
    if (maker.kind !== 'shm') return;
    await sendSoon(left, 1, 128);
    assert.is(binding.linkScribble(left.link, 64, new Uint8Array(8).fill(9)), 0);
    assert.is(right.take(), -EBADMSG);
    assert.is(right.state, NATIVE_LINK_CLOSED);
  });
}

function testOwnership(test: LinkSuite, binding: NativeBinding): void {
  test('a peer that leaves ends the link, after what it sent', async ({ pair: { left, right } }) => {
    await sendSoon(left, 5, 64);
    await turns(() => left.released === 1);
    left.close();
    const marks: number[] = [];
    await turns(() => {
      const taken = right.take();
      if (typeof taken !== 'number') marks.push(...taken);
      return typeof taken === 'number';
    });
    assert.equal(marks, [5]);
    assert.is(right.state, NATIVE_LINK_CLOSED);
  });

  test('after a fence a late write lands nowhere, and the writer hears of it', async ({
    maker,
    pair: { left, right },
  }) => {
    if (maker.kind === 'shm') return;
    await sendSoon(left, 5, 64);
    await takeAll(right, 1);
    assert.is(binding.fabricFence(right.link), 0);
    const before = new Uint8Array(4096);
    const after = new Uint8Array(4096);
    assert.is(binding.fabricPeek(right.link, 0, before), 0);
    for (let offset = 0; offset < 4096; offset += 64) {
      binding.linkScribble(left.link, offset, new Uint8Array(64).fill(7));
    }
    await turns(() => typeof left.take() === 'number');
    binding.fabricPeek(right.link, 0, after);
    assert.equal(after, before);
    assert.is(left.state, NATIVE_LINK_CLOSED);
  });
}

function testHandles(test: LinkSuite, binding: NativeBinding): void {
  test('a write of an earlier link reaches nothing of the next one', async ({ maker, pair: { left, right } }) => {
    await sendSoon(left, 1, 64);
    await takeAll(right, 1);
    const next = await maker.pair(CAPACITY);
    for (let offset = 0; offset < 1024; offset += 64)
      binding.linkScribble(left.link, offset, new Uint8Array(64).fill(7));
    right.take();
    for (let mark = 0; mark < 8; mark++) await sendSoon(next.left, mark, 512);
    assert.equal(await takeAll(next.right, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
    next.close();
  });

  test('a link ends once: its handle is refused afterwards', ({ pair: { left } }) => {
    left.close();
    assert.ok(left.send(1, 64) < 0);
    assert.ok((left.take() as number) < 0);
    assert.is(left.state, NATIVE_LINK_CLOSED);
    left.close();
  });

  test('memory that is not the mailbox meant is not mapped', ({ maker, pair }) => {
    if (maker.kind !== 'shm') return;
    const about = binding.shmDescribe(pair.left.link) as SharedMailbox;
    const stranger = (changed: Partial<SharedMailbox>): number => {
      const { pid, fd, nonce, capacity } = { ...about, ...changed };
      const end = maker.end(CAPACITY);
      const rc = binding.shmAttach(end.link, pid, fd, nonce, capacity);
      end.close();
      return rc;
    };
    assert.is(stranger({ nonce: new Uint8Array(16) }), -EPROTO);
    assert.is(stranger({ capacity: CAPACITY * 2 }), -EPROTO);
    assert.is(stranger({ fd: 1 }), -EPROTO);
    assert.ok(stranger({ fd: 12_345 }) < 0);
    assert.ok(stranger({ capacity: 12_345 }) < 0);
  });
}

const { binding, reason } = loadNative('auto');
if (binding === undefined) {
  const test = suite('native/link');
  test('without the addon there are no links to test', () => assert.ok(reason.length > 0));
  test.run();
} else {
  const probe = new LinkMaker(binding, 'rdma(tcp)');
  const hasFabric = await probe.open();
  probe.close();
  const kinds = hasFabric ? LINK_KINDS : LINK_KINDS.slice(0, 1);
  if (!hasFabric) console.log(`SKIPPED: the suite of libfabric links, ${probe.status?.why}`);
  for (const kind of kinds) testLink(binding, kind);

  const test = suite('native/link addon');
  test('the addon is linked to nothing of libfabric', () => {
    const { stdout } = spawnSync('ldd', [reason], { encoding: 'utf8' });
    // Without the load addresses, which may have an `efa` among their digits.
    const libraries = stdout.replace(/\(0x[0-9a-f]+\)/g, '');
    assert.match(libraries, /libc\.so/);
    assert.not.match(libraries, /fabric|ibverbs|rdmacm|psm|efa/);
  });
  test('a thread that ends with links and a provider open takes them with it', async () => {
    for (let round = 0; round < 3; round++) {
      const thread = new Worker(new URL(`./link-thread${extname(import.meta.url)}`, import.meta.url), {
        workerData: kinds,
      });
      await once(thread, 'message');
      await thread.terminate();
    }
  });
  test('a start-up self-test proves the fence of the provider with connections', () => {
    if (hasFabric) assert.is(probe.status?.fence, 'proven');
  });
  test('a provider that is not there is refused with its name', async () => {
    const status = await new Promise<string>((resolve) => {
      const keep = setInterval(() => {}, 1000);
      const domain = binding.fabricOpen('efa', '', () => {
        clearInterval(keep);
        resolve(binding.fabricStatus(domain).why);
        binding.fabricClose(domain);
      });
    });
    assert.match(status, hasFabric ? /efa/ : /libfabric/);
  });
  test.run();
}
