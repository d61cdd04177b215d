/**
 * Feeds the receiving side of a connection with bytes that no honest peer sends, and watches what it makes of them.
 *
 *   stream of bursts ─ mutated ─▶ BurstReader ─▶ FrameRouter ─▶ inbound rings ─▶ isFrame, decodeFrame, the numbers' ranges
 *                                     └ violation: a new connection
 *
 * Anything but a verdict is a failure: a throw, a frame delivered that is unsound, more memory than was made at the start, no progress.
 */
import { Prng } from '../../src/base/prng.ts';
import { MEMBERS_MAX } from '../../src/limits.ts';
import { WORKER_WORDS } from '../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell } from '../../src/memory/doorbell.ts';
import { makePortableBulk } from '../../src/memory/portable-bulk.ts';
import { createRing, RingConsumer } from '../../src/memory/ring.ts';
import { M_FROM, M_KIND, MESSAGE_FIELDS, MESSAGE_KINDS } from '../../src/paxos/message.ts';
import { BURST_DATA, BURST_HEADER_BYTES, BurstHeaders } from '../../src/transport/burst.ts';
import { BurstReader } from '../../src/transport/burst-reader.ts';
import { LANE_BULK, LANE_CONTROL } from '../../src/transport/channel.ts';
import { FrameRouter, UNSOUND } from '../../src/transport/frame-router.ts';
import { decodeHello, HELLO_BYTES } from '../../src/transport/hello.ts';
import type { Reason } from '../../src/transport/reason.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import { decodeFrame, FRAME_GROUP_WORD, FRAME_HEADER_BYTES, isFrame } from '../../src/wire/frame.ts';
import { writeFrame } from '../support/transport-kit.ts';

export const FUZZ_PEER = 3;
export const FUZZ_GROUPS = 4;
const LINK = 17;
const BULK = makePortableBulk(crc32c);

/** The receiving side of one peer's link; connections come and go. */
export class FuzzTarget {
  delivered = 0;
  bursts = 0;
  readonly verdicts = new Map<Reason, number>();
  readonly #rings = [createRing(1 << 18), createRing(1 << 16)] as const;
  readonly #consumers = this.#rings.map((ring) => new RingConsumer(ring, 64));
  readonly #router: FrameRouter;
  readonly #message = new Float64Array(MESSAGE_FIELDS);
  #reader: BurstReader;

  constructor() {
    const block = new SharedArrayBuffer(WORKER_WORDS * 4);
    const groups = Array.from({ length: FUZZ_GROUPS - 1 }, (_, group) => group);
    this.#router = new FrameRouter(
      [
        {
          groups,
          doorbell: new Doorbell(block, 0, new AtomicsWaker(block)),
          inboundBulk: this.#rings[LANE_BULK],
          inboundControl: this.#rings[LANE_CONTROL],
        },
      ],
      { peer: FUZZ_PEER, shards: FUZZ_GROUPS, bulk: BULK, now: () => 0, addIn: () => {}, addDropsIn: () => {} },
    );
    // One reader is made per connection; its memory is what a peer can make this node hold.
    this.#reader = new BurstReader(LINK, LANE_CONTROL, BULK);
  }

  /** A new connection on the control lane. */
  connect(): void {
    this.#reader = new BurstReader(LINK, LANE_CONTROL, BULK);
  }

  /** Feeds bytes; true while the connection is believed. */
  feed(chunk: Uint8Array): boolean {
    const reader = this.#reader;
    for (let at = 0; at < chunk.length; ) {
      const next = reader.take(chunk, at);
      if (reader.violation !== undefined) return this.#verdict(reader.violation);
      if (reader.isComplete) {
        this.bursts += 1;
        if (!this.#use(reader)) return this.#verdict('malformed');
        reader.next();
      } else if (next === at) {
        throw new Error('the reader makes no progress');
      }
      at = next;
    }
    return true;
  }

  #use({ header, body, bodyWords }: BurstReader): boolean {
    if (header.kind !== BURST_DATA) return true;
    for (let offset = 0; offset < header.length; ) {
      const taken = this.#router.route(LANE_CONTROL, bodyWords, body, offset, header.length - offset);
      if (taken === UNSOUND) return false;
      offset += taken;
      if (this.#drain() === 0 && taken === 0) throw new Error('a frame waits for a ring that is empty');
    }
    return true;
  }

  #drain(): number {
    return (this.#consumers[LANE_CONTROL] as RingConsumer).poll((words, _bytes, offset, size) => {
      this.delivered += 1;
      if (!isFrame(words, offset >> 2, size)) throw new Error('what was delivered is no frame');
      if ((words[(offset >> 2) + FRAME_GROUP_WORD] as number) >>> 0 >= FUZZ_GROUPS) throw new Error('a foreign group');
      this.#judge(words, offset >> 2);
    }, 10_000);
  }

  /** Every field of a delivered message is one that the core may be given. */
  #judge(words: Int32Array, word: number): void {
    const message = this.#message;
    decodeFrame(words, word, 0, message);
    const kind = message[M_KIND] as number;
    if (kind <= 0 || kind >= MESSAGE_KINDS) throw new Error('an unknown kind');
    if (message[M_FROM] !== FUZZ_PEER || FUZZ_PEER >= MEMBERS_MAX) throw new Error('in the name of another');
    for (let field = 0; field < MESSAGE_FIELDS; field++) {
      if (!Number.isSafeInteger(message[field])) throw new Error('a number beyond 2^53');
    }
  }

  #verdict(reason: Reason): boolean {
    this.verdicts.set(reason, (this.verdicts.get(reason) ?? 0) + 1);
    return false;
  }
}

