/**
 * One peer as the transport worker sees it: the connection that stands, if one does, and the rings on both sides of it.
 *
 *   down ── establish(two lines, one link number) ──▶ up ── either lane ends ──▶ down
 *             rings of the time before are discarded       in flight: lost; the other lane is closed; upgrades too
 *
 *   up:  sockets [bulk, control] ── always open, carry handshake, pings, notes
 *        fast    [bulk, control] ── optional pair of an upgrader: carries the frames while it lasts
 */
import { assert } from '../base/assert.ts';
import type { Bulk } from '../memory/bulk.ts';
import {
  type Channel,
  type ChannelEvents,
  type ChannelPair,
  type ChannelUpgrader,
  LANE_BULK,
  LANE_CONTROL,
  LANES,
  type UpgradeSession,
} from './channel.ts';
import { FrameRouter, type RouterWorker, UNSOUND } from './frame-router.ts';
import { LanePump } from './lane-pump.ts';
import type { Line } from './line.ts';
import type { LinkStatusWriter } from './link-status.ts';
import type { Reason } from './reason.ts';
import { SocketChannel } from './socket-channel.ts';

/** A group worker's rings towards and from this peer. */
export interface LinkWorker extends RouterWorker {
  outboundBulk: SharedArrayBuffer;
  outboundControl: SharedArrayBuffer;
}

export interface PeerLinkPorts {
  memberIndex: number;
  shards: number;
  workers: readonly LinkWorker[];
  bulk: Bulk;
  status: LinkStatusWriter;
  upgraders: readonly ChannelUpgrader[];
  now(): number;
  nextLinkNumber(): number;
  /** The link has room, or something to do, outside of a turn. */
  wake(): void;
  onUp(kind: 'tcp' | 'tls'): void;
  /** Came to its end; `isViolation`: we cut it off for what the peer sent. */
  onDown(reason: Reason, detail: string, isViolation: boolean, address: string): void;
}

/** Both lines of a connection, agreed upon by handshake. */
export interface Established {
  lines: readonly [bulk: Line, control: Line];
  linkNumber: number;
  isDialer: boolean;
}

interface Connection {
  sockets: readonly [SocketChannel, SocketChannel];
  linkNumber: number;
  isDialer: boolean;
  kind: 'tcp' | 'tls';
  address: string;
  isAuthenticated: boolean;
}

interface Upgrade {
  session: UpgradeSession;
  kindCode: number;
}

export class PeerLink {
  readonly #ports: PeerLinkPorts;
  readonly #pumps: readonly [LanePump, LanePump];
  readonly #router: FrameRouter;
  #connection: Connection | undefined = undefined;
  #fast: ChannelPair | undefined = undefined;
  #upgrades: Upgrade[] = [];
  /** Channels whose receiver had no room. */
  readonly #stalled = new Set<Channel>();

