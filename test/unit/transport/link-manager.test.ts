/** The links of a node: who dials, when again, who is let in, what is remembered. Two managers over in-memory lines, on a clock of the test. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HANDSHAKE_MS_MAX, PING_MS, RECONNECT_MS_MAX, SILENT_MS_MAX } from '../../../src/limits.ts';
import { makePortableBulk } from '../../../src/memory/portable-bulk.ts';
import type { DialEvents } from '../../../src/transport/dialer.ts';
import { Handshake } from '../../../src/transport/handshake.ts';
import type { Identity } from '../../../src/transport/hello.ts';
import { LinkManager } from '../../../src/transport/link-manager.ts';
import { createLinkStatus, readLinkStatus, STRANGERS_LINE } from '../../../src/transport/link-status.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { duplexPair, lineOver, type PairEnd } from '../../support/duplex-pair.ts';
import { until } from '../../support/transport-kit.ts';

const test = suite('transport/link-manager');

/** A network of managers; each has the member index of its place. */
class Net {
  ms = 10_000;
  readonly managers: LinkManager[] = [];
  readonly status: SharedArrayBuffer[] = [];
  readonly log: string[][] = [];
  readonly streams: PairEnd[] = [];
  dials = 0;
  life = 1;
  /** The network swallows connections, or refuses them. */
  mode: 'open' | 'refuse' | 'hang' = 'open';

  add(change: Partial<Identity> = {}, peers = 2): LinkManager {
    const own = this.managers.length;
    const status = createLinkStatus();
    const log: string[] = [];
    const self = { clusterId: 1, nodeId: own + 1, incarnation: 50 + own, bootCounter: 3, shards: 1, ...change };
    const manager: LinkManager = new LinkManager({
      self,
      peers: Array.from({ length: peers }, (_, member) => ({
        memberIndex: member,
        nodeId: member + 1,
        incarnation: 0,
        bootCounter: 0,
        host: 'there',
        port: member,
        workers: [],
      })).filter(({ memberIndex }) => memberIndex !== own),
      linkStatus: status,
      bulk: makePortableBulk(crc32c),
      dial: ({ port }, events) => this.#dial(port, events),
      upgraders: [],
      seed: own,
      life: this.life,
      now: () => this.ms,
      wake: () => {},
      reports: {
        onLink: (member, isUp, _kind, reason) => log.push(`${isUp ? 'up' : 'down'} ${member} ${reason}`.trim()),
        onRefusal: ({ memberIndex, isByPeer, reason }) =>
          log.push(`refused ${memberIndex} ${isByPeer ? 'by peer' : 'by us'} ${reason}`),
        onSeen: (member, incarnation, boot) => log.push(`seen ${member} ${incarnation} ${boot}`),
      },
    });
    this.managers.push(manager);
    this.status.push(status);
    this.log.push(log);
    return manager;
  }

  #dial(target: number, events: DialEvents): () => void {
    this.dials += 1;
    if (this.mode === 'hang') return () => {};
    const [near, far] = duplexPair();
    this.streams.push(near);
    const { mode } = this;
    setImmediate(() => {
      if (mode === 'refuse') events.onFailed('unreachable', 'ECONNREFUSED');
      else {
        this.managers[target]?.accept(lineOver(far), () => {});
        events.onLine(lineOver(near));
      }
    });
    return () => near.destroy();
  }

  /** Lets time pass, housekeeping as often as the agent does it. */
  pass(ms: number): void {
    for (const end = this.ms + ms; this.ms < end; ) {
      this.ms += 50;
      for (const manager of this.managers) manager.housekeep(this.ms);
    }
  }

  link(own: number, member: number) {
    return readLinkStatus(this.status[own] as SharedArrayBuffer, member);
  }

  isUp(): boolean {
    return this.link(0, 1).state === 'up' && this.link(1, 0).state === 'up';
  }
}

/** Two nodes whose link is up. */
async function linked(): Promise<Net> {
  const net = new Net();
  net.add();
  net.add();
  net.pass(50);
  await until(() => net.isUp());
  return net;
}

