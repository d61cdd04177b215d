/** Blocks of the kv store's memory: pages that never move, released blocks used again. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ARENA_PAGE_BITS, ARENA_PAGE_MASK, ARENA_PAGE_WORDS, KvArena } from '../../../src/machines/kv-arena.ts';

const test = suite('machines/kv-arena');

test('blocks are apart, within one page and inside the memory there is', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 4, max: 19 }), fc.boolean()), { maxLength: 60 }), (steps) => {
      const arena = new KvArena();
      const live = new Map<number, number>();
      for (const [sizeClass, isRelease] of steps) {
        const [oldest] = live;
        if (isRelease && oldest !== undefined) {
          arena.release(...oldest);
          live.delete(oldest[0]);
        }
        const block = arena.allocate(sizeClass);
        const size = 1 << sizeClass;
        assert.ok(block > 0 && block % 16 === 0);
        assert.is(block >>> ARENA_PAGE_BITS, (block + size - 1) >>> ARENA_PAGE_BITS);
        assert.ok((block & ARENA_PAGE_MASK) + size <= (arena.pages[block >>> ARENA_PAGE_BITS]?.length ?? 0));
        for (const [other, otherClass] of live)
          assert.ok(block + size <= other || other + (1 << otherClass) <= block, 'blocks overlap');
        live.set(block, sizeClass);
      }
    }),
    { numRuns: 200 },
  );
});

test('the rest of a page that a large block does not fit is used by smaller ones', () => {
  const arena = new KvArena();
  arena.allocate(4);
  const large = arena.allocate(ARENA_PAGE_BITS);
  assert.is(large, ARENA_PAGE_WORDS);
  const { end } = arena;
  for (let i = 0; i < 1000; i++) arena.allocate(4);
  for (const sizeClass of [18, 17, 16]) arena.allocate(sizeClass);
  assert.is(arena.end, end + 1000 * 16);
  assert.ok(arena.allocate(18) > ARENA_PAGE_WORDS);
});

test('pages do not move when the arena grows beyond the first', () => {
  const arena = new KvArena();
  for (let i = 0; i < 4; i++) arena.allocate(ARENA_PAGE_BITS);
  const pages = arena.pages.slice();
  for (let i = 0; i < 4; i++) arena.allocate(ARENA_PAGE_BITS);
  pages.forEach((page, i) => {
    assert.is(arena.pages[i], page);
  });
});

test('a cleared arena has room for what fills it', () => {
  const arena = new KvArena();
  arena.clear(arena.freeBlocks());
  const page = new Int32Array(ARENA_PAGE_WORDS).fill(6);
  for (let n = 0; n < 3; n++) arena.fill(n * ARENA_PAGE_WORDS, page);
  assert.throws(() => arena.fill(0, page), /in order/);
  arena.fill(3 * ARENA_PAGE_WORDS, new Int32Array(32).fill(7));
  assert.equal([arena.pages.length, arena.pages[2]?.[ARENA_PAGE_WORDS - 1], arena.pages[3]?.[31]], [4, 6, 7]);
  assert.is(arena.allocate(4), 3 * ARENA_PAGE_WORDS + 32);
});

test.run();
