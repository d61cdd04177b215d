/** Three hellos: both ends agree, or both know why not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Handshake, type HandshakeFailure } from '../../../src/transport/handshake.ts';
import { type Expected, encodeHello, HELLO_BYTES, type Identity } from '../../../src/transport/hello.ts';
import { duplexPair, lineOver, type PairEnd } from '../../support/duplex-pair.ts';
import { until } from '../../support/transport-kit.ts';

const test = suite('transport/handshake');

const identity = (nodeId: number, change: Partial<Identity> = {}): Identity => ({
  clusterId: 9,
  nodeId,
  incarnation: 100 + nodeId,
  bootCounter: 5,
  shards: 4,
  ...change,
});
const known = (nodeId: number): Expected | undefined =>
  nodeId >= 1 && nodeId <= 3 ? { nodeId, incarnation: 100 + nodeId, bootCounter: 5 } : undefined;

interface Side {
  done: string;
  failure: HandshakeFailure | undefined;
  handshake: Handshake | undefined;
}

interface Options {
  dialler?: Identity;
  acceptor?: Identity;
  dialled?: number;
  isNode?: (nodeId: number) => boolean;
  expect?: (nodeId: number) => Expected | undefined;
}

function side(): Side {
  return { done: '', failure: undefined, handshake: undefined };
}

function shake(options: Options = {}) {
  const [near, far] = duplexPair();
  const dialling = side();
  const accepting = side();
  const ports = (self: Identity, at: Side) => ({
    self,
    expect: options.expect ?? known,
    onDone: (_line: unknown, hello: { nodeId: number; lane: number; linkNumber: number }) => {
      at.done = `node ${hello.nodeId} lane ${hello.lane} link ${hello.linkNumber}`;
    },
    onFailed: (failure: HandshakeFailure) => {
      at.failure = failure;
    },
  });
  accepting.handshake = new Handshake(lineOver(far, options.isNode), ports(options.acceptor ?? identity(2), accepting));
  dialling.handshake = new Handshake(lineOver(near), ports(options.dialler ?? identity(1), dialling), {
    nodeId: options.dialled ?? 2,
    lane: 1,
    linkNumber: 77,
  });
  return { near, far, dialling, accepting };
}

/** Both ends have come to a result. */
async function settled({ dialling, accepting }: ReturnType<typeof shake>): Promise<void> {
  const isOver = (at: Side): boolean => at.done !== '' || at.failure !== undefined;
  await until(() => isOver(dialling) && isOver(accepting));
}

test('two members agree on a lane of a link', async () => {
  const both = shake();
  await settled(both);
  assert.is(both.dialling.done, 'node 2 lane 1 link 77');
  assert.is(both.accepting.done, 'node 1 lane 1 link 77');
});

test('what follows the hellos is left to the channel', async () => {
  const both = shake();
  await settled(both);
  both.near.write('behind');
  await until(() => both.far.readableLength === 6);
  assert.is((both.far.read() as Buffer).toString(), 'behind');
});

const REFUSED: [string, Options, string][] = [
  ['wrongCluster', { dialler: identity(1, { clusterId: 8 }) }, 'acceptor'],
  ['shards', { dialler: identity(1, { shards: 5 }) }, 'acceptor'],
  ['oldBoot', { dialler: identity(1, { bootCounter: 4 }) }, 'acceptor'],
  ['wrongIncarnation', { dialler: identity(1, { incarnation: 3 }) }, 'acceptor'],
  ['notMember', { dialler: identity(9) }, 'acceptor'],
  ['wrongReceiver', { acceptor: identity(3) }, 'acceptor'],
  ['certificate', { isNode: () => false }, 'acceptor'],
  ['oldBoot', { acceptor: identity(2, { bootCounter: 1 }) }, 'dialler'],
  ['wrongIncarnation', { acceptor: identity(2, { incarnation: 1 }) }, 'dialler'],
];
for (const [reason, options, by] of REFUSED) {
  test(`${reason} is refused by the ${by}, and the other end learns it`, async () => {
    const both = shake(options);
    await settled(both);
    const own = by === 'acceptor' ? both.accepting : both.dialling;
    const other = by === 'acceptor' ? both.dialling : both.accepting;
    assert.is(own.failure?.reason, reason);
    assert.not.ok(own.failure?.isByPeer);
    assert.is(other.failure?.reason, reason);
    assert.ok(other.failure?.isByPeer);
    await until(() => both.near.destroyed && both.far.destroyed);
  });
}

/** What the acceptor makes of bytes that come from no dialler of ours. */
async function greet(bytes: Uint8Array): Promise<{ at: Side; near: PairEnd; far: PairEnd }> {
  const [near, far] = duplexPair();
  const at = side();
  near.on('error', () => {});
  near.resume();
  new Handshake(lineOver(far), {
    self: identity(2),
    expect: known,
    onDone: () => (at.done = 'done'),
    onFailed: (failure) => (at.failure = failure),
  });
  near.write(bytes);
  await until(() => at.failure !== undefined || at.done !== '');
  return { at, near, far };
}

test('HTTP is told after four bytes, without waiting for more', async () => {
  const { at, far } = await greet(Buffer.from('GET '));
  assert.is(at.failure?.reason, 'notSynod');
  await until(() => far.destroyed);
});

test('a hello with a wrong checksum is refused', async () => {
  const bytes = encodeHello({ ...identity(1), step: 1, lane: 0, linkNumber: 1, receiverId: 2, refusal: undefined });
  bytes[HELLO_BYTES - 1]! ^= 1;
  assert.is((await greet(bytes)).at.failure?.reason, 'checksum');
});

test('the third hello must be of the first one’s link', async () => {
  const hello = { ...identity(1), lane: 0, linkNumber: 1, receiverId: 2, refusal: undefined };
  const first = encodeHello({ ...hello, step: 1 });
  const third = encodeHello({ ...hello, step: 3, linkNumber: 2 });
  assert.is((await greet(Buffer.concat([first, third]))).at.failure?.reason, 'malformed');
});

test('a hello out of turn is refused', async () => {
  const hello = { ...identity(1), lane: 0, linkNumber: 1, receiverId: 2, refusal: undefined };
  assert.is((await greet(encodeHello({ ...hello, step: 3 }))).at.failure?.reason, 'malformed');
});

test('a peer that leaves half-way is a closed connection', async () => {
  const both = shake({ expect: known });
  both.near.destroy();
  await until(() => both.accepting.failure !== undefined);
  assert.is(both.accepting.failure?.reason, 'closed');
});

test('a cancelled handshake ends its connection and reports once', async () => {
  const [near, far] = duplexPair();
  near.resume();
  const failures: string[] = [];
  const handshake = new Handshake(lineOver(far), {
    self: identity(2),
    expect: known,
    onDone: () => assert.unreachable(),
    onFailed: ({ reason }) => failures.push(reason),
  });
  handshake.cancel('slow', '');
  handshake.cancel('slow', '');
  assert.equal(failures, ['slow']);
  assert.ok(far.destroyed);
  await until(() => near.destroyed);
});

test.run();