test('the node with the lower id dials both lanes once, and both ends see each other', async () => {
  const net = await linked();
  assert.is(net.dials, 2);
  net.pass(1000);
  assert.is(net.dials, 2);
  assert.equal(net.log[0]?.sort(), ['seen 1 51 3', 'up 1']);
  assert.equal(net.log[1]?.sort(), ['seen 0 50 3', 'up 0']);
  assert.is(net.link(0, 1).linkNumber, net.link(1, 0).linkNumber);
});

test('a lost connection is made anew under a new number', async () => {
  const net = await linked();
  const before = net.link(0, 1).linkNumber;
  net.streams[0]!.destroy();
  await until(() => net.link(0, 1).state === 'down' && net.link(1, 0).state === 'down');
  net.pass(200);
  await until(() => net.isUp());
  assert.is.not(net.link(0, 1).linkNumber, before);
  assert.is(net.link(1, 0).connects, 2);
});

test('a peer that is not there is dialled again and again, ever less often', async () => {
  const net = new Net();
  net.mode = 'refuse';
  net.add();
  net.add();
  for (let i = 0; i < 40; i++) {
    net.pass(250);
    await until(() => net.link(0, 1).state === 'down');
  }
  const before = net.dials;
  for (let i = 0; i < 40; i++) {
    net.pass(250);
    await until(() => net.link(0, 1).state === 'down');
  }
  const perSecond = (net.dials - before) / 2 / 10;
  assert.ok(perSecond >= 1000 / RECONNECT_MS_MAX - 0.3 && perSecond <= 2.1, `${perSecond} attempts per second`);
  assert.is(net.log[0]?.length, 0, 'an absent peer is no refusal');
});

test('an attempt that nobody answers ends with its time', async () => {
  const net = new Net();
  net.mode = 'hang';
  net.add();
  net.add();
  net.pass(50);
  assert.is(net.link(0, 1).state, 'connecting');
  net.pass(HANDSHAKE_MS_MAX + 50);
  assert.is(net.link(0, 1).reason, 'slow');
  net.mode = 'open';
  net.pass(HANDSHAKE_MS_MAX + 200);
  await until(() => net.isUp());
});

test('a connection that says nothing is ended with its time', async () => {
  const net = new Net();
  net.add();
  net.add();
  const [near, far] = duplexPair();
  let isReleased = false;
  net.managers[1]!.accept(lineOver(far), () => {
    isReleased = true;
  });
  net.managers[1]!.housekeep(net.ms + HANDSHAKE_MS_MAX);
  assert.not.ok(far.destroyed);
  net.managers[1]!.housekeep(net.ms + HANDSHAKE_MS_MAX + 1);
  assert.ok(far.destroyed && isReleased);
  assert.is(net.link(1, STRANGERS_LINE).reason, 'slow');
  near.destroy();
});

test('half of a connection is ended with its time', async () => {
  const net = new Net();
  net.add();
  const manager = net.add();
  const [near, far] = duplexPair();
  let isDone = false;
  manager.accept(lineOver(far), () => {});
  new Handshake(
    lineOver(near),
    {
      self: { clusterId: 1, nodeId: 1, incarnation: 50, bootCounter: 3, shards: 1 },
      expect: (nodeId) => ({ nodeId, incarnation: 0, bootCounter: 0 }),
      onDone: () => (isDone = true),
      onFailed: () => {},
    },
    { nodeId: 2, lane: 1, linkNumber: 4 },
  );
  await until(() => isDone && net.log[1]!.includes('seen 0 50 3'));
  near.resume();
  net.ms += HANDSHAKE_MS_MAX + 1;
  manager.housekeep(net.ms);
  await until(() => near.destroyed);
  assert.is(net.link(1, 0).reason, 'slow');
  assert.is(net.link(1, 0).state, 'down');
});

test('silence in one way is noticed by who does not hear, and told to the other', async () => {
  const net = await linked();
  for (const stream of net.streams) stream.isHeld = true;
  net.pass(SILENT_MS_MAX + PING_MS);
  assert.is(net.link(1, 0).state, 'down');
  assert.is(net.link(1, 0).reason, 'silent');
  assert.ok(net.log[1]!.includes('down 0 silent'));
  await until(() => net.link(0, 1).state !== 'up');
});

