/**
 * A TCP proxy that misbehaves on demand: put between a node that dials and one that accepts. What it does to packets it can only
 * imitate on streams: loss is a late or reset stream, never a missing byte.
 *
 *   dialler ══▶ proxy ══▶ acceptor        forward
 *           ◀══       ◀══                 back          each way: delay, jitter, bandwidth, loss, a block
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Prng } from '../../src/base/prng.ts';

/** What is done to one way of every connection. Changes apply to bytes that arrive from then on. */
export interface Faults {
  delayMs: number;
  /** Up to so much more, per chunk; order is kept. */
  jitterMs: number;
  /** 0 = no limit. */
  bytesPerSecond: number;
  /** Chance of a chunk to be late by a retransmission. */
  loss: number;
  /** Nothing gets through; what arrives waits, as behind a black hole that later heals. */
  isBlocked: boolean;
}

const HEALTHY: Readonly<Faults> = { delayMs: 0, jitterMs: 0, bytesPerSecond: 0, loss: 0, isBlocked: false };
/** What a lost packet costs on a fresh TCP connection. */
const RETRANSMIT_MS = 200;
/** Bytes under way in one direction of one connection; then the sender feels it. */
const UNDER_WAY_MAX = 1 << 20;

/** One way of one connection. */
class Way {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #faults: Faults;
  readonly #prng: Prng;
  readonly #queue: { chunk: Buffer; dueMs: number }[] = [];
  #queued = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined = undefined;
  #hasEnded = false;

  constructor(from: Socket, to: Socket, faults: Faults, prng: Prng) {
    this.#from = from;
    this.#to = to;
    this.#faults = faults;
    this.#prng = prng;
    from.on('data', (chunk: Buffer) => this.#onChunk(chunk));
    from.on('end', () => {
      this.#hasEnded = true;
      this.pump();
    });
    from.on('close', () => clearTimeout(this.#timer));
    to.on('drain', () => this.pump());
  }

  #onChunk(chunk: Buffer): void {
    const { delayMs, jitterMs, bytesPerSecond, loss } = this.#faults;
    const late = this.#prng.chance(loss) ? RETRANSMIT_MS : 0;
    const arrival = performance.now() + delayMs + jitterMs * this.#prng.float() + late;
    const transfer = bytesPerSecond > 0 ? (chunk.length / bytesPerSecond) * 1000 : 0;
    this.#lastDueMs = Math.max(arrival, this.#lastDueMs) + transfer;
    this.#queue.push({ chunk, dueMs: this.#lastDueMs });
    this.#queued += chunk.length;
    if (this.#queued > UNDER_WAY_MAX) this.#from.pause();
    this.pump();
  }

  /** Forwards what is due. */
  pump(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (this.#faults.isBlocked || this.#to.destroyed || this.#to.writableNeedDrain) return;
      if (next.dueMs > now) {
        this.#timer = setTimeout(() => this.pump(), next.dueMs - now);
        return;
      }
      this.#queue.shift();
      this.#queued -= next.chunk.length;
      this.#to.write(next.chunk);
    }
    if (this.#from.isPaused() && this.#queued <= UNDER_WAY_MAX / 2) this.#from.resume();
    if (this.#hasEnded && !this.#faults.isBlocked) this.#to.end();
  }
}

export class FaultProxy {
  readonly forward: Faults = { ...HEALTHY };
  readonly back: Faults = { ...HEALTHY };
  /** New connections are reset at once. */
  isRefusing = false;
  readonly #server: Server;
  readonly #prng: Prng;
  readonly #ways = new Set<Way>();
  readonly #sockets = new Set<Socket>();
  #targetPort: number;
  connections = 0;

  private constructor(targetPort: number, seed: number) {
    this.#targetPort = targetPort;
    this.#prng = new Prng(seed);
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#onConnection(socket));
  }

  static async open(targetPort: number, seed = 1): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, seed);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The acceptor was started anew elsewhere. */
  retarget(port: number): void {
    this.#targetPort = port;
  }

  /** Sets faults of both ways; what is not named stays. */
  set(faults: Partial<Faults>): void {
    Object.assign(this.forward, faults);
    Object.assign(this.back, faults);
    this.changed();
  }

  /** After a change of `forward` or `back` by hand: what may move now, moves. */
  changed(): void {
    for (const way of this.#ways) way.pump();
  }

  /** No byte either way; connections stay open, as across a dead switch. */
  block(): void {
    this.set({ isBlocked: true });
  }

  /** No fault any more. */
  heal(): void {
    this.isRefusing = false;
    this.set(HEALTHY);
  }

  /** Resets every connection. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #onConnection(near: Socket): void {
    this.connections += 1;
    if (this.isRefusing) {
      near.on('error', () => {});
      near.resetAndDestroy();
      return;
    }
    const far = connect({ host: '127.0.0.1', port: this.#targetPort, noDelay: true, allowHalfOpen: true });
    const ways = [
      new Way(near, far, this.forward, this.#prng.fork(`forward ${this.connections}`)),
      new Way(far, near, this.back, this.#prng.fork(`back ${this.connections}`)),
    ];
    for (const way of ways) this.#ways.add(way);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => other.resetAndDestroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        for (const way of ways) this.#ways.delete(way);
        // Whoever closes in an orderly way has its last bytes delivered by the other's `end`.
        if (!one.readableEnded) other.destroy();
      });
    }
  }
}

/**
 * A proxy for every pair of nodes. Of a pair the node with the lower number dials, so `forward` leads from the lower to the higher.
 */
export class FaultMesh {
  readonly #proxies = new Map<string, FaultProxy>();

  /** Ports by node, 0 first. */
  static async open(ports: readonly number[], seed = 1): Promise<FaultMesh> {
    const mesh = new FaultMesh();
    for (let low = 0; low < ports.length; low++) {
      for (let high = low + 1; high < ports.length; high++) {
        mesh.#proxies.set(`${low} ${high}`, await FaultProxy.open(ports[high] as number, seed + low * 100 + high));
      }
    }
    return mesh;
  }

  between(one: number, other: number): FaultProxy {
    return this.#proxies.get(`${Math.min(one, other)} ${Math.max(one, other)}`) as FaultProxy;
  }

  /** The port by which `from` reaches `to`, when it is `from` that dials. */
  port(from: number, to: number): number {
    return this.between(from, to).port;
  }

  /** Nothing from `from` reaches `to`; the other way is as it was. */
  blockOneWay(from: number, to: number): void {
    const proxy = this.between(from, to);
    (from < to ? proxy.forward : proxy.back).isBlocked = true;
    proxy.changed();
  }

  /** Only nodes of one part reach each other. */
  partition(parts: readonly (readonly number[])[]): void {
    for (const [pair, proxy] of this.#proxies) {
      const [one, other] = pair.split(' ').map(Number) as [number, number];
      const isTogether = parts.some((part) => part.includes(one) && part.includes(other));
      proxy.set({ isBlocked: !isTogether });
    }
  }

  /** Cuts one node off. */
  isolate(node: number, count: number): void {
    const others = Array.from({ length: count }, (_, other) => other).filter((other) => other !== node);
    this.partition([[node], others]);
  }

  set(faults: Partial<Faults>): void {
    for (const proxy of this.#proxies.values()) proxy.set(faults);
  }

  heal(): void {
    for (const proxy of this.#proxies.values()) proxy.heal();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
  }
}
