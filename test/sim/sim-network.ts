/**
 * The network between simulated replicas: frames are lost, doubled, delayed, reordered; links are cut both ways or one way.
 */
import type { Prng } from '../../src/base/prng.ts';
import type { MemberIndex } from '../../src/base/types.ts';
import { RECORD_SIZE_WORD } from '../../src/memory/descriptor.ts';
import type { FrameHandler, Transport } from '../../src/transport/transport.ts';
import type { FaultCounts } from './fault-counts.ts';
import type { FaultMix } from './faults.ts';

const FRAME_BYTES_MAX = 1 << 19;
const ROOM_FRAMES = 512;
/** Frames are cut from slabs: a buffer of its own per frame costs more than what is in it. */
const SLAB_BYTES = 1 << 20;

interface Frame {
  from: MemberIndex;
  to: MemberIndex;
  /** Of the slab that the frame stands in. */
  bytes: Uint8Array;
  words: Int32Array;
  offset: number;
  dueTick: number;
}

/** Told of every frame that a member hands to the network. */
export type FrameWatcher = (from: MemberIndex, to: MemberIndex, words: Int32Array) => void;

export class SimNetwork {
  readonly #prng: Prng;
  readonly #counts: FaultCounts;
  readonly #now: () => number;
  readonly #watch: FrameWatcher;
  faults: FaultMix;
  /** cut[from][to]: no frame passes. */
  readonly #cut: boolean[][];
  readonly #inboxes: Frame[][];
  readonly #count: number;
  frames = 0;
  #slabBytes = new Uint8Array(0);
  #slabWords = new Int32Array(0);
  #slabEnd = 0;

  constructor(
    count: number,
    prng: Prng,
    faults: FaultMix,
    counts: FaultCounts,
    now: () => number,
    watch: FrameWatcher,
  ) {
    this.#prng = prng;
    this.#counts = counts;
    this.#now = now;
    this.#watch = watch;
    this.faults = faults;
    this.#count = count;
    this.#cut = Array.from({ length: count }, () => new Array<boolean>(count).fill(false));
    this.#inboxes = Array.from({ length: count }, () => []);
  }

  /** Takes over `size` bytes of a frame. */
  send(from: MemberIndex, to: MemberIndex, source: Int32Array, size: number): void {
    this.frames += 1;
    const count = (size + 3) >> 2;
    if ((this.#slabEnd + count) * 4 > this.#slabBytes.length) this.#newSlab();
    const words = this.#slabWords;
    const start = this.#slabEnd;
    for (let i = 0; i < count; i++) words[start + i] = source[i] as number;
    this.#slabEnd += count;
    this.#watch(from, to, words.subarray(start, start + count));
    this.#pass(from, to, start * 4);
  }

  #newSlab(): void {
    this.#slabBytes = new Uint8Array(SLAB_BYTES);
    this.#slabWords = new Int32Array(this.#slabBytes.buffer);
    this.#slabEnd = 0;
  }

  #pass(from: MemberIndex, to: MemberIndex, offset: number): void {
    if (this.#cut[from]?.[to] === true) {
      this.#counts.partitionedFrame += 1;
      return;
    }
    if (this.#prng.chance(this.faults.loss)) {
      this.#counts.loss += 1;
      return;
    }
    this.#deliver(from, to, offset);
    if (this.#prng.chance(this.faults.duplicate)) {
      this.#counts.duplicate += 1;
      this.#deliver(from, to, offset);
    }
  }

  #deliver(from: MemberIndex, to: MemberIndex, offset: number): void {
    const wait =
      this.faults.delayTicksMax > 0 && this.#prng.chance(0.2) ? this.#prng.range(0, this.faults.delayTicksMax + 1) : 0;
    if (wait > 0) this.#counts.delay += 1;
    (this.#inboxes[to] as Frame[]).push({
      from,
      to,
      bytes: this.#slabBytes,
      words: this.#slabWords,
      offset,
      dueTick: this.#now() + wait,
    });
  }

  /** Frames that are due for a member, at most `limit`. */
  receive(to: MemberIndex, limit: number): Frame[] {
    const inbox = this.#inboxes[to] as Frame[];
    if (inbox.length === 0) return NO_FRAMES;
    const due: Frame[] = [];
    const later: Frame[] = [];
    for (const frame of inbox) (due.length < limit && frame.dueTick <= this.#now() ? due : later).push(frame);
    this.#inboxes[to] = later;
    return due;
  }

  waiting(to: MemberIndex): number {
    return (this.#inboxes[to] as Frame[]).length;
  }

  /** A crashed member loses what was on its way to it. */
  drop(to: MemberIndex): void {
    this.#inboxes[to] = [];
  }

  /** Cuts links by a drawn pattern. */
  partition(): void {
    this.heal();
    this.#counts.partition += 1;
    const side = Array.from({ length: this.#count }, () => this.#prng.chance(0.5));
    const oneWay = this.#prng.chance(0.4);
    if (oneWay) this.#counts.oneWayPartition += 1;
    const single = this.#prng.chance(0.3);
    const a = this.#prng.range(0, this.#count);
    const b = (a + 1 + this.#prng.range(0, this.#count - 1)) % this.#count;
    for (let from = 0; from < this.#count; from++) {
      for (let to = 0; to < this.#count; to++) {
        const crosses = single ? (from === a && to === b) || (from === b && to === a) : side[from] !== side[to];
        const blocked = crosses && (!oneWay || (single ? from === a : side[from] === true));
        (this.#cut[from] as boolean[])[to] = blocked;
      }
    }
  }

  heal(): void {
    for (const row of this.#cut) row.fill(false);
  }
}

const NO_FRAMES: Frame[] = [];

/** A member's end of the network; outlives its crashes. */
export class SimTransport implements Transport {
  readonly outBytes = new Uint8Array(FRAME_BYTES_MAX);
  readonly outWords = new Int32Array(this.outBytes.buffer);
  readonly #network: SimNetwork;
  readonly #self: MemberIndex;
  #to = -1;
  #size = 0;

  constructor(network: SimNetwork, self: MemberIndex) {
    this.#network = network;
    this.#self = self;
  }

  claim(member: MemberIndex, size: number): number {
    if (!this.hasRoom(member)) return -1;
    this.#to = member;
    this.#size = size;
    this.outWords.fill(0, 0, 16);
    this.outWords[RECORD_SIZE_WORD] = size;
    return 0;
  }

  publish(): void {
    this.#network.send(this.#self, this.#to, this.outWords, this.#size);
  }

  abandon(): void {}

  hasRoom(member: MemberIndex): boolean {
    return this.#network.waiting(member) < ROOM_FRAMES;
  }

  poll(handler: FrameHandler, limit: number): number {
    const frames = this.#network.receive(this.#self, limit);
    for (const { words, bytes, offset } of frames) {
      handler(words, bytes, offset, words[(offset >> 2) + RECORD_SIZE_WORD] as number);
    }
    return frames.length;
  }

  hasInbound(): boolean {
    return this.#network.waiting(this.#self) > 0;
  }

  flush(): void {}
}
