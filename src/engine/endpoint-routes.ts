/**
 * What the client endpoint answers.
 *
 *   GET  /healthz    200 while the process runs
 *   GET  /readyz     200 while every shard has a leader that answers, else 503
 *   GET  /status     status() as JSON
 *   GET  /metrics    Prometheus text
 *   POST /propose?key=[&timeout=]                  body: command ─▶ reply
 *   POST /read?key=[&consistency=][&timeout=]      body: query ──▶ answer
 *   POST /transfer?shard=&to=                      leadership to a replica or node
 *   POST /snapshot[?shard=]                        of one shard or all
 */
import { SynodError } from '../base/errors.ts';
import { type ClientTarget, unreadyShards } from './client-target.ts';
import type { ReadOptions } from './engine-options.ts';
import { HttpError, type HttpExchange } from './http-exchange.ts';

export interface RouteContext {
  target: ClientTarget;
  payloadBytesMax: number;
  timeoutMs: number;
  /** Prometheus text of the endpoint itself. */
  ownMetrics(): string;
}

type Route = (exchange: HttpExchange, context: RouteContext) => Promise<void> | void;

const BINARY = 'application/octet-stream';
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';
/** The first is meant where none is named. */
const CONSISTENCIES = ['linearizable', 'lease', 'session', 'stale'];
const SHARD_MAX = 4095;
const NODE_MAX = 2 ** 20 - 1;

export const ROUTES: ReadonlyMap<string, { method: 'GET' | 'POST'; run: Route }> = new Map([
  ['/healthz', { method: 'GET', run: (exchange) => exchange.json(200, { ok: true }) }],
  ['/readyz', { method: 'GET', run: ready }],
  ['/status', { method: 'GET', run: (exchange, { target }) => exchange.json(200, target.status()) }],
  ['/metrics', { method: 'GET', run: metrics }],
  ['/propose', { method: 'POST', run: propose }],
  ['/read', { method: 'POST', run: read }],
  ['/transfer', { method: 'POST', run: transfer }],
  ['/snapshot', { method: 'POST', run: snapshot }],
]);

/** The route of a request. Throws HttpError. */
export function routeOf(exchange: HttpExchange): Route {
  const route = ROUTES.get(exchange.path);
  if (route === undefined) throw new HttpError(404, `no such path; known are ${[...ROUTES.keys()].join(', ')}`);
  const { method } = exchange.request;
  if (method !== route.method && !(method === 'HEAD' && route.method === 'GET')) {
    throw new HttpError(405, `${exchange.path} wants ${route.method}`);
  }
  // Without this type a web page could send commands to a loopback address unasked: with it, a browser asks first and gets no leave.
  if (route.method === 'POST' && exchange.request.headers['content-type'] !== BINARY) {
    throw new HttpError(415, `${exchange.path} wants content-type: ${BINARY}`);
  }
  return route.run;
}

function ready(exchange: HttpExchange, { target }: RouteContext): void {
  const withoutLeader = unreadyShards(target.status());
  exchange.json(withoutLeader.length === 0 ? 200 : 503, { ready: withoutLeader.length === 0, withoutLeader });
}

function metrics(exchange: HttpExchange, { target, ownMetrics }: RouteContext): void {
  exchange.answer(200, PROMETHEUS, target.metrics() + ownMetrics());
}

async function propose(exchange: HttpExchange, context: RouteContext): Promise<void> {
  const key = exchange.text('key');
  const timeout = exchange.timeout(context.timeoutMs);
  const command = await exchange.body(context.payloadBytesMax);
  exchange.answer(200, BINARY, await context.target.propose(key, command, { timeout, signal: exchange.signal }));
}

async function read(exchange: HttpExchange, context: RouteContext): Promise<void> {
  const key = exchange.text('key');
  const timeout = exchange.timeout(context.timeoutMs);
  const consistency = exchange.word('consistency', CONSISTENCIES);
  const query = await exchange.body(context.payloadBytesMax);
  const options = { consistency, timeout, signal: exchange.signal } as ReadOptions;
  exchange.answer(200, BINARY, await context.target.read(key, query, options).catch(withoutDoubt));
}

/** A query changes nothing: there is no outcome to be in doubt about. */
function withoutDoubt(error: unknown): never {
  if (!(error instanceof SynodError) || error.code !== 'ERR_SYNOD_OUTCOME_UNKNOWN') throw error;
  throw new SynodError('ERR_SYNOD_TIMEOUT', 'No answer in time: has the shard a leader?', { cause: error });
}

function transfer(exchange: HttpExchange, { target }: RouteContext): void {
  const shard = exchange.integer('shard', 0, SHARD_MAX);
  const to = exchange.integer('to', 0, NODE_MAX);
  target.transferLeadership(shard, to);
  exchange.json(202, { shard, to });
}

function snapshot(exchange: HttpExchange, { target }: RouteContext): void {
  const all = target.status().shards.map(({ shard }) => shard);
  const shards = exchange.parameters.has('shard') ? [exchange.integer('shard', 0, SHARD_MAX)] : all;
  for (const shard of shards) target.snapshot(shard);
  exchange.json(202, { shards });
}
