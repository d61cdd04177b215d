/**
 * All links of one node: dials the members of higher node id, accepts those of lower, and keeps what is known of each.
 *
 *   housekeeping (every HOUSEKEEPING_MS): dial what is due │ end what is late │ ping, and end what is silent
 *   accept(line) ─▶ handshake ─▶ pair of lanes ─┐
 *   dial attempt ─▶ handshakes ─▶ pair of lanes ─┴▶ PeerLink.establish ─▶ frames
 *
 * One side dials, so no two connections of a pair can race; what is lost is an acceptor's own attempt, at most RECONNECT_MS_MAX.
 */
import { assert } from '../base/assert.ts';
import { Prng } from '../base/prng.ts';
import { HANDSHAKE_MS_MAX, PING_MS, SILENT_MS_MAX } from '../limits.ts';
import type { Bulk } from '../memory/bulk.ts';
import { BackOff } from './back-off.ts';
import type { ChannelUpgrader } from './channel.ts';
import { DialAttempt } from './dial-attempt.ts';
import type { Dial } from './dialer.ts';
import { Handshake, type HandshakeFailure } from './handshake.ts';
import { type Expected, type Hello, type Identity, replaces } from './hello.ts';
import { LanePair } from './lane-pair.ts';
import type { Line } from './line.ts';
import { LinkStatusWriter, STRANGERS_LINE } from './link-status.ts';
import { type LinkWorker, PeerLink } from './peer-link.ts';
import { REASONS, type Reason } from './reason.ts';
import { type Refusal, Refusals } from './refusals.ts';

/** This thread had no turn for so long: what it did not hear meanwhile says nothing about the peers. */
const HELD_UP_MS = 500;

export interface PeerMember extends Expected {
  memberIndex: number;
  host: string;
  port: number;
  /** Rings of the group workers towards and from it. */
  workers: readonly LinkWorker[];
}

/** What the rest of the node is told. */
export interface LinkReports {
  onLink(memberIndex: number, isUp: boolean, kind: 'tcp' | 'tls', reason: Reason | ''): void;
  onRefusal(refusal: Refusal, message: string): void;
  /** A higher boot counter, or the incarnation of a member whose incarnation was not known. */
  onSeen(memberIndex: number, incarnation: number, bootCounter: number): void;
}

export interface LinkManagerPorts {
  self: Identity;
  peers: readonly PeerMember[];
  linkStatus: SharedArrayBuffer;
  bulk: Bulk;
  dial: Dial;
  upgraders: readonly ChannelUpgrader[];
  seed: number;
  /** Counts the lives of the transport worker within one start of the node. */
  life: number;
  reports: LinkReports;
  now(): number;
  /** There is something to do outside of a turn. */
  wake(): void;
}

interface Peer {
  member: PeerMember;
  link: PeerLink;
  status: LinkStatusWriter;
  backOff: BackOff;
  /** Halves of a connection that the peer makes. */
  accepting: LanePair;
  attempt: { it: DialAttempt; startedMs: number } | undefined;
  pingMs: number;
}

export class LinkManager {
  readonly #ports: LinkManagerPorts;
  readonly #peers: Peer[] = [];
  readonly #refusals: Refusals;
  /** Handshakes of connections that others made. */
  readonly #handshakes = new Map<Handshake, { startedMs: number; release: () => void }>();
  readonly #prng: Prng;
  #housekeptMs = 0;
  #linkNumber: number;
  #isClosed = false;

