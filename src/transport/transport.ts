/**
 * Transport port: moves frames between the workers of different replicas. One implementation per worker.
 *
 * A frame is a 64-byte header (wire/frame) and, for some kinds, the bytes of a value right behind it. Frames of one lane
 * towards one member arrive in order or not at all; the two lanes overtake each other (S24).
 */
import type { MemberIndex } from '../base/types.ts';

/** Receives one inbound frame: header at byte `offset` of `bytes` (word offset / 4 of `words`), `size` bytes in all. */
export type FrameHandler = (words: Int32Array, bytes: Uint8Array, offset: number, size: number) => void;

export interface Transport {
  /**
   * Reserves a frame of `size` bytes towards `member`; returns the byte offset of its header in `outBytes`, or -1 when
   * the link is down or its ring is full (counted; the core treats it as loss and sends again).
   * The ring owns words 0 and 1 of the header (size and record type); the caller fills the rest, then publishes.
   */
  claim(member: MemberIndex, size: number, bulk: boolean): number;
  readonly outBytes: Uint8Array;
  readonly outWords: Int32Array;
  publish(): void;
  abandon(): void;
  /** True when a frame of `size` bytes towards `member` would find room on the bulk lane now. */
  hasRoom(member: MemberIndex, size: number): boolean;
  /** Hands over at most `limit` inbound frames per link, control lanes first; returns how many. */
  poll(handler: FrameHandler, limit: number): number;
  /** True when an inbound frame waits. */
  hasInbound(): boolean;
  /** Rings the doorbells of the members that got frames since the last call. */
  flush(): void;
}
