/**
 * The memory transport's two ends on one thread: what its instructions cost, the value's one copy included, without cores or
 * processes between them.
 */
import { Histogram } from '../src/base/histogram.ts';
import { PEER_CONTROL_RING_BYTES, PEER_RING_BYTES } from '../src/limits.ts';
import { TYPE_FRAME, WORKER_WORDS } from '../src/memory/descriptor.ts';
import { AtomicsWaker } from '../src/memory/doorbell.ts';
import { createRing } from '../src/memory/ring.ts';
import { ACCEPT, HEARTBEAT } from '../src/paxos/message.ts';
import { MemoryTransport } from '../src/transport/memory-transport.ts';
import { FRAME_HEADER_BYTES, FRAME_TYPE_WORD } from '../src/wire/frame.ts';
import type { Subject } from './harness.ts';

const WINDOW = 2000;

class Pair {
  readonly #ends: readonly [MemoryTransport, MemoryTransport];
  readonly #size: number;
  readonly #value: Uint8Array;

  constructor(size: number) {
    this.#size = size === FRAME_HEADER_BYTES ? size : size + FRAME_HEADER_BYTES;
    this.#value = new Uint8Array(this.#size - FRAME_HEADER_BYTES).fill(1);
    const [bulkA, bulkB] = [createRing(PEER_RING_BYTES), createRing(PEER_RING_BYTES)];
    const [controlA, controlB] = [createRing(PEER_CONTROL_RING_BYTES), createRing(PEER_CONTROL_RING_BYTES)];
    const peerBlock = new SharedArrayBuffer(WORKER_WORDS * 4);
    const end = (member: number, out: number): MemoryTransport => {
      const [outboundBulk, inboundBulk] = out === 0 ? [bulkA, bulkB] : [bulkB, bulkA];
      const [outboundControl, inboundControl] = out === 0 ? [controlA, controlB] : [controlB, controlA];
      const link = { memberIndex: member, outboundBulk, outboundControl, inboundBulk, inboundControl, peerBlock };
      return new MemoryTransport([link], (block) => new AtomicsWaker(block));
    };
    this.#ends = [end(1, 0), end(0, 1)];
  }

  /** From one end to the other: as many as find room, at most `count`; polled at once. */
  pass(from: 0 | 1, count: number): number {
    const sender = this.#ends[from];
    const isBulk = this.#size > FRAME_HEADER_BYTES;
    const type = (TYPE_FRAME << 24) | ((isBulk ? ACCEPT : HEARTBEAT) << 8) | from;
    let sent = 0;
    for (; sent < count; sent++) {
      const offset = sender.claim(1 - from, this.#size, isBulk);
      if (offset < 0) break;
      sender.outWords[(offset >> 2) + FRAME_TYPE_WORD] = type;
      if (isBulk) sender.outBytes.set(this.#value, offset + FRAME_HEADER_BYTES);
    }
    sender.publish();
    sender.flush();
    return this.#ends[1 - from]?.poll(() => {}, count) ?? 0;
  }
}

export function memoryRoundTrips(size: number): Subject {
  const pair = new Pair(size);
  const latency = new Histogram();
  return {
    operation: 'round trips',
    latency,
    window() {
      for (let round = 0; round < WINDOW; round++) {
        const start = performance.now();
        pair.pass(0, 1);
        pair.pass(1, 1);
        latency.record((performance.now() - start) * 1e3);
      }
      return WINDOW;
    },
    figures: () => ({ transport: 'memory', payloadBytes: size }),
  };
}

export function memoryStream(size: number): Subject {
  const pair = new Pair(size);
  return {
    operation: 'frames',
    window() {
      let passed = 0;
      while (passed < WINDOW) passed += pair.pass(0, 32);
      return passed;
    },
    figures: (frames, seconds) => ({
      transport: 'memory',
      payloadBytes: size,
      bytesPerSecond: (frames * size) / seconds,
    }),
  };
}