  constructor(ports: LinkManagerPorts) {
    this.#ports = ports;
    // Of this life alone: numbers of an earlier one do not come again soon, though the seed is the same (S24).
    this.#prng = new Prng(ports.seed).fork(`boot ${ports.self.bootCounter} life ${ports.life}`);
    this.#linkNumber = this.#prng.next32();
    for (const member of ports.peers) this.#peers.push(this.#makePeer(member));
    const strangers = new LinkStatusWriter(ports.linkStatus, STRANGERS_LINE);
    this.#refusals = new Refusals(
      (memberIndex) => this.#peerOf(memberIndex)?.status ?? strangers,
      (refusal, message) => ports.reports.onRefusal(refusal, message),
      ports.now,
    );
  }

  get isStalled(): boolean {
    return this.#peers.some(({ link }) => link.isStalled);
  }

  /** Moves what waits in the outbound rings; returns the work done. */
  turn(): number {
    let work = 0;
    for (const { link } of this.#peers) work += link.turn();
    return work;
  }

  /** A turn would find work. */
  isDue(): boolean {
    return this.#peers.some(({ link }) => link.isDue());
  }

  retryStalled(): void {
    for (const { link } of this.#peers) link.retryStalled();
  }

  housekeep(nowMs: number): void {
    if (this.#isClosed) return;
    const wasHeldUp = nowMs - this.#housekeptMs > HELD_UP_MS;
    this.#housekeptMs = nowMs;
    for (const [handshake, { startedMs }] of this.#handshakes) {
      if (nowMs - startedMs > HANDSHAKE_MS_MAX) handshake.cancel('slow', 'no hello');
    }
    for (const peer of this.#peers) {
      if (peer.accepting.expire(nowMs - HANDSHAKE_MS_MAX)) this.#refuse(peer, 'slow', 'one lane without the other');
      if (peer.attempt !== undefined && nowMs - peer.attempt.startedMs > HANDSHAKE_MS_MAX) {
        peer.attempt.it.fail('slow', 'no answer');
      }
      if (nowMs - peer.pingMs >= PING_MS) {
        peer.pingMs = nowMs;
        peer.link.ping();
      }
      if (wasHeldUp) peer.link.forgive();
      peer.link.check(nowMs, SILENT_MS_MAX);
      if (this.#isToDial(peer, nowMs)) this.#dial(peer, nowMs);
    }
  }

  /** A connection that somebody made; `release` is called when its handshake is over. */
  accept(line: Line, release: () => void): void {
    if (this.#isClosed) {
      line.stream.destroy();
      release();
      return;
    }
    const end = (handshake: Handshake | undefined): void => {
      if (handshake !== undefined) this.#handshakes.delete(handshake);
      release();
    };
    // A handshake reads what is already there, and so may be over before its constructor returns.
    const begun: { it: Handshake | undefined; isOver: boolean } = { it: undefined, isOver: false };
    const over = (): void => {
      begun.isOver = true;
      end(begun.it);
    };
    begun.it = new Handshake(line, {
      self: this.#ports.self,
      expect: (nodeId) => this.#expect(nodeId),
      onDone: (done, hello) => {
        over();
        this.#onAccepted(done, hello);
      },
      onFailed: (failure) => {
        over();
        this.#refuseHandshake(failure);
      },
    });
    if (!begun.isOver) this.#handshakes.set(begun.it, { startedMs: this.#ports.now(), release });
  }

  /** Somebody was turned away before there was a line. */
  refuseStranger(reason: Reason, detail: string, address: string): void {
    this.#refusals.add({ memberIndex: -1, isByPeer: false, address, reason, detail });
  }

  /** The member is found elsewhere. */
  readdress(memberIndex: number, host: string, port: number): void {
    const peer = this.#peerOf(memberIndex);
    if (peer === undefined) return;
    peer.member.host = host;
    peer.member.port = port;
    peer.backOff.reset();
  }

  /** Ends every connection, so that all prove themselves anew (certificates changed). */
  renew(): void {
    for (const peer of this.#peers) {
      peer.backOff.reset();
      peer.link.disconnect('reloaded', '');
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const handshake of [...this.#handshakes.keys()]) handshake.cancel('stopping', '');
    for (const peer of this.#peers) {
      peer.attempt?.it.fail('stopping', '');
      peer.accepting.drop();
      peer.link.disconnect('stopping', '');
    }
    for (const upgrader of this.#ports.upgraders) upgrader.close();
  }

  #makePeer(member: PeerMember): Peer {
    const { self, linkStatus, bulk, upgraders, now } = this.#ports;
    const status = new LinkStatusWriter(linkStatus, member.memberIndex);
    const link = new PeerLink({
      memberIndex: member.memberIndex,
      shards: self.shards,
      workers: member.workers,
      bulk,
      status,
      upgraders,
      now,
      nextLinkNumber: () => this.#nextLinkNumber(),
      wake: () => this.#ports.wake(),
      onUp: (kind) => {
        peer.backOff.connected(now());
        this.#ports.reports.onLink(member.memberIndex, true, kind, '');
      },
      onDown: (reason, detail, isViolation, address) => this.#onDown(peer, reason, detail, isViolation, address),
    });
    const backOff = new BackOff(this.#prng.fork(`peer ${member.nodeId}`));
    const peer: Peer = {
      member: { ...member },
      link,
      status,
      backOff,
      accepting: new LanePair(),
      attempt: undefined,
      pingMs: 0,
    };
    return peer;
  }

  #onDown(peer: Peer, reason: Reason, detail: string, isViolation: boolean, address: string): void {
    const { memberIndex } = peer.member;
    peer.backOff.failed(this.#ports.now());
    if (reason === 'reloaded') peer.backOff.reset();
    if (isViolation) this.#refusals.add({ memberIndex, isByPeer: false, address, reason, detail });
    this.#ports.reports.onLink(memberIndex, false, 'tcp', reason);
  }

  #isToDial({ member, link, attempt, backOff }: Peer, nowMs: number): boolean {
    const isOurs = this.#ports.self.nodeId < member.nodeId;
    return isOurs && !link.isUp && attempt === undefined && backOff.isDue(nowMs);
  }

  #dial(peer: Peer, nowMs: number): void {
    peer.status.setConnecting();
    const { self, dial } = this.#ports;
    const { nodeId, host, port } = peer.member;
    const attempt = new DialAttempt({ nodeId, host, port }, this.#nextLinkNumber(), {
      self,
      dial,
      expect: (id) => (id === nodeId ? this.#expect(id) : undefined),
      onHello: (_line, hello) => this.#onHello(peer, hello),
      onConnected: (lines, linkNumber) => {
        peer.attempt = undefined;
        peer.link.establish({ lines, linkNumber, isDialer: true });
      },
      onFailed: (reason, detail, failure) => this.#onDialFailed(peer, reason, detail, failure),
    });
    // It cannot have failed yet: the network answers later.
    peer.attempt = { it: attempt, startedMs: nowMs };
  }

  #onDialFailed(peer: Peer, reason: Reason, detail: string, failure: HandshakeFailure | undefined): void {
    peer.attempt = undefined;
    peer.status.setDown();
    peer.status.setReason(reason);
    peer.backOff.failed(this.#ports.now());
    if (failure !== undefined) this.#refuseHandshake(failure, peer.member.memberIndex);
    else if (REASONS[reason].isHostile) this.#refuse(peer, reason, detail);
  }

  #refuseHandshake(failure: HandshakeFailure, dialled = -1): void {
    const { line, reason, detail, nodeId, isByPeer } = failure;
    // Who connects and leaves without a word is nobody's news.
    if (reason === 'closed' || reason === 'stopping') return;
    const memberIndex = this.#peers.find(({ member }) => member.nodeId === nodeId)?.member.memberIndex ?? dialled;
    this.#refusals.add({ memberIndex, isByPeer, address: line.address, reason, detail });
  }

  #refuse(peer: Peer, reason: Reason, detail: string): void {
    const { memberIndex, host, port } = peer.member;
    this.#refusals.add({ memberIndex, isByPeer: false, address: `${host}:${port}`, reason, detail });
  }

  #onAccepted(line: Line, hello: Hello): void {
    const peer = this.#peers.find(({ member }) => member.nodeId === hello.nodeId);
    assert(peer !== undefined, 'a hello was judged before it was accepted');
    this.#onHello(peer, hello);
    const lines = peer.accepting.add(line, hello.lane, hello.linkNumber, this.#ports.now());
    if (lines !== undefined) peer.link.establish({ lines, linkNumber: hello.linkNumber, isDialer: false });
  }

  /** Keeps the highest boot counter; a peer that comes with a lower one from now on is an old copy (S13). */
  #onHello({ member }: Peer, hello: Hello): void {
    const { incarnation, bootCounter } = hello;
    if (replaces(hello, member)) {
      member.incarnation = 0;
      member.bootCounter = 0;
    }
    const isNew = bootCounter > member.bootCounter || member.incarnation === 0;
    member.bootCounter = Math.max(member.bootCounter, bootCounter);
    if (member.incarnation === 0) member.incarnation = incarnation;
    if (isNew) this.#ports.reports.onSeen(member.memberIndex, member.incarnation, member.bootCounter);
  }

  #expect(nodeId: number): Expected | undefined {
    return this.#peers.find(({ member }) => member.nodeId === nodeId)?.member;
  }

  #peerOf(memberIndex: number): Peer | undefined {
    return this.#peers.find(({ member }) => member.memberIndex === memberIndex);
  }

  #nextLinkNumber(): number {
    this.#linkNumber = (this.#linkNumber + 1) >>> 0;
    return this.#linkNumber;
  }
}
