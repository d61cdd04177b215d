/**
 * The receiving half of a link: frames from one peer to the inbound rings of the workers that host their groups. The number of
 * workers may differ between nodes, so every frame is routed by its own GROUP field.
 *
 *   burst ─ frame: sound? ─ group ─▶ worker ─▶ its inbound ring of this lane ─ published once per burst ─▶ doorbell
 *                                                 │ full: the burst waits, the connection is not read
 *                                                 └ full for STALL_*_MS: its frames are dropped, so that other workers get theirs
 *
 * A frame that no honest peer sends ends the connection.
 */
import { assert } from '../base/assert.ts';
import { align } from '../base/bits.ts';
import { FRAME_ALIGNMENT, STALL_BULK_MS, STALL_CONTROL_MS } from '../limits.ts';
import type { Bulk } from '../memory/bulk.ts';
import { TYPE_FRAME } from '../memory/descriptor.ts';
import type { Doorbell } from '../memory/doorbell.ts';
import { RingProducer } from '../memory/ring.ts';
import { FRAME_GROUP_WORD, FRAME_HEADER_BYTES, FRAME_TYPE_WORD } from '../wire/frame.ts';
import { isSoundFrame } from '../wire/frame-check.ts';
import { LANE_CONTROL, LANES } from './channel.ts';

/** One group worker as a target. */
export interface RouterWorker {
  groups: readonly number[];
  doorbell: Doorbell;
  inboundBulk: SharedArrayBuffer;
  inboundControl: SharedArrayBuffer;
}

export interface RouterPorts {
  /** Member index of the peer: it speaks for nobody else. */
  peer: number;
  /** Groups of the cluster. */
  shards: number;
  bulk: Bulk;
  now(): number;
  addIn(frames: number, bytes: number): void;
  addDropsIn(frames: number): void;
}

/** One inbound ring. */
interface Target {
  ring: RingProducer;
  doorbell: Doorbell;
  /** Since when it has had no room; -1 = it has. */
  fullSinceMs: number;
  hasClaims: boolean;
}

/** The burst holds a frame that no honest peer sends. */
export const UNSOUND = -1;

export class FrameRouter {
  readonly #ports: RouterPorts;
  /** [lane][worker]. */
  readonly #targets: Target[][] = [];
  /** Worker of each group, -1 = none here. */
  readonly #workerOf: Int32Array;

  constructor(workers: readonly RouterWorker[], ports: RouterPorts) {
    this.#ports = ports;
    this.#workerOf = new Int32Array(ports.shards).fill(-1);
    for (let lane = 0; lane < LANES; lane++) {
      this.#targets.push(
        workers.map((worker) => ({
          ring: new RingProducer(lane === LANE_CONTROL ? worker.inboundControl : worker.inboundBulk, FRAME_ALIGNMENT),
          doorbell: worker.doorbell,
          fullSinceMs: -1,
          hasClaims: false,
        })),
      );
    }
    workers.forEach(({ groups }, worker) => {
      for (const group of groups) {
        assert(this.#workerOf[group] === -1, 'a group lives on one worker');
        this.#workerOf[group] = worker;
      }
    });
  }

  /** Routes the frames at [offset, offset + size); returns the bytes done with, fewer where a ring is full, or UNSOUND. */
  route(lane: number, words: Int32Array, bytes: Uint8Array, offset: number, size: number): number {
    const end = offset + size;
    let at = offset;
    let frames = 0;
    let isSound = true;
    while (at < end && isSound) {
      const frameSize = words[at >> 2] as number;
      // Compared before it is aligned: a size near 2^31 would wrap.
      isSound = frameSize <= end - at && isSoundFrame(words, at >> 2, frameSize, this.#ports.peer, this.#ports.shards);
      if (!isSound) break;
      const length = align(frameSize, FRAME_ALIGNMENT);
      isSound = length <= end - at;
      if (!isSound || !this.#deliver(lane, words, bytes, at, frameSize)) break;
      at += length;
      frames += 1;
    }
    this.#publish(lane);
    if (frames > 0) this.#ports.addIn(frames, at - offset);
    return isSound ? at - offset : UNSOUND;
  }

  /** False when the frame must wait. */
  #deliver(lane: number, words: Int32Array, bytes: Uint8Array, at: number, size: number): boolean {
    const worker = this.#workerOf[words[(at >> 2) + FRAME_GROUP_WORD] as number] as number;
    if (worker < 0) {
      this.#ports.addDropsIn(1);
      return true;
    }
    const target = (this.#targets[lane] as Target[])[worker] as Target;
    if (size > target.ring.capacity >>> 1) {
      this.#ports.addDropsIn(1);
      return true;
    }
    const place = target.ring.claim(size, TYPE_FRAME);
    if (place < 0) return this.#giveUp(lane, target);
    target.fullSinceMs = -1;
    target.hasClaims = true;
    const { ring } = target;
    const word = place >> 2;
    for (let i = FRAME_TYPE_WORD; i < FRAME_HEADER_BYTES / 4; i++)
      ring.words[word + i] = words[(at >> 2) + i] as number;
    if (size > FRAME_HEADER_BYTES) {
      this.#ports.bulk.copy(
        bytes,
        at + FRAME_HEADER_BYTES,
        ring.bytes,
        place + FRAME_HEADER_BYTES,
        size - FRAME_HEADER_BYTES,
      );
    }
    return true;
  }

  /** A full ring: wait for its worker, but not for ever. True when the frame is given up. */
  #giveUp(lane: number, target: Target): boolean {
    const now = this.#ports.now();
    if (target.fullSinceMs < 0) target.fullSinceMs = now;
    if (now - target.fullSinceMs < (lane === LANE_CONTROL ? STALL_CONTROL_MS : STALL_BULK_MS)) return false;
    this.#ports.addDropsIn(1);
    return true;
  }

  #publish(lane: number): void {
    const targets = this.#targets[lane] as Target[];
    for (const target of targets) {
      if (!target.hasClaims) continue;
      target.hasClaims = false;
      target.ring.publish();
      target.doorbell.ring();
    }
  }
}
