/** Who may be reached over libfabric, and when its provider is opened, and opened anew. A double stands for the addon. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UPGRADE_RETRY_MS_MAX } from '../../../src/limits.ts';
import { type FabricStatus, NATIVE_LINK_UP, type NativeBinding } from '../../../src/native-binding.ts';
import type { UpgradeLink } from '../../../src/transport/channel.ts';
import { RdmaUpgrader, type RdmaUpgraderOptions } from '../../../src/transport/rdma-upgrader.ts';

const OFFER_BYTES = 208;

class Bench {
  now = 0;
  status: FabricStatus = { state: 'opening', why: '' };
  opened: [provider: string, address: string][] = [];
  closed: number[] = [];
  told: FabricStatus[] = [];
  links = 0;
  notes = 0;
  #onChange: () => void = () => {};
  readonly binding = {
    fabricOpen: (provider: string, address: string, onChange: () => void) => {
      this.opened.push([provider, address]);
      this.#onChange = onChange;
      return this.opened.length;
    },
    fabricStatus: () => this.status,
    fabricClose: (domain: number) => this.closed.push(domain),
    fabricLink: () => ++this.links,
    fabricOffer: () => new Uint8Array(OFFER_BYTES),
    linkState: () => 0,
    linkClose: () => {},
    attach: () => 0,
    detach: () => {},
  } as unknown as NativeBinding;

  upgrader(changed: Partial<RdmaUpgraderOptions> = {}): RdmaUpgrader {
    return new RdmaUpgrader({
      binding: this.binding,
      isEnabled: true,
      provider: 'auto',
      address: '192.0.2.7',
      isForSameHost: false,
      isInsecureAllowed: false,
      onStatus: (status) => this.told.push(status),
      now: () => this.now,
      ...changed,
    });
  }

  link(changed: Partial<UpgradeLink> = {}): UpgradeLink {
    return {
      memberIndex: 1,
      linkNumber: 1,
      isDialer: true,
      isAuthenticated: true,
      remoteAddress: '192.0.2.1',
      nextLinkNumber: () => 2,
      sendNote: () => {
        this.notes += 1;
      },
      eventsOf: () => {
        throw new Error('no channel is made before there is an answer');
      },
      wake: () => {},
      adopt: () => {},
      ...changed,
    };
  }

  become(state: FabricStatus['state']): void {
    this.status = state === 'ready' ? { state, why: '', provider: 'verbs' } : { state, why: 'no card' };
    this.#onChange();
  }
}

const test = suite('transport/rdma-upgrader');

test('a peer that did not prove who it is stays with the sockets, unless the user says that the network is safe', () => {
  const bench = new Bench();
  const plain = bench.link({ isAuthenticated: false });
  assert.is(bench.upgrader().begin(plain), undefined);
  assert.is(bench.opened.length, 0);
  assert.ok(bench.upgrader({ isInsecureAllowed: true }).begin(plain) !== undefined);
  const loopback = { isAuthenticated: false, remoteAddress: '127.0.0.1' };
  assert.ok(bench.upgrader({ isForSameHost: true }).begin(bench.link(loopback)) !== undefined);
});

test('peers of this host are left to shared memory, unless RDMA is asked for', () => {
  const bench = new Bench();
  assert.is(bench.upgrader().begin(bench.link({ remoteAddress: '127.0.0.1' })), undefined);
  assert.ok(bench.upgrader({ isForSameHost: true }).begin(bench.link({ remoteAddress: '127.0.0.1' })) !== undefined);
});

test('without the addon, or when told so, nothing is opened', () => {
  const bench = new Bench();
  assert.is(bench.upgrader({ binding: undefined }).begin(bench.link()), undefined);
  assert.is(bench.upgrader({ isEnabled: false }).begin(bench.link()), undefined);
  assert.equal(bench.opened, []);
});

test('the provider is opened once, with the first link, at the address of this node', () => {
  const bench = new Bench();
  const upgrader = bench.upgrader();
  upgrader.begin(bench.link());
  upgrader.begin(bench.link());
  assert.equal(bench.opened, [['auto', '192.0.2.7']]);
});

test('the offer waits until the provider is ready', () => {
  const bench = new Bench();
  const session = bench.upgrader().begin(bench.link());
  session?.onTick(1000);
  assert.is(bench.notes, 0);
  bench.become('ready');
  assert.equal(
    bench.told.map(({ state }) => state),
    ['ready'],
  );
  bench.now = 5000;
  session?.onTick(bench.now);
  assert.is(bench.notes, 1);
  assert.is(bench.links, 2);
});

test('a provider that failed is opened anew, not too often', () => {
  const bench = new Bench();
  const session = bench.upgrader().begin(bench.link());
  bench.become('failed');
  bench.now = UPGRADE_RETRY_MS_MAX;
  session?.onTick(bench.now);
  assert.is(bench.opened.length, 1);
  bench.now = UPGRADE_RETRY_MS_MAX + 1000;
  session?.onTick(bench.now);
  assert.is(bench.opened.length, 2);
  assert.equal(bench.closed, [1]);
});

test('attempts that fail again and again open the provider anew, but not under a link that is up', () => {
  for (const isUp of [false, true]) {
    const bench = new Bench();
    if (isUp) Object.assign(bench.binding, { linkState: () => NATIVE_LINK_UP });
    const session = bench.upgrader().begin(bench.link());
    bench.become('ready');
    for (let round = 0; round < 40; round++) {
      bench.now += 20_000;
      session?.onTick(bench.now);
      session?.onTick(bench.now);
    }
    assert.is(bench.opened.length > 1, !isUp);
  }
});

test('closing closes the provider', () => {
  const bench = new Bench();
  const upgrader = bench.upgrader();
  upgrader.begin(bench.link());
  upgrader.close();
  assert.equal(bench.closed, [1]);
  assert.is(upgrader.status.state, 'failed');
});

test.run();
