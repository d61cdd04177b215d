/**
 * Channel port: one lane of one established link to a peer's node, carrying ranges of ring bytes in order.
 *
 *   outbound rings ─ transport/ring-pump ─ send(range) ─▶ Channel ─▶ … ─▶ Channel ─ onRecords(range) ─▶ inbound rings
 *                                   ◀─ onReleased(bytes) ─┘
 *
 * A link has two channels, bulk and control, that overtake each other (S24). A range is what a ring holds: whole frames, each
 * aligned to 64 bytes, without padding records, nothing that wraps. Implementations: sockets (tcp, tls: transport/socket-channel),
 * memory of one host (shm), libfabric (rdma). The sockets of a link stay open below the others: they carry the handshake, the
 * notes by which a faster pair of channels is agreed upon, and frames again when that pair fails.
 *
 * Everything here runs on the transport worker's event loop; no call blocks.
 */
import type { Reason } from './reason.ts';

export type ChannelKind = 'tcp' | 'tls' | 'shm' | 'rdma';

/** Index of a lane, also on the wire. */
export const LANE_BULK = 0;
export const LANE_CONTROL = 1;
export const LANES = 2;

/** What a channel tells its owner. Nothing is called from within `send`. */
export interface ChannelEvents {
  /**
   * Whole records at [offset, offset + size) of `bytes` (words: the same memory), checked after they were copied out of the peer's
   * reach. Returns how many bytes were taken, from the front, whole records; when fewer than `size`, the channel keeps the rest,
   * reads no more, and offers the rest again after `resume`. The memory belongs to the channel again after the call.
   */
  onRecords(words: Int32Array, bytes: Uint8Array, offset: number, size: number): number;
  /** The next `size` bytes handed to `send`, in order, may be overwritten. */
  onReleased(size: number): void;
  /** The end: once, whoever caused it. Bytes not yet released are released by it. */
  onClosed(reason: Reason, detail: string): void;
}

export interface Channel {
  readonly kind: ChannelKind;
  /** Of libfabric, where frames go over it. */
  readonly provider?: string;
  /** New for every connection (S24). */
  readonly linkNumber: number;
  /** Bytes that `send` takes now; 0 while too much is in flight. */
  room(): number;
  /**
   * Sends the range [offset, offset + size) of `bytes`, a view of a whole SharedArrayBuffer that stays the same object for the
   * life of the ring. At most `room()`; the bytes must stay as they are until released.
   */
  send(bytes: Uint8Array, offset: number, size: number): void;
  /** Everything sent in this turn goes out now: one system call for many ranges. */
  flush(): void;
  /** The receiver has room again. */
  resume(): void;
  /** Ends the channel; the peer is told the reason where it still can be. Idempotent. */
  close(reason: Reason, detail: string): void;
}

/** Both lanes of one link, indexed by lane. */
export type ChannelPair = readonly [bulk: Channel, control: Channel];

/** What an upgrader sees of an established link. */
export interface UpgradeLink {
  readonly memberIndex: number;
  /** Of the sockets below. */
  readonly linkNumber: number;
  /** True at the end that dialled: it makes the offer. */
  readonly isDialer: boolean;
  /** True where the peer proved its identity by certificate. */
  readonly isAuthenticated: boolean;
  /** Address of the peer's end of the sockets. */
  readonly remoteAddress: string;
  /** A link number that no other connection has or had. */
  nextLinkNumber(): number;
  /** Sends up to NOTE_BYTES_MAX bytes to the peer's upgrader, in order, on the control socket. */
  sendNote(bytes: Uint8Array): void;
  /** Events for a lane of the new pair, for the channel that `channelOf` returns once it is made. */
  eventsOf(lane: number, channelOf: () => Channel): ChannelEvents;
  /** Asks for a turn of the event loop's owner, which polls: there is something to look at. */
  wake(): void;
  /**
   * From now on frames are sent on this pair; frames may arrive on it as soon as its events exist. When one of its channels closes,
   * frames go over the sockets again and the upgrader is told by `onDowngraded`.
   */
  adopt(pair: ChannelPair): void;
}

/** Makes faster channels for established links: same-host memory, libfabric. One per transport worker and mechanism. */
export interface ChannelUpgrader {
  readonly kind: ChannelKind;
  /** A link came up; both ends are called. Returns what the link feeds while it lasts, or undefined where this mechanism has nothing to offer. */
  begin(link: UpgradeLink): UpgradeSession | undefined;
  close(): void;
}

export interface UpgradeSession {
  /** A note of the peer's upgrader of the same kind. */
  onNote(bytes: Uint8Array): void;
  /** Every turn: looks for arrivals and completions of channels without events of their own; returns the work done. */
  poll(): number;
  /** The adopted pair failed; offer again when the fabric is back. */
  onDowngraded(reason: Reason, detail: string): void;
  /** Every HOUSEKEEPING_MS: retries and deadlines. */
  onTick(nowMs: number): void;
  /** The sockets are gone; close the channels made for this link. */
  close(): void;
}
