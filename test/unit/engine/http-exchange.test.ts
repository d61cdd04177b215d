/** Parameters with ranges, bounded bodies, and errors in one form. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { HttpError, HttpExchange } from '../../../src/engine/http-exchange.ts';

const test = suite('http-exchange');

let server: Server;
let serve: (exchange: HttpExchange) => void = () => {};

test.before(async () => {
  server = createServer((request: IncomingMessage, response: ServerResponse) =>
    serve(new HttpExchange(request, response)),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
test.after(() => {
  server.close();
});

/** What `run` gives, or throws, for a request. */
async function ask<T>(path: string, run: (exchange: HttpExchange) => T | Promise<T>, init?: RequestInit): Promise<T> {
  const { port } = server.address() as AddressInfo;
  const result = new Promise<T>((resolve, reject) => {
    serve = (exchange) => {
      Promise.resolve()
        .then(() => run(exchange))
        .then(resolve, reject)
        .finally(() => exchange.json(200, {}));
    };
  });
  const [value] = await Promise.all([
    result,
    fetch(`http://127.0.0.1:${port}${path}`, init).then((r) => r.arrayBuffer()),
  ]);
  return value;
}

test('path and parameters are told apart and decoded', async () => {
  assert.is(await ask('/a?key=x%2Fy%3F', (exchange) => `${exchange.path} ${exchange.text('key')}`), '/a x/y?');
  assert.is(await ask('/a', (exchange) => exchange.integer('n', 1, 9, 5)), 5);
  assert.is(await ask('/a?n=9', (exchange) => exchange.integer('n', 1, 9, 5)), 9);
  assert.is(await ask('/a?w=b', (exchange) => exchange.word('w', ['a', 'b'])), 'b');
  assert.is(await ask('/a', (exchange) => exchange.word('w', ['a', 'b'])), 'a');
  assert.is(await ask('/a', (exchange) => exchange.timeout(7)), 7);
});

test('numbers outside their range, signs, fractions and words are refused', async () => {
  for (const words of ['0', '10', '-1', '+1', '1.0', '1e0', '', '99999999999999999999']) {
    await ask(`/a?n=${encodeURIComponent(words)}`, (exchange) => exchange.integer('n', 1, 9, 5)).then(
      () => assert.unreachable(words),
      (error: HttpError) => assert.is(error.status, 400),
    );
  }
});

test('a body of any length up to the bound is whole', async () => {
  for (const length of [0, 1, 100_000]) {
    const body = new Uint8Array(length).fill(7);
    const read = await ask('/a', (exchange) => exchange.body(100_000), { method: 'POST', body });
    assert.is(Buffer.compare(read, body), 0);
  }
});

test('errors keep their code, and have the status that HTTP gives their kind', async () => {
  const { port } = server.address() as AddressInfo;
  for (const [error, status, code] of [
    [new SynodError('ERR_SYNOD_FULL', 'm'), 503, 'ERR_SYNOD_FULL'],
    [new SynodError('ERR_SYNOD_CONFIG', 'm'), 400, 'ERR_SYNOD_CONFIG'],
    [new HttpError(404, 'm'), 404, 'ERR_SYNOD_CONFIG'],
    [new Error('m'), 500, 'ERR_SYNOD_INVARIANT'],
    ['m', 500, 'ERR_SYNOD_INVARIANT'],
  ] as const) {
    serve = (exchange) => exchange.fail(error);
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assert.is(response.status, status);
    assert.is(response.headers.get('retry-after'), status === 503 ? '1' : null);
    const told = (await response.json()) as { error: { code: string; message: string } };
    assert.is(told.error.code, code);
    assert.is(told.error.message, 'm');
  }
});

test('a second answer is not sent', async () => {
  const { port } = server.address() as AddressInfo;
  serve = (exchange) => {
    exchange.json(200, { first: true });
    exchange.fail(new Error('second'));
  };
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).json(), { first: true });
});

test.run();
