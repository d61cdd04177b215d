/**
 * Two ends of a link under any sequence of sends, turns, losses and new connections. What must hold: a frame arrives at most once,
 * the frames of a lane arrive in order, a frame sent before a connection never arrives over it, and once the network is quiet
 * everything sent on the last connection is there and every ring byte is free again.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  RING_HEAD_WORD,
  RING_TAIL_WORD,
  TYPE_FRAME,
  WORKER_DOORBELL_WORD,
  WORKER_WORDS,
} from '../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell } from '../../src/memory/doorbell.ts';
import { makePortableBulk } from '../../src/memory/portable-bulk.ts';
import { createRing, RingConsumer, RingProducer } from '../../src/memory/ring.ts';
import { createLinkStatus, LinkStatusWriter, readLinkStatus } from '../../src/transport/link-status.ts';
import { PeerLink } from '../../src/transport/peer-link.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import { FRAME_VALUE_CRC_WORD } from '../../src/wire/frame.ts';
import { duplexPair, lineOver, type PairEnd } from '../support/duplex-pair.ts';
import { writeFrame } from '../support/transport-kit.ts';

const test = suite('property/peer-link');
const RING_BYTES = 2048;

class End {
  readonly link: PeerLink;
  readonly status = createLinkStatus();
  readonly received: [number[], number[]] = [[], []];
  readonly #own: number;
  readonly #out: RingProducer[];
  readonly #in: RingConsumer[];

  constructor(own: number) {
    this.#own = own;
    const block = new SharedArrayBuffer(WORKER_WORDS * 4);
    const [outboundBulk, outboundControl, inboundBulk, inboundControl] = Array.from({ length: 4 }, () =>
      createRing(RING_BYTES),
    ) as [SharedArrayBuffer, SharedArrayBuffer, SharedArrayBuffer, SharedArrayBuffer];
    const doorbell = new Doorbell(block, WORKER_DOORBELL_WORD, new AtomicsWaker(block));
    this.#out = [new RingProducer(outboundBulk, 64), new RingProducer(outboundControl, 64)];
    this.#in = [new RingConsumer(inboundBulk, 64), new RingConsumer(inboundControl, 64)];
    this.link = new PeerLink({
      memberIndex: 1 - own,
      shards: 1,
      workers: [{ groups: [0], doorbell, outboundBulk, outboundControl, inboundBulk, inboundControl }],
      bulk: makePortableBulk(crc32c),
      status: new LinkStatusWriter(this.status, 1 - own),
      upgraders: [],
      now: () => 0,
      nextLinkNumber: () => 0,
      wake: () => {},
      onUp: () => {},
      onDown: () => {},
    });
  }

  send(lane: number, mark: number, size: number): boolean {
    const ring = this.#out[lane] as RingProducer;
    const offset = ring.claim(size, TYPE_FRAME);
    if (offset < 0) return false;
    writeFrame(ring.words, offset >> 2, this.#own, 0, mark, size);
    ring.publish();
    return true;
  }

  poll(limit: number): void {
    this.#in.forEach((ring, lane) => {
      ring.poll((words, _bytes, offset) => {
        this.received[lane]?.push(words[(offset >> 2) + FRAME_VALUE_CRC_WORD] as number);
      }, limit);
    });
  }

  /** Everything that was sent was released. */
  isFree(): boolean {
    return this.#out.every(({ words }) => words[RING_HEAD_WORD] === words[RING_TAIL_WORD]);
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      from: fc.nat(1),
      lane: fc.nat(1),
      size: fc.constantFrom(64, 100, 700),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('turn' as const), from: fc.nat(1), lane: fc.nat(0), size: fc.nat(0) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('poll' as const),
      from: fc.nat(1),
      lane: fc.nat(0),
      size: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), from: fc.nat(0), lane: fc.nat(0), size: fc.nat(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('connect' as const), from: fc.nat(0), lane: fc.nat(0), size: fc.nat(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('break' as const), from: fc.nat(1), lane: fc.nat(1), size: fc.nat(0) }),
  },
);

/** What is on its way in streams moves on. */
async function pass(ends: readonly End[]): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
  for (const { link } of ends) link.retryStalled();
}

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Both ends, and what is known of the frames between them. */
class Pair {
  readonly ends = [new End(0), new End(1)] as const;
  #streams: PairEnd[][] = [[], []];
  #links = 0;
  #mark = 0;
  /** First mark of the connection that stands. */
  #since = 1;

  async take({ do: action, from, lane, size }: Step): Promise<void> {
    const end = this.ends[from] as End;
    if (action === 'send') this.#send(from, lane, size);
    else if (action === 'turn') end.link.turn();
    else if (action === 'poll') end.poll(size);
    else if (action === 'pass') await pass(this.ends);
    else if (action === 'connect') this.connect();
    else this.#streams[from]?.[lane]?.destroy();
    this.#checkOrder();
  }

  connect(): void {
    this.#links += 1;
    this.#since = this.#mark + 1;
    for (const end of this.ends) {
      end.poll(1000);
      end.received[0].length = 0;
      end.received[1].length = 0;
    }
    const lanes = [duplexPair(), duplexPair()] as const;
    this.#streams = [0, 1].map((own) => lanes.map((lane) => lane[own] as PairEnd));
    this.ends.forEach((end, own) => {
      const [bulk, control] = this.#streams[own] as [PairEnd, PairEnd];
      const lines = [lineOver(bulk), lineOver(control)] as const;
      end.link.establish({ lines, linkNumber: this.#links, isDialer: own === 0 });
    });
  }

  /** A last frame on every lane; then the network is left in peace. */
  async finish(): Promise<void> {
    const last = [0, 1].map((from) => [0, 1].map((lane) => this.#send(from, lane, 200)));
    for (let round = 0; round < 200 && this.ends.some((end) => !end.isFree() || end.link.isDue()); round++) {
      for (const end of this.ends) end.link.turn();
      await pass(this.ends);
      for (const end of this.ends) end.poll(1000);
    }
    this.#checkOrder();
    this.ends.forEach((end, own) => {
      for (const lane of [0, 1] as const)
        assert.ok(this.ends[1 - own]?.received[lane].includes(last[own]?.[lane] ?? 0));
      assert.ok(end.isFree(), 'every ring byte came back');
      assert.is(readLinkStatus(end.status, 1 - own).state, 'up');
      end.link.disconnect('stopping', '');
    });
  }

  /** The mark of a frame that was taken; 0 where there was no room. */
  #send(from: number, lane: number, size: number): number {
    if (this.ends[from]?.send(lane, this.#mark + 1, size) !== true) return 0;
    this.#mark += 1;
    return this.#mark;
  }

  #checkOrder(): void {
    for (const marks of this.ends.flatMap((end) => end.received)) {
      assert.equal(
        marks,
        [...new Set(marks)].sort((a, b) => a - b),
      );
      assert.ok(marks.every((mark) => mark >= this.#since));
    }
  }
}

test('frames arrive at most once, in order, and only over the connection that they were sent on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const pair = new Pair();
      for (const next of steps) await pair.take(next);
      pair.connect();
      await pair.finish();
    }),
    { numRuns: 150 },
  );
});

test.run();