test('a node that was held up itself listens again before it judges', async () => {
  const net = await linked();
  net.ms += 10 * SILENT_MS_MAX;
  net.managers[0]!.housekeep(net.ms);
  net.managers[1]!.housekeep(net.ms);
  assert.ok(net.isUp());
});

test('link numbers of another start, or another life of the worker, are others', async () => {
  const numbers = new Set<number>();
  for (const [bootCounter, life] of [
    [1, 1],
    [2, 1],
    [2, 2],
  ] as const) {
    const net = new Net();
    net.life = life;
    net.add({ bootCounter });
    net.add();
    net.pass(50);
    await until(() => net.isUp());
    numbers.add(net.link(0, 1).linkNumber);
  }
  assert.is(numbers.size, 3);
});

test('nodes of different clusters refuse each other, and both say so', async () => {
  const net = new Net();
  net.add();
  net.add({ clusterId: 2 });
  net.pass(50);
  await until(() => net.log[0]!.length > 0 && net.log[1]!.length > 0);
  assert.equal(net.log[1], ['refused 0 by us wrongCluster']);
  assert.equal(net.log[0], ['refused 1 by peer wrongCluster']);
  assert.is(net.link(0, 1).refusals, 1, 'the first refusal ends the attempt');
});

test('an old copy of a directory is refused once its newer boot counter was seen', async () => {
  const net = await linked();
  net.managers[0]!.close();
  await until(() => net.link(1, 0).state === 'down');
  const again = new Net();
  again.ms = net.ms;
  const old = again.add({ bootCounter: 2 });
  again.managers[1] = net.managers[1]!;
  old.housekeep(again.ms + 50);
  await until(() => again.log[0]!.length > 0);
  assert.ok(again.log[0]!.includes('refused 1 by peer oldBoot'));
  assert.ok(net.log[1]!.includes('refused 0 by us oldBoot'));
});

test('the first incarnation that is seen is the one', async () => {
  const net = await linked();
  net.managers[0]!.close();
  const again = new Net();
  const other = again.add({ incarnation: 999, bootCounter: 9 });
  again.managers[1] = net.managers[1]!;
  other.housekeep(again.ms + 50);
  await until(() => again.log[0]!.length > 0);
  assert.ok(again.log[0]!.includes('refused 1 by peer wrongIncarnation'));
});

test('a restarted peer takes the place of its earlier connection at once', async () => {
  const net = await linked();
  const again = new Net();
  const restarted = again.add({ bootCounter: 4 });
  again.managers[1] = net.managers[1]!;
  restarted.housekeep(again.ms + 50);
  await until(() => again.link(0, 1).state === 'up' && net.link(1, 0).connects === 2);
  assert.ok(net.log[1]!.includes('down 0 replaced'));
  assert.ok(net.log[1]!.includes('seen 0 50 4'));
});

test('after a renewal every connection is made anew at once', async () => {
  const net = await linked();
  net.managers[1]!.renew();
  await until(() => net.link(0, 1).state === 'down');
  assert.is(net.link(0, 1).reason, 'reloaded');
  net.pass(100);
  await until(() => net.isUp());
});

test('a member is dialled where it is found now', async () => {
  const net = new Net();
  net.add({}, 3);
  net.add({}, 3);
  net.managers[0]!.readdress(1, 'elsewhere', 9);
  net.pass(50);
  assert.is(net.link(0, 1).state, 'connecting');
  net.managers[0]!.readdress(1, 'there', 1);
  assert.is(net.link(0, 1).state, 'connecting');
});

test('a closed manager lets nobody in and tells its peers', async () => {
  const net = await linked();
  net.managers[1]!.close();
  await until(() => net.link(0, 1).state === 'down');
  assert.is(net.link(0, 1).reason, 'stopping');
  const [near, far] = duplexPair();
  net.managers[1]!.accept(lineOver(far), () => {});
  assert.ok(far.destroyed);
  near.destroy();
});

test.run();
