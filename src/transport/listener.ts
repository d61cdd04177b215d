/**
 * Accepts connections and bounds what strangers can cost: a connection that has not finished its handshake holds a socket and a
 * few hundred bytes, there are at most PENDING_MAX of them (PENDING_PER_ADDRESS_MAX from one address), and each has its time.
 *
 *   socket ─ plain text from elsewhere? too many pending? ─▶ TLS ─▶ onLine ─▶ handshake ─▶ released when it ended
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { SynodError } from '../base/errors.ts';
import { HANDSHAKE_MS_MAX, PENDING_MAX, PENDING_PER_ADDRESS_MAX } from '../limits.ts';
import { lineOf } from './dialer.ts';
import { describeError, isLoopback, type Line } from './line.ts';
import type { Reason } from './reason.ts';
import type { TlsMaterial } from './tls-material.ts';

export interface ListenerEvents {
  /** A connection, encrypted where it has to be; `release` once its handshake is over. */
  onLine(line: Line, release: () => void): void;
  onRefused(reason: Reason, detail: string, address: string): void;
}

export class Listener {
  readonly #material: TlsMaterial | undefined;
  readonly #isInsecure: boolean;
  readonly #events: ListenerEvents;
  readonly #server: Server;
  readonly #tls: TlsServer | undefined;
  /** Of connections in their TLS handshake, by the peer's address and port. */
  readonly #releases = new Map<string, () => void>();
  readonly #sockets = new Set<Socket>();
  /** Unfinished handshakes by address. */
  readonly #pending = new Map<string, number>();
  #pendingCount = 0;

  constructor(material: TlsMaterial | undefined, isInsecure: boolean, events: ListenerEvents) {
    this.#material = material;
    this.#isInsecure = isInsecure;
    this.#events = events;
    this.#server = createServer({ noDelay: true }, (socket) => this.#onConnection(socket));
    this.#tls = material === undefined ? undefined : this.#makeTls(material);
  }

  /** Rejects with ERR_SYNOD_LISTEN when the address cannot be listened on. */
  listen(host: string, port: number): Promise<{ host: string; port: number }> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', (cause) => {
        const message = `Node cannot listen on ${host}:${port}: ${describeError(cause)}. Choose another address (listen), or stop who holds it.`;
        reject(new SynodError('ERR_SYNOD_LISTEN', message, { cause }));
      });
      server.listen({ host, port }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => this.#events.onRefused('closed', describeError(error), ''));
        const address = server.address() as AddressInfo;
        resolve({ host: address.address, port: address.port });
      });
    });
  }

  /** Uses the certificates that the material holds now, for connections from now on. */
  renew(): void {
    if (this.#material !== undefined) this.#tls?.setSecureContext(this.#material.options);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const release = this.#admit(socket, address);
    if (release === undefined) return;
    if (this.#tls !== undefined) {
      this.#releases.set(nameOf(socket), release);
      this.#tls.emit('connection', socket);
    } else if (!this.#isInsecure && !isLoopback(address)) {
      this.#turnAway(socket, 'plainText', 'give the nodes certificates (tls), or set insecure', address);
    } else {
      this.#events.onLine(lineOf(socket, undefined, address), release);
    }
  }

  /** Never listens itself: connections are counted before they cost a handshake. */
  #makeTls(material: TlsMaterial): TlsServer {
    const server = createTlsServer({
      ...material.options,
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: HANDSHAKE_MS_MAX,
    });
    server.on('secureConnection', (socket) => {
      socket.on('error', ignore);
      const release = this.#releases.get(nameOf(socket)) ?? ((): void => {});
      this.#events.onLine(lineOf(socket, material, socket.remoteAddress ?? ''), release);
    });
    server.on('tlsClientError', (error, socket) => {
      // A certificate that is not accepted ends the socket without an error of its own.
      const { authorizationError } = socket;
      const isUnproven = authorizationError !== undefined && authorizationError !== null;
      const reason = isUnproven ? 'certificate' : reasonOfClientError(error);
      const detail = isUnproven ? String(authorizationError) : describeError(error);
      // Who connects and leaves is nobody's news.
      if (reason !== 'closed') this.#events.onRefused(reason, detail, socket.remoteAddress ?? '');
      socket.destroy();
    });
    return server;
  }

  /** Counts a connection; undefined when there are too many without a finished handshake. */
  #admit(socket: Socket, address: string): (() => void) | undefined {
    this.#sockets.add(socket);
    socket.on('error', ignore);
    const count = this.#pending.get(address) ?? 0;
    if (count >= PENDING_PER_ADDRESS_MAX || this.#pendingCount >= PENDING_MAX) {
      socket.once('close', () => this.#sockets.delete(socket));
      this.#turnAway(socket, 'tooMany', `${this.#pendingCount} wait, ${count} of them from ${address}`, address);
      return undefined;
    }
    this.#pending.set(address, count + 1);
    this.#pendingCount += 1;
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#pendingCount -= 1;
      const left = (this.#pending.get(address) ?? 1) - 1;
      if (left === 0) this.#pending.delete(address);
      else this.#pending.set(address, left);
    };
    const name = nameOf(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#releases.delete(name);
      release();
    });
    return release;
  }

  #turnAway(socket: Socket, reason: Reason, detail: string, address: string): void {
    socket.destroy();
    this.#events.onRefused(reason, detail, address);
  }
}

function nameOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

function reasonOfClientError(error: unknown): Reason {
  const { code } = error as { code?: string };
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'slow';
  return code === 'ECONNRESET' ? 'closed' : 'certificate';
}

function ignore(): void {}