/** Makes streams of bursts with sound frames and spoils them, each in its own way; every choice comes from the seed. */
export class FrameMutator {
  readonly #prng: Prng;
  #headers = new BurstHeaders(2, LINK, LANE_CONTROL);

  constructor(seed: number) {
    this.#prng = new Prng(seed);
  }

  /** A new connection: its bursts count from 0. */
  connect(): void {
    this.#headers = new BurstHeaders(2, LINK, LANE_CONTROL);
  }

  /** One burst of `frames` frames. Most are spoiled, before the checksums are made or after. */
  next(frames: number): Uint8Array {
    const prng = this.#prng;
    if (prng.chance(0.02)) return this.#noise(prng.range(1, 200));
    const words = new Int32Array((frames * FRAME_HEADER_BYTES) / 4);
    const body = new Uint8Array(words.buffer);
    for (let frame = 0; frame < frames; frame++) {
      const word = frame * 16;
      writeFrame(words, word, FUZZ_PEER, prng.range(0, FUZZ_GROUPS), prng.next32() | 0, FRAME_HEADER_BYTES);
      words[word] = FRAME_HEADER_BYTES;
      if (prng.chance(0.3)) this.#spoilWord(words, word);
    }
    const at = this.#headers.write(BURST_DATA, body.length, crc32c(body, 0, body.length, 0), 0);
    const stream = Buffer.concat([this.#headers.bytes.subarray(at, at + BURST_HEADER_BYTES), body]);
    if (prng.chance(0.1)) this.#spoilBytes(stream);
    return stream;
  }

  /** A word of a frame becomes something else; the checksum will cover it. */
  #spoilWord(words: Int32Array, word: number): void {
    const prng = this.#prng;
    const values = [0, 1, -1, 63, 64, 65, 0x7fff_ffff, -0x8000_0000, prng.next32() | 0, 2 ** 21, 2 ** 21 - 1];
    const at = word + prng.range(0, 16);
    words[at] = prng.chance(0.5) ? (words[at] as number) ^ (1 << prng.range(0, 32)) : prng.pick(values);
  }

  /** Bits or bytes of a finished burst change, or its end is missing. */
  #spoilBytes(stream: Uint8Array): void {
    for (let flips = this.#prng.range(1, 4); flips > 0; flips--) {
      stream[this.#prng.range(0, stream.length)]! ^= 1 << this.#prng.range(0, 8);
    }
  }

  #noise(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.#prng.next32() & 0xff);
  }

  /** Bytes in place of a hello. */
  hello(): Uint8Array {
    return this.#noise(HELLO_BYTES);
  }
}

/** Runs until `frames` frames were offered; throws at the first failure. Returns how it went. */
export function fuzzFrames(seed: number, frames: number): { target: FuzzTarget; connections: number; hellos: number } {
  const target = new FuzzTarget();
  const mutator = new FrameMutator(seed);
  const prng = new Prng(seed).fork('lengths');
  let connections = 1;
  let hellos = 0;
  for (let offered = 0; offered < frames; ) {
    const count = prng.range(1, 64);
    offered += count;
    const stream = mutator.next(count);
    const cut = prng.chance(0.3) ? prng.range(0, stream.length) : stream.length;
    const isBelieved =
      target.feed(stream.subarray(0, cut)) && (cut === stream.length || target.feed(stream.subarray(cut)));
    if (isBelieved && !prng.chance(0.01)) continue;
    connections += 1;
    target.connect();
    mutator.connect();
    hellos += 1;
    if (typeof decodeHello(mutator.hello()) !== 'string') throw new Error('noise was taken for a hello');
  }
  return { target, connections, hellos };
}
