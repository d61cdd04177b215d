/**
 * The sending half of one lane towards one peer: the outbound rings of all group workers, in turns, onto one channel.
 *
 *   ring of worker 0 ─┐
 *   ring of worker 1 ─┼─ one burst each, round and round ─▶ channel        in flight, oldest first: [ring, bytes] …
 *   ring of worker 2 ─┘                                        └ onReleased ─▶ the ring may reuse them
 *
 * A lane moves to another channel only when nothing of it is in flight on the old one: ring bytes are released in order.
 */
import { assert } from '../base/assert.ts';
import { BURST_BYTES_TARGET, FRAME_ALIGNMENT } from '../limits.ts';
import { RangeConsumer } from '../memory/ring-range.ts';
import type { Channel } from './channel.ts';

interface Flight {
  ring: RangeConsumer;
  size: number;
}

/** Told of what was sent. */
export interface PumpMeter {
  addOut(frames: number, bytes: number): void;
}

export class LanePump {
  readonly #rings: readonly RangeConsumer[];
  readonly #meter: PumpMeter;
  readonly #flights: Flight[] = [];
  #channel: Channel | undefined = undefined;
  #turn = 0;

  constructor(rings: readonly SharedArrayBuffer[], meter: PumpMeter) {
    this.#rings = rings.map((ring) => new RangeConsumer(ring, FRAME_ALIGNMENT));
    this.#meter = meter;
  }

  /** Hands over what waits, as much as `channel` takes; returns how many bursts. */
  pump(channel: Channel): number {
    if (channel !== this.#channel) {
      if (this.#flights.length > 0) return 0;
      this.#channel = channel;
    }
    let bursts = 0;
    // One pass without a burst ends it: every ring had its turn.
    for (let idle = 0; idle < this.#rings.length && channel.room() > 0; ) {
      const ring = this.#rings[this.#turn] as RangeConsumer;
      this.#turn = (this.#turn + 1) % this.#rings.length;
      if (this.#sendFrom(ring, channel)) {
        bursts += 1;
        idle = 0;
      } else {
        idle += 1;
      }
    }
    if (bursts > 0) channel.flush();
    return bursts;
  }

  #sendFrom(ring: RangeConsumer, channel: Channel): boolean {
    const size = ring.next(Math.min(BURST_BYTES_TARGET, channel.room()));
    if (size === 0) return false;
    this.#flights.push({ ring, size });
    this.#meter.addOut(ring.records, size);
    channel.send(ring.bytes, ring.offset, size);
    return true;
  }

  /** The oldest `size` bytes in flight were taken by `channel`; what an abandoned channel says comes too late. */
  release(channel: Channel, size: number): void {
    if (channel !== this.#channel) return;
    let left = size;
    while (left > 0) {
      const flight = this.#flights[0];
      assert(flight !== undefined, 'only what was sent is released');
      const part = Math.min(left, flight.size);
      flight.ring.release(part);
      flight.size -= part;
      left -= part;
      if (flight.size === 0) this.#flights.shift();
    }
  }

  /** `channel` is gone: what it had in flight is lost, visibly to the core, and its bytes are free. */
  lose(channel: Channel): void {
    if (channel !== this.#channel) return;
    for (const { ring, size } of this.#flights) ring.release(size);
    this.#flights.length = 0;
    this.#channel = undefined;
  }

  /** Drops everything that waits: the link is down, and nothing old may wait for its return (S24). Returns the frames. */
  discard(): number {
    assert(this.#flights.length === 0, 'nothing is in flight on a link that is down');
    let frames = 0;
    for (const ring of this.#rings) frames += ring.discard();
    return frames;
  }

  hasWaiting(): boolean {
    for (const ring of this.#rings) if (!ring.isEmpty()) return true;
    return false;
  }

  /** Frames wait and `channel` would take some. */
  isDue(channel: Channel): boolean {
    if (channel !== this.#channel && this.#flights.length > 0) return false;
    return this.hasWaiting() && channel.room() > 0;
  }
}
