/** The ring against a plain array queue: any sequence of calls, any sizes, positions near every wrap. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RING_HEAD_WORD, RING_TAIL_WORD, TYPE_COMMAND } from '../../src/memory/descriptor.ts';
import { createRing, type RecordAlignment, RingConsumer, RingProducer } from '../../src/memory/ring.ts';
import { command } from '../support/commands.ts';

const test = suite('property/ring');

const CAPACITY = 512;

interface Item {
  size: number;
  mark: number;
}

/** What the ring must behave like: three lists and the bytes they take, padding included. */
class Model {
  claimed: Item[] = [];
  published: Item[] = [];
  /** Bytes between head and cursor, by the model's own arithmetic. */
  private cursor: number;
  private tail: number;
  private head: number;
  private readonly alignment: number;
  /** Ends of published records, to find the head after a release. */
  private ends: number[] = [];
  private claimedEnds: number[] = [];

  constructor(start: number, alignment: number) {
    this.cursor = start;
    this.tail = start;
    this.head = start;
    this.alignment = alignment;
  }

  claim(item: Item): boolean {
    const length = Math.ceil(item.size / this.alignment) * this.alignment;
    const place = this.cursor % CAPACITY;
    const begin = place + length > CAPACITY ? this.cursor + CAPACITY - place : this.cursor;
    if (begin + length - this.head > CAPACITY) return false;
    this.cursor = begin + length;
    this.claimed.push(item);
    this.claimedEnds.push(this.cursor);
    return true;
  }

  publish(): void {
    this.published.push(...this.claimed);
    this.ends.push(...this.claimedEnds);
    this.claimed = [];
    this.claimedEnds = [];
    this.tail = this.cursor;
  }

  abandon(): void {
    this.claimed = [];
    this.claimedEnds = [];
    this.cursor = this.tail;
  }

  poll(limit: number): Item[] {
    const items = this.published.splice(0, limit);
    const ends = this.ends.splice(0, items.length);
    this.head = ends.at(-1) ?? this.head;
    return items;
  }
}

/** One ring from both ends. */
class Real {
  readonly alignment: RecordAlignment;
  readonly #ring: SharedArrayBuffer;
  producer: RingProducer;
  consumer: RingConsumer;
  mark = 0;

  constructor(start: number, alignment: RecordAlignment) {
    this.alignment = alignment;
    this.#ring = createRing(CAPACITY);
    const words = new Int32Array(this.#ring);
    words[RING_TAIL_WORD] = start | 0;
    words[RING_HEAD_WORD] = start | 0;
    this.producer = new RingProducer(this.#ring, alignment);
    this.consumer = new RingConsumer(this.#ring, alignment);
  }

  renewProducer(): void {
    this.producer = new RingProducer(this.#ring, this.alignment);
  }

  renewConsumer(): void {
    this.consumer = new RingConsumer(this.#ring, this.alignment);
  }
}

function claim(size: number) {
  return command<Model, Real>(`claim ${size}`, (model, real) => {
    real.mark = (real.mark + 1) & 0xff;
    const hadRoom = real.producer.hasRoom(size);
    const offset = real.producer.claim(size, TYPE_COMMAND);
    const isFitting = model.claim({ size, mark: real.mark });
    assert.is(offset >= 0, isFitting, 'room as in the model');
    assert.is(hadRoom, isFitting, 'hasRoom agrees with claim');
    if (offset >= 0) real.producer.bytes.fill(real.mark, offset + 8, offset + size);
  });
}

function poll(limit: number) {
  return command<Model, Real>(`poll ${limit}`, (model, { consumer, alignment }) => {
    const seen: Item[] = [];
    assert.is(consumer.isEmpty(), model.published.length === 0);
    consumer.poll((_words, bytes, offset, size) => {
      assert.is((offset - 256) % alignment, 0);
      const payload = bytes.slice(offset + 8, offset + size);
      assert.ok(payload.every((byte) => byte === payload[0]));
      seen.push({ size, mark: payload[0] ?? -1 });
    }, limit);
    const expected = model.poll(limit).map((item) => (item.size === 8 ? { ...item, mark: -1 } : item));
    assert.equal(seen, expected);
  });
}

const publish = command<Model, Real>('publish', (model, real) => {
  real.producer.publish();
  model.publish();
});
const abandon = command<Model, Real>('abandon', (model, real) => {
  real.producer.abandon();
  model.abandon();
});
const renewProducer = command<Model, Real>('renew the producer', (model, real) => {
  real.renewProducer();
  model.abandon();
});
const renewConsumer = command<Model, Real>('renew the consumer', (_model, real) => real.renewConsumer());

const claims = fc.integer({ min: 8, max: 256 }).map(claim);
const polls = fc.integer({ min: 0, max: 5 }).map(poll);
const publishes = fc.constant(publish);
/** As often as they are listed. */
const commands = fc.commands(
  [
    ...[claims, claims, claims, claims],
    ...[publishes, publishes, polls, polls],
    fc.constantFrom(abandon, renewProducer, renewConsumer),
  ],
  { maxCommands: 120, size: 'max' },
);

/** Units of 64 bytes around 0, 2^31 and 2^32. */
const starts = fc
  .tuple(fc.constantFrom(2 ** 20, 2 ** 31, 2 ** 32), fc.integer({ min: -40, max: 8 }))
  .map(([wrap, units]) => wrap + units * 64);

test('any sequence of calls behaves like a queue with bounded room', () => {
  fc.assert(
    fc.property(starts, fc.constantFrom<RecordAlignment>(8, 64), commands, (start, alignment, list) =>
      fc.modelRun(() => ({ model: new Model(start, alignment), real: new Real(start, alignment) }), list),
    ),
    { numRuns: 600, includeErrorInReport: true },
  );
});

test('any bytes published as a ring end in records or an error within the published range', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: CAPACITY, maxLength: CAPACITY }),
      fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 0, max: CAPACITY / 8 }).map((units) => units * 8),
      (noise, sizes, tail) => {
        const ring = createRing(CAPACITY);
        const consumer = new RingConsumer(ring);
        consumer.bytes.set(noise, 256);
        // Plausible sizes at plausible places, so that walks get beyond the first record.
        let place = 0;
        for (const size of sizes) {
          if (place + 8 > CAPACITY) break;
          consumer.words[(256 + place) >> 2] = size;
          place += Math.max(8, (size + 7) & ~7);
        }
        consumer.words[RING_TAIL_WORD] = tail;
        let count = 0;
        try {
          while (consumer.next() >= 0) {
            count += 1;
            assert.ok(count <= CAPACITY / 8);
          }
          consumer.release();
          assert.is(consumer.words[RING_HEAD_WORD], tail);
        } catch (error) {
          assert.is((error as { code?: string }).code, 'ERR_SYNOD_INVARIANT');
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test.run();
