/** The table of paths: methods, and what a request of the wrong kind gets. What they do is told in client-endpoint.test.ts. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROUTES, routeOf } from '../../../src/engine/endpoint-routes.ts';
import type { HttpError, HttpExchange } from '../../../src/engine/http-exchange.ts';

const test = suite('endpoint-routes');

/** As much of an exchange as choosing a route looks at. */
function exchange(method: string, path: string, type?: string): HttpExchange {
  return { path, request: { method, headers: { 'content-type': type } } } as unknown as HttpExchange;
}

function statusOf(method: string, path: string, type?: string): number {
  try {
    routeOf(exchange(method, path, type));
    return 200;
  } catch (error) {
    return (error as HttpError).status;
  }
}

test('whatever changes something is a POST of the type that no web page sends', () => {
  for (const [path, { method }] of ROUTES) {
    assert.is(method, ['/propose', '/read', '/transfer', '/snapshot'].includes(path) ? 'POST' : 'GET', path);
    assert.is(statusOf(method, path, 'application/octet-stream'), 200);
    assert.is(statusOf(method, path, 'text/plain'), method === 'POST' ? 415 : 200);
    assert.is(statusOf('DELETE', path, 'application/octet-stream'), 405);
  }
  assert.is(statusOf('GET', '/'), 404);
  assert.is(statusOf('GET', '/constructor'), 404);
});

test.run();
