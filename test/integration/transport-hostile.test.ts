/**
 * Peers that mean no good, or no sense: cut off with a reason and a count, while the links of the others do not notice. Before a
 * hello (scenario 49) and behind a valid one (scenarios 30, 31, 51, 52).
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BURST_BYTES_MAX, HANDSHAKE_MS_MAX, PENDING_MAX } from '../../src/limits.ts';
import { BURST_DATA, BURST_HEADER_BYTES, BURST_PING, BurstHeaders } from '../../src/transport/burst.ts';
import { encodeHello, HELLO_BYTES } from '../../src/transport/hello.ts';
import type { Reason } from '../../src/transport/reason.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import { dialLane, dialRaw, type RawPeer } from '../support/raw-peer.ts';
import { openNodes, type TestNode, until, writeFrame } from '../support/transport-kit.ts';

const test = suite('integration/transport-hostile');
/** Members 0 and 1 are nodes; member 2 is played by the tests. */
let nodes: [TestNode, TestNode];
const IMPOSTOR = { clusterId: 77, nodeId: 3, incarnation: 1002, bootCounter: 1, shards: 2 };

test.before.each(async () => {
  nodes = (await openNodes([0, 1].map((memberIndex) => ({ memberIndex, memberCount: 3 })))) as [TestNode, TestNode];
  await until(() => nodes[0].link(1).state === 'up' && nodes[1].link(0).state === 'up');
});
test.after.each(async () => {
  for (const node of nodes) await node.close();
});

/** The link of the two honest nodes stood all the time and carries frames. */
async function undisturbed(): Promise<void> {
  assert.is(nodes[0].link(1).connects, 1);
  const before = nodes[1].arrivals.length;
  assert.ok(nodes[0].send(1, 0, 1, 5000));
  await until(() => nodes[1].poll() >= 0 && nodes[1].arrivals.length > before);
}

const GREETINGS: [string, Uint8Array | string, Reason][] = [
  ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'notSynod'],
  ['endless zeros', new Uint8Array(1 << 20), 'notSynod'],
  ['a TLS hello', Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), 'notSynod'],
  ['a hello with a broken checksum', brokenHello(), 'checksum'],
  ['a hello of another cluster', hello({ clusterId: 78 }), 'wrongCluster'],
  ['a hello for another node', hello({ receiverId: 1 }), 'wrongReceiver'],
  ['a hello of nobody', hello({ nodeId: 9 }), 'notMember'],
  ['the node’s own hello', hello({ nodeId: 2 }), 'notMember'],
  ['a burst instead of a hello', Uint8Array.from(new BurstHeaders(1, 1, 0).bytes), 'notSynod'],
];
for (const [what, bytes, reason] of GREETINGS) {
  test(`${what} ends in "${reason}", a count and words`, async () => {
    const peer = dialRaw(nodes[1].port, bytes);
    await until(() => peer.isClosed);
    const message = nodes[1].messages.find((candidate) => candidate.kind === 'refused');
    assert.ok(message?.kind === 'refused' && message.reason === reason, JSON.stringify(message));
    await undisturbed();
  });
}

function hello(change: object): Uint8Array {
  return encodeHello({ ...IMPOSTOR, step: 1, lane: 0, linkNumber: 1, receiverId: 2, refusal: undefined, ...change });
}

function brokenHello(): Uint8Array {
  const bytes = hello({});
  bytes[HELLO_BYTES - 20]! ^= 0x10;
  return bytes;
}

test('a hello that comes byte by byte is not waited for beyond its time', async () => {
  const peer = dialRaw(nodes[1].port, hello({}).subarray(0, 1));
  let sent = 1;
  await until(() => {
    if (sent < 40) peer.socket.write(hello({}).subarray(sent, ++sent));
    return sent === 40;
  });
  await until(() => peer.socket.bytesWritten >= 40);
  assert.not.ok(peer.isClosed);
  nodes[1].built.links.housekeep(performance.now() + HANDSHAKE_MS_MAX + 1000);
  await until(() => peer.isClosed);
  assert.is(nodes[1].strangers.reason, 'slow');
});

test('a thousand connections that come and go, or stay and say nothing, cost a bounded number of sockets', async () => {
  let opened = 0;
  const open = new Set<RawPeer>();
  await until(() => {
    for (let i = 0; i < 20 && opened < 1000; i++, opened++) {
      const peer = dialRaw(nodes[1].port, opened % 3 === 0 ? 'x' : undefined);
      open.add(peer);
      if (opened % 2 === 0) peer.socket.once('connect', () => peer.socket.destroy());
    }
    for (const peer of open) if (peer.isClosed) open.delete(peer);
    return opened === 1000 && open.size <= PENDING_MAX;
  });
  assert.ok(nodes[1].strangers.refusals > 0);
  for (const peer of open) peer.socket.destroy();
  await undisturbed();
});

