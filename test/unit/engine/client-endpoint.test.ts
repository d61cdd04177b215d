/** The endpoint over real sockets and a target that only echoes: routes, limits, hostile clients. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { ClientEndpoint } from '../../../src/engine/client-endpoint.ts';
import { FakeTarget } from './fake-target.ts';

const test = suite('client-endpoint');

const BYTES_MAX = 1000;
const LOOPBACK = { host: '127.0.0.1', port: 0 };
let target = new FakeTarget();
let endpoint: ClientEndpoint;

test.before.each(async () => {
  target = new FakeTarget();
  endpoint = await ClientEndpoint.open({ target, listen: LOOPBACK, payloadBytesMax: BYTES_MAX, timeoutMs: 777 });
});
test.after.each(() => endpoint.close());

function post(path: string, body: string | Uint8Array = '', headers: Record<string, string> = {}): Promise<Response> {
  const type = { 'content-type': 'application/octet-stream' };
  return fetch(endpoint.url + path, { method: 'POST', body, headers: { ...type, ...headers } });
}

interface Failure {
  error: { code: string; message: string; retryable: boolean };
}

test('commands and queries go through as bytes, with key, deadline and consistency', async () => {
  const bytes = Uint8Array.from([0, 255, 10, 13]);
  const proposed = await post('/propose?key=a%20b%26c&timeout=50', bytes);
  assert.is(proposed.status, 200);
  assert.equal(new Uint8Array(await proposed.arrayBuffer()), bytes);
  assert.is((await post('/read?key=k', bytes)).status, 200);
  assert.is((await post('/read?key=k&consistency=stale', '')).status, 200);
  assert.equal(target.calls, ['propose a b&c 4 50', 'read k 4 777 linearizable', 'read k 0 777 stale']);
});

test('a failure is told as code, message and whether to try again', async () => {
  for (const [code, status, retryable] of [
    ['ERR_SYNOD_NO_LEADER', 503, true],
    ['ERR_SYNOD_OUTCOME_UNKNOWN', 504, false],
    ['ERR_SYNOD_KEY', 400, false],
    ['ERR_SYNOD_MACHINE_FAILED', 500, false],
    ['ERR_SYNOD_CLOSED', 503, false],
  ] as const) {
    target.answer = () => Promise.reject(new SynodError(code, 'Told so.'));
    const response = await post('/propose?key=k');
    assert.is(response.status, status, code);
    assert.equal(await response.json(), { error: { code, message: 'Told so.', retryable } });
  }
});

test('a query without an answer leaves no doubt, and may be asked again', async () => {
  target.answer = () => Promise.reject(new SynodError('ERR_SYNOD_OUTCOME_UNKNOWN', 'Sent.'));
  const response = await post('/read?key=k');
  assert.is(response.status, 503);
  assert.is(((await response.json()) as Failure).error.code, 'ERR_SYNOD_TIMEOUT');
});

test('status, readiness, health and metrics', async () => {
  const get = (path: string): Promise<Response> => fetch(endpoint.url + path);
  assert.equal(await (await get('/status')).json(), { shards: [{ shard: 0, leader: 2 }] });
  assert.is((await get('/readyz')).status, 200);
  target.state = { shards: [{ shard: 4, leader: -1, error: undefined }] };
  const unready = await get('/readyz');
  assert.is(unready.status, 503);
  assert.equal(await unready.json(), { ready: false, withoutLeader: [4] });
  assert.is((await get('/healthz')).status, 200);
  const metrics = await (await get('/metrics')).text();
  assert.match(metrics, /^synod_fake 1\n/);
  assert.match(metrics, /^synod_endpoint_requests_total\{path="\/readyz",status="503"\} 1$/m);
});

test('leadership and snapshots on demand', async () => {
  assert.is((await post('/transfer?shard=3&to=2')).status, 202);
  target.state = { shards: [0, 1].map((shard) => ({ shard, leader: 0, error: undefined })) };
  assert.is((await post('/snapshot')).status, 202);
  assert.is((await post('/snapshot?shard=1')).status, 202);
  assert.equal(target.calls, ['transfer 3 2', 'snapshot 0', 'snapshot 1', 'snapshot 1']);
});

test('what is missing, out of range, unknown or of another method is told', async () => {
  for (const [path, pattern] of [
    ['/propose', /^key: missing/],
    ['/propose?key=k&timeout=0', /^timeout: "0" is not allowed; allowed is 1 to/],
    ['/read?key=k&consistency=eventual', /^consistency: "eventual" .*linearizable, lease, session, stale/],
    ['/transfer?shard=x&to=1', /^shard: "x" is not allowed; allowed is 0 to 4095/],
    ['/transfer?shard=1', /^to: null is not allowed/],
  ] as const) {
    const response = await post(path);
    assert.is(response.status, 400);
    assert.match(((await response.json()) as Failure).error.message, pattern);
  }
  assert.is((await post('/proposal?key=k')).status, 404);
  assert.is((await fetch(`${endpoint.url}/propose?key=k`)).status, 405);
  assert.is((await post('/status')).status, 405);
  assert.is((await fetch(`${endpoint.url}/status`, { method: 'HEAD' })).status, 200);
  assert.equal(target.calls, []);
});

test('no web page can send commands: its requests have another type, or another name in Host', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json']) {
    assert.is((await post('/propose?key=k', 'x', { 'content-type': type })).status, 415);
  }
  for (const [host, expected] of [
    ['evil.example.org', 403],
    ['127.0.0.1.example.org', 403],
    ['localhost:1', 200],
    ['[::1]:1', 200],
  ] as const) {
    const { hostname, port } = new URL(endpoint.url);
    const sent = request({ hostname, port, path: '/status', headers: { host } }).end();
    const [response] = await once(sent, 'response');
    response.resume();
    assert.is(response.statusCode, expected, host);
  }
  assert.equal(target.calls, []);
});

test('a body longer than the longest command is refused, declared or not', async () => {
  assert.is((await post('/propose?key=k', new Uint8Array(BYTES_MAX))).status, 200);
  const declared = await post('/propose?key=k', new Uint8Array(BYTES_MAX + 1));
  assert.is(declared.status, 413);
  assert.is(((await declared.json()) as Failure).error.code, 'ERR_SYNOD_PAYLOAD_TOO_LARGE');
  const socket = await dial();
  socket.write(`POST /propose?key=k HTTP/1.1\r\nhost: localhost\r\n${OCTETS}transfer-encoding: chunked\r\n\r\n`);
  socket.write(`7d0\r\n${'x'.repeat(2000)}\r\n`);
  assert.match(await firstLine(socket), /^HTTP\/1.1 413 /);
  assert.is(target.calls.length, 1);
});

test('a client that goes away ends its call', async () => {
  const started = new Promise<void>((resolve) => {
    target.answer = () => {
      resolve();
      return new Promise(() => {});
    };
  });
  const socket = await dial();
  socket.write(`POST /propose?key=k HTTP/1.1\r\nhost: localhost\r\n${OCTETS}content-length: 1\r\n\r\nx`);
  await started;
  const [signal] = target.signals as [AbortSignal];
  assert.is(signal.aborted, false);
  const aborted = once(signal, 'abort');
  socket.destroy();
  await aborted;
});

test('what is no HTTP is answered and cut off, and counted', async () => {
  const noise = await dial();
  noise.write('\x16\x03\x01 hello\r\n\r\n');
  assert.match(await firstLine(noise), /^HTTP\/1.1 400 /);
  const long = await dial();
  long.write(`GET /status HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`);
  assert.match(await firstLine(long), /^HTTP\/1.1 431 /);
  const metrics = await (await fetch(`${endpoint.url}/metrics`)).text();
  assert.match(metrics, /^synod_endpoint_malformed_requests_total 2$/m);
});

test('beyond loopback it wants tls or a loud word', async () => {
  const open = { target, listen: { host: '0.0.0.0', port: 0 }, payloadBytesMax: 1, timeoutMs: 1 };
  await ClientEndpoint.open(open).then(
    () => assert.unreachable(),
    (error: SynodError) => {
      assert.is(error.code, 'ERR_SYNOD_CONFIG');
      assert.match(error.message, /^client.listen: 0.0.0.0:0 is reached from other machines/);
    },
  );
  await (await ClientEndpoint.open({ ...open, insecure: true })).close();
});

test('an address in use is told', async () => {
  await ClientEndpoint.open({ target, listen: endpoint.address, payloadBytesMax: 1, timeoutMs: 1 }).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /cannot be taken \(EADDRINUSE\)/),
  );
});

test('close lets requests in flight finish, takes no new ones, and may come twice', async () => {
  let finish: (reply: Uint8Array) => void = () => {};
  const started = new Promise<void>((resolve) => {
    target.answer = () => {
      resolve();
      return new Promise((settle) => {
        finish = settle;
      });
    };
  });
  const { url } = endpoint;
  const answer = post('/propose?key=k');
  await started;
  const closed = endpoint.close();
  finish(Uint8Array.of(1));
  assert.is((await answer).status, 200);
  await closed;
  await endpoint.close();
  await fetch(`${url}/status`).then(
    () => assert.unreachable(),
    () => {},
  );
});

const OCTETS = 'content-type: application/octet-stream\r\n';

async function dial(): Promise<Socket> {
  const { port } = endpoint.address;
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function firstLine(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return chunk.toString().split('\r\n')[0] as string;
}

test.run();
