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

test('frames arrive at most once, in order, and only over the connection that they were sent on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const ends = [new End(0), new End(1)] as const;
      let streams: PairEnd[][] = [[], []];
      let links = 0;
      let mark = 0;
      /** First mark of each connection. */
      let since = 1;
      const connect = (): void => {
        links += 1;
        since = mark + 1;
        for (const end of ends) {
          end.poll(1000);
          end.received[0].length = 0;
          end.received[1].length = 0;
        }
        const [bulk, control] = [duplexPair(), duplexPair()];
        streams = [
          [bulk[0], control[0]],
          [bulk[1], control[1]],
        ];
        ends.forEach((end, own) => {
          const lines = [lineOver(bulk[own] as PairEnd), lineOver(control[own] as PairEnd)] as const;
          end.link.establish({ lines, linkNumber: links, isDialer: own === 0 });
        });
      };
      const checkOrder = (): void => {
        for (const end of ends) {
          for (const marks of end.received) {
            assert.equal(
              marks,
              [...new Set(marks)].sort((a, b) => a - b),
            );
            assert.ok(marks.every((found) => found >= since));
          }
        }
      };
      for (const { do: action, from, lane, size } of steps) {
        const end = ends[from] as End;
        if (action === 'send' && end.send(lane, mark + 1, size)) mark += 1;
        else if (action === 'turn') end.link.turn();
        else if (action === 'poll') end.poll(size);
        else if (action === 'pass') await pass(ends);
        else if (action === 'connect') connect();
        else if (action === 'break') streams[from]?.[lane]?.destroy();
        checkOrder();
      }
      connect();
      const sent = [0, 1].map((from) =>
        [0, 1].map((lane) => ends[from]?.send(lane, (mark += 1), 200) === true && mark),
      );
      for (let round = 0; round < 200 && ends.some((end) => !end.isFree() || end.link.isDue()); round++) {
        for (const end of ends) {
          end.link.turn();
          end.poll(1000);
        }
        await pass(ends);
        for (const end of ends) end.poll(1000);
      }
      checkOrder();
      for (const from of [0, 1]) {
        for (const lane of [0, 1]) assert.ok(ends[1 - from]?.received[lane]?.includes(sent[from]?.[lane] as number));
        assert.ok(ends[from]?.isFree(), 'every ring byte came back');
        assert.is(readLinkStatus((ends[from] as End).status, 1 - from).state, 'up');
      }
      for (const { link } of ends) link.disconnect('stopping', '');
    }),
    { numRuns: 150 },
  );
});

test.run();
