/** Shared memory is for processes of this host that both have the addon. */
import { networkInterfaces } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NativeBinding } from '../../../src/native-binding.ts';
import type { UpgradeLink } from '../../../src/transport/channel.ts';
import { decodeOffer, encodeOffer, isThisHost, ShmUpgrader } from '../../../src/transport/shm-upgrader.ts';

const linkTo = (remoteAddress: string): UpgradeLink => ({
  memberIndex: 1,
  linkNumber: 1,
  isDialer: false,
  isAuthenticated: false,
  remoteAddress,
  nextLinkNumber: () => 2,
  sendNote: () => {},
  eventsOf: () => {
    throw new Error('no channel is made before there is an offer');
  },
  wake: () => {},
  adopt: () => {},
});

const binding = {} as NativeBinding;
const options = { isEnabled: true, spinNs: 0, now: () => 0 };
const test = suite('transport/shm-upgrader');

test('a peer at an address of this host is offered shared memory, any other is not', () => {
  const upgrader = new ShmUpgrader({ ...options, binding });
  const own = Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])[0]?.address ?? '127.0.0.1';
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', own]) {
    assert.ok(isThisHost(address), address);
    assert.ok(upgrader.begin(linkTo(address)) !== undefined, address);
  }
  for (const address of ['192.0.2.1', '2001:db8::1', '']) {
    assert.not(isThisHost(address), address);
    assert.is(upgrader.begin(linkTo(address)), undefined, address);
  }
});

test('without the addon, or when told so, links stay with the sockets', () => {
  assert.is(new ShmUpgrader({ ...options, binding: undefined }).begin(linkTo('127.0.0.1')), undefined);
  assert.is(new ShmUpgrader({ ...options, binding, isEnabled: false }).begin(linkTo('127.0.0.1')), undefined);
});

test('an offer reads as it was written', () => {
  const offer = { pid: 4711, fd: 23, capacity: 1 << 22, nonce: Uint8Array.from({ length: 16 }, (_, index) => index) };
  const { nonce, ...rest } = decodeOffer(encodeOffer(offer));
  assert.equal({ ...rest, nonce: [...nonce] }, { ...offer, nonce: [...offer.nonce] });
});

test.run();
