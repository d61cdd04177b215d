/**
 * The network between simulated replicas: frames are lost, doubled, delayed, reordered; links are cut both ways or one way (link-cuts),
 * or clogged: they hold everything back for a while, then let it all through at once.
 *
 * Some frames turn up again much later, when their sender and receiver may have begun other lives.
 *
 *   send ─▶ cut? lost? doubled? ─▶ clogged link ─ flood ─▶ inbox, each frame with its due tick ─▶ receive
 */
import type { Prng } from '../../src/base/prng.ts';
import type { MemberIndex } from '../../src/base/types.ts';
import { ACCEPTOR_WINDOW_SLOTS } from '../../src/limits.ts';
import { RECORD_SIZE_WORD } from '../../src/memory/descriptor.ts';
import type { FrameHandler, Transport } from '../../src/transport/transport.ts';
import type { FaultCounts } from './fault-counts.ts';
import { LinkCuts } from './fault-links.ts';
import type { FaultMix } from './faults.ts';

const FRAME_BYTES_MAX = 1 << 19;
/** A control ring has room for a whole answer of phase 1 (limits.ts), and some more. */
const ROOM_FRAMES = ACCEPTOR_WINDOW_SLOTS + 256;
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

/** Frames kept to turn up again, at most, and the largest of them. */
const OLD_FRAMES = 64;
const OLD_BYTES_MAX = 1 << 12;

/** One direction of a link that holds everything back until a tick. */
interface Clog {
  from: MemberIndex;
  to: MemberIndex;
  untilTick: number;
  frames: Frame[];
}

/** Told of every frame that a member hands to the network; it begins at word `start`. */
export type FrameWatcher = (from: MemberIndex, to: MemberIndex, words: Int32Array, start: number) => void;

export class SimNetwork {
  readonly #prng: Prng;
  readonly #counts: FaultCounts;
  readonly #now: () => number;
  readonly #watch: FrameWatcher;
  faults: FaultMix;
  readonly cuts: LinkCuts;
  readonly #inboxes: Frame[][];
  readonly #clogs: Clog[] = [];
  readonly #count: number;
  frames = 0;
  /** Copies: a slab would be kept for one frame. */
  readonly #old: Frame[] = [];
  readonly #replayPrng: Prng;
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
    this.#replayPrng = prng.fork('replay');
    this.cuts = new LinkCuts(count, prng.fork('cuts'), counts);
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
    this.#watch(from, to, words, start);
    if (this.#replayPrng.chance(this.faults.replay) && count * 4 <= OLD_BYTES_MAX) this.#keep(from, to, start, count);
    this.#pass(from, to, start * 4);
  }

  #keep(from: MemberIndex, to: MemberIndex, start: number, count: number): void {
    const words = this.#slabWords.slice(start, start + count);
    const frame = { from, to, words, bytes: new Uint8Array(words.buffer), offset: 0, dueTick: 0 };
    if (this.#old.length < OLD_FRAMES) this.#old.push(frame);
    else this.#old[this.#replayPrng.range(0, OLD_FRAMES)] = frame;
  }

  /** A frame of long ago arrives again. */
  replay(): void {
    if (this.#old.length === 0) return;
    const frame = this.#replayPrng.pick(this.#old);
    this.#counts.replay += 1;
    (this.#inboxes[frame.to] as Frame[]).push(frame);
  }

  #newSlab(): void {
    this.#slabBytes = new Uint8Array(SLAB_BYTES);
    this.#slabWords = new Int32Array(this.#slabBytes.buffer);
    this.#slabEnd = 0;
  }

  #pass(from: MemberIndex, to: MemberIndex, offset: number): void {
    if (this.cuts.isCut(from, to)) {
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
    const frame = {
      from,
      to,
      bytes: this.#slabBytes,
      words: this.#slabWords,
      offset,
      dueTick: this.#now() + wait,
    };
    const clog = this.#clogs.find((candidate) => candidate.from === from && candidate.to === to);
    if (clog === undefined) (this.#inboxes[to] as Frame[]).push(frame);
    else if (clog.frames.length < ROOM_FRAMES) {
      this.#counts.cloggedFrame += 1;
      clog.frames.push(frame);
    }
  }

  /** One direction of a drawn link holds everything back for a while. */
  clog(): void {
    const from = this.#prng.range(0, this.#count);
    const to = (from + this.#prng.range(1, this.#count)) % this.#count;
    if (this.#clogs.some((other) => other.from === from && other.to === to)) return;
    this.#counts.clog += 1;
    const untilTick = this.#now() + this.#prng.range(1, 2 * this.faults.clogTicks + 2);
    this.#clogs.push({ from, to, untilTick, frames: [] });
  }

  /** Time passes: links flap, clogs flood. */
  tick(): void {
    this.cuts.tick(this.#now());
    for (let i = this.#clogs.length - 1; i >= 0; i--) {
      const clog = this.#clogs[i] as Clog;
      if (clog.untilTick > this.#now()) continue;
      this.#clogs.splice(i, 1);
      (this.#inboxes[clog.to] as Frame[]).push(...clog.frames);
    }
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
    for (const clog of this.#clogs) if (clog.to === to) clog.frames = [];
  }

  /** All links stand again, and what they held arrives. */
  heal(): void {
    this.cuts.heal();
    for (const clog of this.#clogs) clog.untilTick = 0;
    this.tick();
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
