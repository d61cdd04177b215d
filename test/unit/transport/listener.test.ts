/** Accepting: strangers are bounded, and what they cost is given back. */
import { connect, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import { PENDING_PER_ADDRESS_MAX } from '../../../src/limits.ts';
import { Listener } from '../../../src/transport/listener.ts';
import { until } from '../../support/transport-kit.ts';

const test = suite('transport/listener');

async function open() {
  const releases: (() => void)[] = [];
  const refused: string[] = [];
  const listener = new Listener(undefined, false, {
    onLine: (line, release) => {
      line.stream.on('error', () => {});
      releases.push(release);
    },
    onRefused: (reason) => refused.push(reason),
  });
  const { port } = await listener.listen('127.0.0.1', 0);
  const sockets: Socket[] = [];
  const dial = (): Socket => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    socket.resume();
    sockets.push(socket);
    return socket;
  };
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  };
  return { listener, port, releases, refused, dial, close };
}

test('more unfinished handshakes than allowed from one address are turned away, until others are over', async () => {
  const { releases, refused, dial, close } = await open();
  for (let i = 0; i < PENDING_PER_ADDRESS_MAX; i++) dial();
  await until(() => releases.length === PENDING_PER_ADDRESS_MAX);
  const tooMany = dial();
  await until(() => refused.length === 1 && tooMany.destroyed);
  assert.is(refused[0], 'tooMany');
  releases[0]!();
  releases[0]!();
  dial();
  await until(() => releases.length === PENDING_PER_ADDRESS_MAX + 1);
  dial();
  await until(() => refused.length === 2);
  close();
});

test('a connection that closes is not pending any more', async () => {
  const { releases, refused, dial, close } = await open();
  for (let round = 0; round < 3; round++) {
    const sockets = Array.from({ length: PENDING_PER_ADDRESS_MAX }, dial);
    await until(() => releases.length === (round + 1) * PENDING_PER_ADDRESS_MAX);
    for (const socket of sockets) socket.destroy();
    // The listener has seen them go when a connection after them is served.
    await until(() => sockets.every((socket) => socket.destroyed));
    await new Promise<void>((resolve) => {
      setImmediate(() => setImmediate(resolve));
    });
  }
  assert.ok(refused.length === 0);
  close();
});

test('an address that is taken is an error that names it', async () => {
  const { port, close } = await open();
  const other = new Listener(undefined, false, { onLine: () => {}, onRefused: () => {} });
  try {
    await other.listen('127.0.0.1', port);
    assert.unreachable();
  } catch (error) {
    assert.is((error as SynodError).code, 'ERR_SYNOD_LISTEN');
    assert.match((error as SynodError).message, new RegExp(`127\\.0\\.0\\.1:${port}`));
  }
  close();
});

test.run();
