/** Dialling: a line, or a reason. */
import { type AddressInfo, createServer, type Server } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DialEvents, makeDial } from '../../../src/transport/dialer.ts';
import type { Line } from '../../../src/transport/line.ts';

const test = suite('transport/dialer');
let server: Server;
let port: number;
test.before(async () => {
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  port = (server.address() as AddressInfo).port;
});
test.after(() => void server.close());

function outcome(dial: (events: DialEvents) => () => void): Promise<{ line?: Line; reason?: string; detail?: string }> {
  return new Promise((resolve) => {
    dial({ onLine: (line) => resolve({ line }), onFailed: (reason, detail) => resolve({ reason, detail }) });
  });
}

test('a listener on this machine is reached in plain text, under a name too', async () => {
  const dial = makeDial(undefined, false);
  for (const host of ['127.0.0.1', 'localhost']) {
    const { line } = await outcome((events) => dial({ nodeId: 2, host, port }, events));
    assert.is(line?.kind, 'tcp');
    assert.ok(line?.isNode(17), 'plain text proves nothing');
    line?.stream.destroy();
  }
});

test('who does not listen is unreachable, and so is who does not exist', async () => {
  const dial = makeDial(undefined, false);
  const refused = await outcome((events) => dial({ nodeId: 2, host: '127.0.0.1', port: 1 }, events));
  assert.is(refused.reason, 'unreachable');
  const unknown = await outcome((events) => dial({ nodeId: 2, host: 'no-such-host.invalid', port }, events));
  assert.is(unknown.reason, 'unreachable');
});

test('a dial that was given up reports nothing', async () => {
  const dial = makeDial(undefined, false);
  const giveUp = dial(
    { nodeId: 2, host: '127.0.0.1', port },
    { onLine: () => assert.unreachable(), onFailed: () => assert.unreachable() },
  );
  giveUp();
  const { line } = await outcome((events) => dial({ nodeId: 2, host: '127.0.0.1', port }, events));
  line?.stream.destroy();
});

test('giving up leaves a line alone that was handed over: its last words may be on their way', async () => {
  const dial = makeDial(undefined, false);
  let giveUp = (): void => {};
  const { line } = await outcome((events) => {
    giveUp = dial({ nodeId: 2, host: '127.0.0.1', port }, events);
    return giveUp;
  });
  giveUp();
  assert.not(line?.stream.destroyed);
  line?.stream.destroy();
});

test.run();
