/** A view of words that change while it is read. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FrozenWords, UNIT_WORDS } from '../../../src/machines/frozen-words.ts';

const PAGE_BITS = 17;
const PAGE_WORDS = 1 << PAGE_BITS;
const LINE_WORDS = 16;

const filled = (pages: number): Int32Array[] =>
  Array.from({ length: pages }, (_, page) => Int32Array.from({ length: PAGE_WORDS }, (_, i) => page * PAGE_WORDS + i));

const test = suite('machines/frozen-words');

test('gives the words of its moment, whatever is changed between units', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.tuple(fc.nat(2 * PAGE_WORDS - 64), fc.integer({ min: 1, max: 60 })), { maxLength: 30 }), {
        minLength: 3,
        maxLength: 3,
      }),
      (changes) => {
        const pages = filled(2);
        const unit = new Int32Array(UNIT_WORDS);
        const end = PAGE_WORDS + UNIT_WORDS + 48;
        const view = new FrozenWords(pages, PAGE_BITS, end, unit);
        let at = 0;
        for (let round = 0; !view.isRead; round++) {
          for (const [from, count] of changes[round % 3] ?? []) {
            const page = pages[from >>> PAGE_BITS] as Int32Array;
            const inPage = Math.min(count, PAGE_WORDS - (from & (PAGE_WORDS - 1)));
            view.keep(page, from, inPage);
            page.fill(-1, from & (PAGE_WORDS - 1), (from & (PAGE_WORDS - 1)) + inPage);
          }
          const count = view.read();
          for (let i = 0; i < count; i++) if (unit[i] !== at + i) assert.unreachable(`word ${at + i} is ${unit[i]}`);
          at += count;
        }
        assert.is(at, end);
        assert.is(view.kept, 0);
      },
    ),
    { numRuns: 30 },
  );
});

test('keeps each line once, none that was read, and none of a page that took the place of one', () => {
  const pages = filled(1);
  const page = pages[0] as Int32Array;
  const view = new FrozenWords(pages, PAGE_BITS, PAGE_WORDS, new Int32Array(UNIT_WORDS));
  view.keep(page, UNIT_WORDS + 3, 1);
  view.keep(page, UNIT_WORDS, LINE_WORDS);
  assert.is(view.kept, 1);
  view.keep(page, UNIT_WORDS + 15, 2);
  assert.is(view.kept, 2);
  view.read();
  view.keep(page, 0, UNIT_WORDS);
  view.keep(page, UNIT_WORDS - LINE_WORDS, 2 * LINE_WORDS);
  assert.is(view.kept, 2);
  view.keep(new Int32Array(PAGE_WORDS), UNIT_WORDS + 64, 1);
  assert.is(view.kept, 2);
  assert.is(view.keptMost, 2);
  assert.is(view.read(), UNIT_WORDS);
  assert.ok(view.isRead);
  assert.throws(() => view.read(), /there is a unit to read/);
});

test('what is kept takes the room of what was given back', () => {
  const pages = filled(1);
  const page = pages[0] as Int32Array;
  const view = new FrozenWords(pages, PAGE_BITS, PAGE_WORDS, new Int32Array(UNIT_WORDS));
  view.keep(page, 0, UNIT_WORDS);
  const most = view.keptMost;
  view.read();
  view.keep(page, UNIT_WORDS, UNIT_WORDS);
  assert.is(view.keptMost, most);
});

test.run();
