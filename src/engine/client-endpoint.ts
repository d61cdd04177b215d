/**
 * The HTTP endpoint of a node or cluster: for the command line, probes and metrics. Bounded in connections, requests, headers,
 * bodies and time; loopback, mutual TLS, or a loud option.
 *
 *   HTTP ─▶ limits ─▶ host? ─▶ endpoint-routes ─▶ ClientTarget (a Cluster or a Node)
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { SynodError } from '../base/errors.ts';
import { type Address, formatAddress, isLoopback } from '../config.ts';
import type { ClientTarget } from './client-target.ts';
import { ROUTES, type RouteContext, routeOf } from './endpoint-routes.ts';
import { HttpError, HttpExchange } from './http-exchange.ts';
import { renderMetrics, type Sample } from './metrics.ts';

export interface ClientEndpointOptions {
  target: ClientTarget;
  listen: Address;
  payloadBytesMax: number;
  /** Default deadline of a request. */
  timeoutMs: number;
  /** Certificates, wanted beyond loopback unless `insecure`: clients are let in when `ca` signed theirs. */
  tls?: SecureContextOptions | undefined;
  insecure?: boolean | undefined;
}

const CONNECTIONS_MAX = 256;
const HEADER_BYTES_MAX = 8192;
const HEADERS_MS_MAX = 5000;
/** To send a whole request; and for an answer to be taken. */
const REQUEST_MS_MAX = 30_000;
const KEEP_ALIVE_MS = 5000;
const CHECK_MS = 1000;
/** How long `close` lets requests in flight finish, unless told otherwise. */
const CLOSE_MS = 2000;

const SERVER_OPTIONS = {
  maxHeaderSize: HEADER_BYTES_MAX,
  headersTimeout: HEADERS_MS_MAX,
  requestTimeout: REQUEST_MS_MAX,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connectionsCheckingInterval: CHECK_MS,
} as const;

export class ClientEndpoint {
  readonly #server: Server | TlsServer;
  readonly #options: ClientEndpointOptions;
  readonly #context: RouteContext;
  /** By `path status`; paths are those of the table, so there are few. */
  readonly #requests = new Map<string, number>();
  #refusedConnections = 0;
  #malformed = 0;

  /** Rejects with ERR_SYNOD_CONFIG where it may not or cannot listen. */
  static async open(options: ClientEndpointOptions): Promise<ClientEndpoint> {
    const { listen, tls, insecure } = options;
    if (tls === undefined && insecure !== true && !isLoopback(listen.host)) {
      throw new SynodError(
        'ERR_SYNOD_CONFIG',
        `client.listen: ${formatAddress(listen)} is reached from other machines: give tls, or client.insecure to let anybody in.`,
      );
    }
    const endpoint = new ClientEndpoint(options);
    await endpoint.#listen();
    return endpoint;
  }

  private constructor(options: ClientEndpointOptions) {
    this.#options = options;
    this.#server = makeServer(options.tls);
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#serve(request, response));
    this.#server.on('drop', () => {
      this.#refusedConnections += 1;
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => this.#refuse(error, socket));
    const { target, payloadBytesMax, timeoutMs } = options;
    this.#context = { target, payloadBytesMax, timeoutMs, ownMetrics: () => renderMetrics(this.#samples()) };
  }

  /** Where it listens; the port is the operating system's where 0 was asked for. */
  get address(): Address {
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://${formatAddress(this.address)}`;
  }

  /** New connections are judged by these certificates; the others go on. */
  renewTls(tls: SecureContextOptions): void {
    (this.#server as TlsServer).setSecureContext(tls);
  }

  /** Takes no more requests and lets those in flight finish for a bounded time. Idempotent. */
  async close(withinMs = CLOSE_MS): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), withinMs);
    await closed;
    clearTimeout(timer);
  }

  #listen(): Promise<void> {
    const { host, port } = this.#options.listen;
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void => {
        const message = `client.listen: ${formatAddress({ host, port })} cannot be taken (${(cause as NodeJS.ErrnoException).code}): choose another.`;
        reject(new SynodError('ERR_SYNOD_LISTEN', message, { cause }));
      };
      this.#server.once('error', fail);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', fail);
        this.#server.on('error', () => {});
        resolve();
      });
    });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    // A client that stops sending is ended by requestTimeout; one that stops reading by this.
    const { socket } = request;
    socket.setTimeout(0);
    response.once('prefinish', () => socket.setTimeout(REQUEST_MS_MAX));
    const exchange = new HttpExchange(request, response);
    const path = ROUTES.has(exchange.path) ? exchange.path : 'other';
    response.once('close', () => this.#count(`${path} ${response.headersSent ? response.statusCode : 'gone'}`));
    void this.#answer(exchange);
  }

  async #answer(exchange: HttpExchange): Promise<void> {
    try {
      this.#checkHost(exchange.request);
      await routeOf(exchange)(exchange, this.#context);
    } catch (error) {
      exchange.fail(error);
    }
  }

  /** A web page whose name was made to mean a loopback address still sends its own name. */
  #checkHost({ headers }: IncomingMessage): void {
    if (this.#options.tls !== undefined || !isLoopback(this.#options.listen.host)) return;
    const host = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
    if (!isLoopback(host)) throw new HttpError(403, 'this endpoint answers to loopback names only');
  }

  #count(key: string): void {
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
  }

  /** What is no HTTP, too long, or too slow. */
  #refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    this.#malformed += 1;
    const status = REFUSALS[error.code ?? ''] ?? '400 Bad Request';
    if ((socket as Socket).writable) socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    else socket.destroy();
  }

  #samples(): Sample[] {
    const requests = [...this.#requests].map(([key, value]) => {
      const [path, status] = key.split(' ') as [string, string];
      return { name: 'synod_endpoint_requests_total', labels: { path, status }, value };
    });
    const plain = (name: string, value: number): Sample => ({ name, labels: {}, value });
    return [
      ...requests,
      plain('synod_endpoint_refused_connections_total', this.#refusedConnections),
      plain('synod_endpoint_malformed_requests_total', this.#malformed),
      plain('process_resident_memory_bytes', process.memoryUsage.rss()),
      plain('process_cpu_seconds_total', cpuSeconds()),
    ];
  }
}

const REFUSALS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

const US_PER_SECOND = 1e6;

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / US_PER_SECOND;
}

function makeServer(tls: SecureContextOptions | undefined): Server | TlsServer {
  if (tls === undefined) return createServer(SERVER_OPTIONS);
  const mutual = { requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' } as const;
  return createTlsServer({ ...SERVER_OPTIONS, ...mutual, ...tls });
}
