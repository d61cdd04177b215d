/** The judge of histories: right ones pass, wrong ones do not. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { judgeRegister, judgeUniqueWrites, type RegisterOperation } from './linearizability.ts';

const write = (value: number, invokedAt: number, respondedAt: number): RegisterOperation => ({
  isRead: false,
  value,
  invokedAt,
  respondedAt,
});
const read = (value: number, invokedAt: number, respondedAt: number): RegisterOperation => ({
  isRead: true,
  value,
  invokedAt,
  respondedAt,
});
const NEVER = Number.POSITIVE_INFINITY;

const test = suite('sim linearizability');

test('known histories', () => {
  const cases: [string, RegisterOperation[], string][] = [
    ['nothing', [], 'linearizable'],
    ['the initial value', [read(0, 1, 2)], 'linearizable'],
    ['a write, then its read', [write(1, 1, 2), read(1, 3, 4)], 'linearizable'],
    ['a stale read', [write(1, 1, 2), read(0, 3, 4)], 'violation'],
    ['a read during the write may see either', [write(1, 1, 9), read(0, 2, 3), read(1, 4, 5)], 'linearizable'],
    ['but not go back', [write(1, 1, 9), read(1, 2, 3), read(0, 4, 5)], 'violation'],
    ['a lost update', [write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)], 'violation'],
    ['concurrent writes in either order', [write(1, 1, 5), write(2, 1, 5), read(1, 6, 7)], 'linearizable'],
    ['but in one order for all', [write(1, 1, 5), write(2, 1, 5), read(1, 6, 7), read(2, 8, 9)], 'violation'],
    ['an unanswered write may be seen later', [write(1, 1, NEVER), read(0, 2, 3), read(1, 8, 9)], 'linearizable'],
    ['or never', [write(1, 1, NEVER), read(0, 2, 3)], 'linearizable'],
    ['but not before it was asked', [read(1, 1, 2), write(1, 3, NEVER)], 'violation'],
    ['what nobody wrote', [read(7, 1, 2)], 'violation'],
    ['one tick may overlap', [write(1, 1, 3), read(0, 3, 4)], 'linearizable'],
  ];
  for (const [name, operations, verdict] of cases) {
    assert.is(judgeRegister(operations), verdict, name);
    assert.is(judgeUniqueWrites(operations), verdict, `${name}: by zones`);
  }
});

test('a search that is too long is given up, not judged', () => {
  const operations = Array.from({ length: 12 }, (_, i) => write(i + 1, 0, 100));
  assert.is(judgeRegister([...operations, read(99, 101, 102)], 50), 'unknown');
});

/** A run of a true register: each operation takes effect at a drawn moment between its question and its answer. */
const histories = fc
  .array(
    fc.record({ at: fc.nat(200), before: fc.nat(10), after: fc.nat(10), isRead: fc.boolean(), isAnswered: fc.nat(9) }),
    { minLength: 1, maxLength: 40 },
  )
  .map((steps) => {
    let register = 0;
    const moments = steps.map((step, i) => ({ ...step, moment: step.at * 50 + i })).sort((a, b) => a.moment - b.moment);
    return moments.map(({ moment, before, after, isRead, isAnswered }, i): RegisterOperation => {
      if (!isRead) register = i + 1;
      const respondedAt = !isRead && isAnswered === 0 ? NEVER : moment + 50 * after;
      return { isRead, value: register, invokedAt: moment - 50 * before, respondedAt };
    });
  });

test('every history of a true register passes', () => {
  fc.assert(
    fc.property(histories, (operations) => judgeRegister(operations) === 'linearizable'),
    { numRuns: 300 },
  );
});

/** Anything at all: few values, each written once, read at any time. */
const anything = fc
  .array(
    fc.record({
      isRead: fc.boolean(),
      pick: fc.nat(4),
      invokedAt: fc.nat(30),
      takes: fc.nat(8),
      isAnswered: fc.nat(9),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((steps) => {
    let written = 0;
    return steps.map(({ isRead, pick, invokedAt, takes, isAnswered }): RegisterOperation => {
      if (!isRead) written += 1;
      const respondedAt = isAnswered === 0 && !isRead ? NEVER : invokedAt + takes;
      return { isRead, value: isRead ? pick : written, invokedAt, respondedAt };
    });
  });

test('search and zones agree on every history', () => {
  const verdicts = new Map<string, number>();
  fc.assert(
    fc.property(anything, (operations) => {
      const verdict = judgeRegister(operations);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      return judgeUniqueWrites(operations) === verdict;
    }),
    { numRuns: 3000 },
  );
  assert.ok((verdicts.get('linearizable') ?? 0) > 100 && (verdicts.get('violation') ?? 0) > 100, 'both happen');
});

test('a stale read after everything else is found', () => {
  fc.assert(
    fc.property(histories, fc.nat(40), (operations, pick) => {
      const writes = operations.filter(({ isRead, respondedAt }) => !isRead && respondedAt !== NEVER);
      const old = writes[pick % Math.max(1, writes.length)];
      const end = Math.max(...operations.map(({ respondedAt }) => (respondedAt === NEVER ? 0 : respondedAt))) + 1;
      const isOver = writes.some((newer) => old !== undefined && newer.invokedAt > old.respondedAt);
      const mayBe = operations.some(({ isRead, respondedAt }) => !isRead && respondedAt === NEVER);
      if (old === undefined || !isOver || mayBe) return true;
      // Overwritten for sure: a write began after this one had ended.
      return judgeRegister([...operations, read(old.value, end, end + 1)]) === 'violation';
    }),
    { numRuns: 300 },
  );
});

test.run();
