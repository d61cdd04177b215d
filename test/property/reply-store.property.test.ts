import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SESSION_INFLIGHT_MAX } from '../../src/limits.ts';
import { REPLY_EVICTED, REPLY_HEADER_BYTES } from '../../src/memory/descriptor.ts';
import { ReplyStore } from '../../src/runtime/reply-store.ts';

const SOURCE_BYTES = 1 << 16;
const TARGET_BYTES = 1 << 20;

/** What the store must remember: number, length and first word of each reply. */
class Model {
  store = new ReplyStore();
  /** The same replies without images in between: eviction must not differ (S18). */
  readonly #twin = new ReplyStore();
  readonly lengths: number[] = [0];
  readonly #source = new Int32Array(SOURCE_BYTES / 4);
  readonly #target = new Uint8Array(TARGET_BYTES);
  readonly #words = new Int32Array(this.#target.buffer);
  #next = 1;

  constructor() {
    this.store.reset();
    this.#twin.reset();
  }

  append(length: number): void {
    const number = this.lengths.push(length) - 1;
    this.#source.fill(number, 0, (length + 3) >> 2);
    this.store.append(this.#source, length, 0);
    this.#twin.append(this.#source, length, 0);
  }

  /** Reads the next run from `#next` on and compares it. */
  read(bytesMax: number): void {
    const last = this.lengths.length - 1;
    if (this.#next > last) return;
    const bytes = this.store.measure(this.#next, bytesMax);
    const count = this.store.copy(this.#next, this.#target, this.#words, 0, bytes);
    assert.ok(count > 0, `an empty run at ${this.#next} of ${last}`);
    let word = 0;
    for (let i = 0; i < count; i++) word = this.#compare(this.#next + i, word);
    assert.is(word * 4, bytes);
    this.#next += count;
  }

  #compare(number: number, word: number): number {
    const size = this.#words[word] as number;
    const isEvicted = this.#words[word + 1] === REPLY_EVICTED;
    assert.ok(!isEvicted || number <= this.lengths.length - 1, 'evicted replies are old ones');
    if (!isEvicted) {
      const length = this.lengths[number] as number;
      assert.is(size, REPLY_HEADER_BYTES + length, `size of reply ${number}`);
      if (length >= 4) assert.is(this.#words[word + 2], number, `bytes of reply ${number}`);
    }
    return word + (((size + 7) & ~7) >> 2);
  }

  /** Another store goes on from the image of this one. */
  restore(): void {
    const restored = new ReplyStore();
    restored.restore(this.store.image());
    this.store = restored;
  }

  compareTwin(): void {
    for (let number = 1; number < this.lengths.length; number++)
      assert.is(this.store.measure(number, 1), this.#twin.measure(number, 1), `reply ${number}`);
  }

  seek(share: number): void {
    this.#next = 1 + Math.floor(share * (this.lengths.length - 1));
  }

  /** Everything that is left, to the last reply. */
  readAll(): void {
    while (this.#next < this.lengths.length) this.read(1 << 16);
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), value: fc.constantFrom(0, 8, 16, 24) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('append' as const), value: fc.integer({ min: 0, max: 8000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), value: fc.integer({ min: 1, max: 9000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('seek' as const), value: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
  },
);

const withImages = fc.oneof(
  { weight: 8, arbitrary: step },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), value: fc.constant(0) }) },
);

const test = suite('property: reply store');

test('every reply that is remembered comes back as it was, in order, from wherever the reader stands', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 200 }), (steps, repeats) => {
      const model = new Model();
      for (let round = 0; round < repeats; round++) {
        for (const { kind, value } of steps) {
          if (kind === 'append') model.append(value);
          else if (kind === 'read') model.read(value);
          else model.seek(value);
        }
      }
      model.readAll();
    }),
    { numRuns: 60 },
  );
});

test('S16, S18: an image is the store: it remembers and forgets alike from there on', () => {
  fc.assert(
    fc.property(fc.array(withImages, { maxLength: 40 }), fc.integer({ min: 1, max: 60 }), (steps, repeats) => {
      const model = new Model();
      // More than fits: the ring has come round.
      for (let n = 0; n < 700; n++) model.append(8000);
      for (let round = 0; round < repeats; round++) {
        for (const { kind, value } of steps) {
          if (kind === 'append') model.append(value);
          else if (kind === 'read') model.read(value);
          else if (kind === 'seek') model.seek(value);
          else model.restore();
        }
      }
      model.compareTwin();
      model.readAll();
    }),
    { numRuns: 30 },
  );
});

test('a ring that is filled to its last byte does not write over its oldest reply', () => {
  const model = new Model();
  for (let i = 0; i < 65536 / 32; i++) model.append(24);
  model.append(24);
  model.readAll();
});

test('a reader that stands behind a gap is not lost when the tail comes round to the gap', () => {
  const model = new Model();
  for (let i = 0; i < 3 * SESSION_INFLIGHT_MAX; i++) model.append(i % 3 === 0 ? 24 : 16);
  model.readAll();
  for (let i = 0; i < 3 * SESSION_INFLIGHT_MAX; i++) model.append(i % 2 === 0 ? 24 : 16);
  model.readAll();
});

test.run();