  constructor(ports: PeerLinkPorts) {
    this.#ports = ports;
    const { workers, status } = ports;
    this.#pumps = [
      new LanePump(
        workers.map((worker) => worker.outboundBulk),
        status,
      ),
      new LanePump(
        workers.map((worker) => worker.outboundControl),
        status,
      ),
    ];
    this.#router = new FrameRouter(workers, {
      peer: ports.memberIndex,
      shards: ports.shards,
      bulk: ports.bulk,
      now: ports.now,
      addIn: (frames, bytes) => status.addIn(frames, bytes),
      addDropsIn: (frames) => status.addDropsIn(frames),
    });
  }

  get isUp(): boolean {
    return this.#connection !== undefined;
  }

  get linkNumber(): number {
    return this.#connection?.linkNumber ?? 0;
  }

  get isStalled(): boolean {
    return this.#stalled.size > 0;
  }

  /** Takes a connection; one that stood before gives way. */
  establish(established: Established): void {
    this.disconnect('replaced', 'by a new connection');
    const { lines, linkNumber, isDialer } = established;
    const [line] = lines;
    this.#discard();
    const connection: Connection = {
      sockets: [this.#open(lines, LANE_BULK, linkNumber), this.#open(lines, LANE_CONTROL, linkNumber)],
      linkNumber,
      isDialer,
      kind: line.kind,
      address: line.address,
      isAuthenticated: line.kind === 'tls',
    };
    this.#connection = connection;
    this.#ports.status.setUp(line.kind, linkNumber);
    this.#ports.onUp(line.kind);
    this.#beginUpgrades(connection);
    this.#ports.wake();
  }

  /** Ends the connection, if one stands. */
  disconnect(reason: Reason, detail: string): void {
    this.#connection?.sockets[LANE_CONTROL].close(reason, detail);
  }

  /** Sends what waits; returns the work done. */
  turn(): number {
    const connection = this.#connection;
    if (connection === undefined) {
      this.#discard();
      return 0;
    }
    let work = 0;
    for (const { session } of this.#upgrades) work += session.poll();
    for (let lane = LANE_CONTROL; lane >= LANE_BULK && this.#connection === connection; lane--) {
      work += this.#pump(lane).pump((this.#fast ?? connection.sockets)[lane] as Channel);
    }
    return work;
  }

  /** Offers what waits for room in the inbound rings once more. */
  retryStalled(): void {
    for (const channel of [...this.#stalled]) {
      this.#stalled.delete(channel);
      channel.resume();
    }
  }

  /** Pings both lanes. */
  ping(): void {
    if (this.#connection !== undefined) for (const socket of this.#connection.sockets) socket.ping();
  }

  /** It was this thread that did not listen: silence is counted from now on. */
  forgive(): void {
    for (const socket of this.#connection?.sockets ?? []) socket.forgive();
  }

  /** Ends a connection on which nothing is heard any more; lets upgrades keep their deadlines. */
  check(nowMs: number, silentMsMax: number): void {
    for (const socket of this.#connection?.sockets ?? []) {
      const silentMs = socket.silentMs(nowMs);
      if (silentMs > silentMsMax) this.disconnect('silent', `for ${Math.round(silentMs)} ms`);
    }
    for (const { session } of this.#upgrades) session.onTick(nowMs);
  }

  /** A turn would find work: frames that the link could carry now, or must drop. */
  isDue(): boolean {
    const channels = this.#fast ?? this.#connection?.sockets;
    if (channels === undefined) return this.#pumps.some((pump) => pump.hasWaiting());
    return this.#pumps.some((pump, lane) => pump.isDue(channels[lane] as Channel));
  }

  #pump(lane: number): LanePump {
    return this.#pumps[lane] as LanePump;
  }

  #open(lines: readonly Line[], lane: number, linkNumber: number): SocketChannel {
    const line = lines[lane] as Line;
    const channel: { it: SocketChannel | undefined } = { it: undefined };
    const events = this.#eventsOf(lane, () => channel.it as SocketChannel);
    channel.it = new SocketChannel({
      stream: line.stream,
      kind: line.kind,
      linkNumber,
      lane,
      bulk: this.#ports.bulk,
      now: this.#ports.now,
      events: {
        ...events,
        onNote: (bytes) => this.#onNote(bytes),
        onRoundTrip: (microseconds) => this.#ports.status.setRoundTrip(lane === LANE_CONTROL, microseconds),
        onRoom: () => this.#ports.wake(),
        onClosed: (reason, detail) => this.#onSocketClosed(channel.it as SocketChannel, reason, detail),
      },
    });
    return channel.it;
  }

  /** Events of any channel of this link. */
  #eventsOf(lane: number, channelOf: () => Channel): ChannelEvents {
    return {
      onRecords: (words, bytes, offset, size) => {
        const taken = this.#router.route(lane, words, bytes, offset, size);
        if (taken === UNSOUND) {
          this.disconnect('malformed', 'a frame that no honest member sends');
          return size;
        }
        if (taken < size) {
          this.#stalled.add(channelOf());
          this.#ports.wake();
        }
        return taken;
      },
      onReleased: (size) => {
        this.#pump(lane).release(channelOf(), size);
        // A lane may have waited for this to change its channel.
        if (this.isDue()) this.#ports.wake();
      },
      onClosed: () => {},
    };
  }

  #onSocketClosed(socket: SocketChannel, reason: Reason, detail: string): void {
    const connection = this.#connection;
    if (connection === undefined || !connection.sockets.includes(socket)) return;
    this.#connection = undefined;
    this.#ports.status.setDown();
    this.#ports.status.setReason(reason);
    this.#endUpgrades();
    for (const [lane, other] of connection.sockets.entries()) {
      other.close(reason, detail);
      this.#pump(lane).lose(other);
    }
    this.#stalled.clear();
    this.#discard();
    const isViolation = !detail.startsWith('said by') && isHostileBurst(reason);
    this.#ports.onDown(reason, detail, isViolation, connection.address);
  }

  #discard(): void {
    for (const pump of this.#pumps) {
      const frames = pump.discard();
      if (frames > 0) this.#ports.status.addDropsOut(frames);
    }
  }

  #beginUpgrades(connection: Connection): void {
    const { upgraders, memberIndex } = this.#ports;
    upgraders.forEach((upgrader, kindCode) => {
      const session = upgrader.begin({
        memberIndex,
        linkNumber: connection.linkNumber,
        isDialer: connection.isDialer,
        isAuthenticated: connection.isAuthenticated,
        remoteAddress: connection.address,
        nextLinkNumber: () => this.#ports.nextLinkNumber(),
        sendNote: (bytes) => this.#sendNote(connection, kindCode, bytes),
        eventsOf: (lane, channelOf) => this.#fastEvents(connection, lane, channelOf),
        adopt: (pair) => this.#adopt(connection, pair),
        wake: () => this.#ports.wake(),
      });
      if (session !== undefined) this.#upgrades.push({ session, kindCode });
    });
  }

  /** The first byte of a note says which upgrader it is for. */
  #sendNote(connection: Connection, kindCode: number, bytes: Uint8Array): void {
    if (connection !== this.#connection) return;
    const note = new Uint8Array(bytes.length + 1);
    note[0] = kindCode;
    note.set(bytes, 1);
    connection.sockets[LANE_CONTROL].sendNote(note);
  }

  #onNote(bytes: Uint8Array): void {
    const upgrade = this.#upgrades.find(({ kindCode }) => kindCode === bytes[0]);
    upgrade?.session.onNote(bytes.subarray(1));
  }

  #fastEvents(connection: Connection, lane: number, channelOf: () => Channel): ChannelEvents {
    const events = this.#eventsOf(lane, channelOf);
    return {
      onRecords: (words, bytes, offset, size) =>
        this.#connection === connection ? events.onRecords(words, bytes, offset, size) : size,
      onReleased: events.onReleased,
      onClosed: (reason, detail) => {
        this.#stalled.delete(channelOf());
        if (this.#fast?.includes(channelOf()) === true) this.#downgrade(connection, reason, detail);
      },
    };
  }

  #adopt(connection: Connection, pair: ChannelPair): void {
    if (connection !== this.#connection) return;
    assert(pair.length === LANES, 'an upgrade replaces both lanes');
    this.#fast = pair;
    this.#ports.status.setKind(pair[LANE_BULK].kind, pair[LANE_BULK].provider);
    this.#ports.wake();
  }

  /** The sockets carry the frames again. */
  #downgrade(connection: Connection, reason: Reason, detail: string): void {
    const fast = this.#fast;
    if (fast === undefined || connection !== this.#connection) return;
    this.#dropFast();
    this.#ports.status.setKind(connection.kind);
    for (const { session } of this.#upgrades) session.onDowngraded(reason, detail);
    this.#ports.wake();
  }

  #dropFast(): void {
    const fast = this.#fast;
    this.#fast = undefined;
    for (const [lane, channel] of (fast ?? []).entries()) {
      channel.close('closed', 'the sockets carry the frames again');
      this.#stalled.delete(channel);
      this.#pump(lane).lose(channel);
    }
  }

  #endUpgrades(): void {
    this.#dropFast();
    for (const { session } of this.#upgrades) session.close();
    this.#upgrades = [];
  }
}

/** Reasons for which we end a connection because of what came over it. */
function isHostileBurst(reason: Reason): boolean {
  return ['notSynod', 'malformed', 'tooLong', 'checksum', 'wrongLink', 'wrongSequence', 'wireVersion'].includes(reason);
}