/** Member 2 behind a valid hello, both lanes up. */
async function member(): Promise<[RawPeer, RawPeer]> {
  const link = 4242;
  const bulk = await dialLane(nodes[1].port, { ...IMPOSTOR }, 2, 0, link);
  const control = await dialLane(nodes[1].port, { ...IMPOSTOR }, 2, 1, link);
  await until(() => nodes[1].link(2).state === 'up');
  return [bulk, control];
}

interface Forged {
  kind?: number;
  link?: number;
  sequence?: number;
  length?: number;
  crcOff?: boolean;
  from?: number;
  group?: number;
  frameSize?: number;
}

/** A burst with one frame, wrong in one way. */
function burst(change: Forged = {}): Uint8Array {
  const words = new Int32Array(16);
  writeFrame(words, 0, change.from ?? 2, change.group ?? 0, 5, 64);
  words[0] = change.frameSize ?? 64;
  const body = new Uint8Array(words.buffer);
  const headers = new BurstHeaders(4, change.link ?? 4242, 0);
  for (let skip = 0; skip < (change.sequence ?? 0); skip++) headers.write(BURST_PING, 0, 0, 0);
  const crc = crc32c(body, 0, 64, 0) ^ (change.crcOff === true ? 1 : 0);
  const at = headers.write(change.kind ?? BURST_DATA, change.length ?? 64, crc, 0);
  return Buffer.concat([headers.bytes.subarray(at, at + BURST_HEADER_BYTES), body]);
}

test('a member that makes sense is heard', async () => {
  const [bulk] = await member();
  bulk.socket.write(burst());
  await until(() => nodes[1].poll() >= 0 && nodes[1].arrivals.some(({ from }) => from === 2));
  bulk.socket.destroy();
});

const FORGED: [string, Forged, Reason][] = [
  ['a length of 4 GiB', { length: -64 }, 'tooLong'],
  ['a length just beyond the limit', { length: BURST_BYTES_MAX + 64 }, 'tooLong'],
  ['a wrong checksum', { crcOff: true }, 'checksum'],
  ['a burst of another link', { link: 4243 }, 'wrongLink'],
  ['a burst out of sequence', { sequence: 1 }, 'wrongSequence'],
  ['an unknown kind of burst', { kind: 77 }, 'malformed'],
  ['a frame in another member’s name', { from: 0 }, 'malformed'],
  ['a frame of a group that does not exist', { group: 2 }, 'malformed'],
  ['a frame longer than its burst', { frameSize: 0x7fff_ffff }, 'malformed'],
  ['a frame shorter than its header', { frameSize: 8 }, 'malformed'],
];
for (const [what, change, reason] of FORGED) {
  test(`${what} cuts the member off with "${reason}"`, async () => {
    const [bulk, control] = await member();
    bulk.socket.write(burst(change));
    await until(() => bulk.isClosed && control.isClosed);
    assert.is(nodes[1].link(2).state, 'down');
    assert.is(nodes[1].link(2).refusals, 1);
    assert.is(nodes[1].link(2).reason, reason);
    assert.ok(nodes[1].messages.some((found) => found.kind === 'refused' && found.memberIndex === 2));
    assert.is(nodes[1].poll(), 0, 'nothing of it reached a worker');
    await undisturbed();
  });
}

test('a member that sends the same burst again is cut off', async () => {
  const [bulk] = await member();
  bulk.socket.write(burst());
  bulk.socket.write(burst());
  await until(() => bulk.isClosed);
  assert.is(nodes[1].link(2).reason, 'wrongSequence');
});

test('a truncated burst is never delivered', async () => {
  const [bulk] = await member();
  bulk.socket.end(burst().subarray(0, 80));
  await until(() => bulk.isClosed && nodes[1].link(2).state === 'down');
  assert.is(nodes[1].poll(), 0);
});

test('a member that asks without end and reads nothing back does not disturb the others', async () => {
  const [bulk] = await member();
  bulk.socket.pause();
  const headers = new BurstHeaders(1, 4242, 0);
  let sent = 0;
  // Enough pings to fill every buffer on the way back, were each one answered and kept (transport/socket-channel keeps few).
  await until(() => {
    for (let i = 0; i < 2000 && sent < 60_000; i++, sent++) {
      headers.write(BURST_PING, 0, 0, sent);
      bulk.socket.write(Buffer.from(headers.bytes));
    }
    return sent === 60_000;
  });
  await undisturbed();
  bulk.socket.destroy();
});

test.run();
