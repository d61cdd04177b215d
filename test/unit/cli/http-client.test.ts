/** The client side of the endpoint: what came of a request is told honestly. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { HttpClient } from '../../../src/cli/http-client.ts';
import { ClientEndpoint } from '../../../src/engine/client-endpoint.ts';
import { TestCertificates } from '../../support/certificates.ts';
import { FakeTarget } from '../engine/fake-target.ts';

const test = suite('cli/http-client');

let target: FakeTarget;
let endpoint: ClientEndpoint;
test.before.each(async () => {
  target = new FakeTarget();
  const listen = { host: '127.0.0.1', port: 0 };
  endpoint = await ClientEndpoint.open({ target, listen, payloadBytesMax: 100, timeoutMs: 1000 });
});
test.after.each(() => endpoint.close());

const clientOf = (...urls: string[]): HttpClient =>
  new HttpClient({ urls: urls.map((url) => new URL(url)), timeoutMs: 100, tls: {} });

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    assert.instance(error, SynodError);
    return (error as SynodError).code;
  }
  throw new Error('the call succeeded');
}

const BYTES = Uint8Array.of(1, 2, 3);

test('bytes go and come as they are', async () => {
  const client = clientOf(endpoint.url);
  assert.equal(new Uint8Array(await client.post('/propose', { key: 'a/b c', timeout: 5 }, BYTES)), BYTES);
  assert.equal(new Uint8Array(await client.query('/read', { key: 'k', timeout: undefined }, BYTES)), BYTES);
  assert.equal(target.calls, ['propose a/b c 3 5', 'read k 3 1000 linearizable']);
  assert.equal(JSON.parse(Buffer.from(await client.get('/healthz')).toString()), { ok: true });
});

test('an error of the node is the same error here', async () => {
  target.answer = () => Promise.reject(new SynodError('ERR_SYNOD_SESSION_EXPIRED', 'Over.'));
  await clientOf(endpoint.url)
    .post('/propose', { key: 'k' }, BYTES)
    .then(
      () => assert.unreachable(),
      (error: SynodError) => assert.is(`${error.code} ${error.message}`, 'ERR_SYNOD_SESSION_EXPIRED Over.'),
    );
});

test('where nobody listens nothing was done, and the next address is asked', async () => {
  const nobody = createServer();
  nobody.listen(0, '127.0.0.1');
  await once(nobody, 'listening');
  const { port } = nobody.address() as { port: number };
  nobody.close();
  await once(nobody, 'close');
  const dead = `http://127.0.0.1:${port}`;
  assert.is(await codeOf(clientOf(dead).post('/propose', { key: 'k' }, BYTES)), 'ERR_SYNOD_UNREACHABLE');
  assert.is((await clientOf(dead, endpoint.url).post('/propose', { key: 'k' }, BYTES)).length, 3);
});

test('a node without a leader passes the question on to the next', async () => {
  let asked = 0;
  target.answer = async (bytes) => {
    asked += 1;
    if (asked === 1) throw new SynodError('ERR_SYNOD_NO_LEADER', 'None.');
    return bytes;
  };
  assert.is((await clientOf(endpoint.url, endpoint.url).post('/propose', { key: 'k' }, BYTES)).length, 3);
});

/** A server that takes connections and gives `answer`, or nothing. */
async function withServer(answer: string | undefined, run: (url: string) => Promise<void>): Promise<void> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      if (answer !== undefined) socket.end(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await run(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
  } finally {
    server.close();
  }
}

test('a sent command without an answer has an unknown outcome, and is not sent elsewhere; a query may be asked again', async () => {
  for (const answer of ['', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx']) {
    await withServer(answer, async (url) => {
      const client = clientOf(url, endpoint.url);
      assert.is(await codeOf(client.post('/propose', { key: 'k' }, BYTES)), 'ERR_SYNOD_OUTCOME_UNKNOWN');
      assert.is((await client.query('/read', { key: 'k' }, BYTES)).length, 3);
    });
  }
  assert.equal(target.calls, ['read k 3 1000 linearizable', 'read k 3 1000 linearizable']);
});

test('an answer that TLS cannot read is no answer: the command may have been done', async () => {
  const certificates = await TestCertificates.make();
  const { ca, certificate, key } = await certificates.node(1);
  const raws: Socket[] = [];
  const server = createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => raws[0]?.write('no record of TLS'));
  });
  server.on('connection', (raw: Socket) => raws.push(raw));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const urls = [new URL(`https://127.0.0.1:${port}`), new URL(endpoint.url)];
  const client = new HttpClient({ urls, timeoutMs: 1000, tls: { ca } });
  assert.is(await codeOf(client.post('/propose', { key: 'k' }, BYTES)), 'ERR_SYNOD_OUTCOME_UNKNOWN');
  assert.equal([target.calls, raws.length], [[], 1]);
  raws[0]?.destroy();
  server.close();
  certificates.remove();
});

test('what answers but is no endpoint of a node is told', async () => {
  await withServer('HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnope', async (url) => {
    assert.is(await codeOf(clientOf(url).get('/status')), 'ERR_SYNOD_CONFIG');
  });
});

test('a certificate that cannot be read is told before anything is sent', async () => {
  const client = new HttpClient({
    urls: [new URL('https://127.0.0.1:1')],
    timeoutMs: 100,
    tls: { ca: '/nowhere/ca.pem' },
  });
  assert.is(await codeOf(client.get('/status')), 'ERR_SYNOD_CONFIG');
});

test.run();
