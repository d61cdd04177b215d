/** The session table against a plain list of sessions, and two tables fed alike against each other. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SESSION_EXPIRY_MS, SESSIONS_MAX } from '../../src/limits.ts';
import { DUPLICATE, FRESH, GAP, SessionTable } from '../../src/runtime/session-table.ts';

interface ModelSession {
  id: number;
  nonce: number;
  last: number;
  usedMs: number;
}

interface Step {
  kind: 'open' | 'close' | 'use';
  nonce: number;
  /** Number of a command, relative to the last one applied. */
  ahead: number;
  elapsedMs: number;
}

/** What a table must do, written for clarity alone. */
class Model {
  sessions: ModelSession[] = [];
  nowMs = 0;

  of(nonce: number): ModelSession | undefined {
    return this.sessions.find((session) => session.nonce === nonce);
  }

  /** The session that must give way for a new one, if there is one. */
  expired(): ModelSession | undefined {
    const oldestMs = Math.min(...this.sessions.map(({ usedMs }) => usedMs));
    return this.nowMs - oldestMs < SESSION_EXPIRY_MS ? undefined : this.sessions.find((one) => one.usedMs === oldestMs);
  }
}

class Pair {
  readonly model = new Model();
  readonly table = new SessionTable();

  step({ kind, nonce, ahead, elapsedMs }: Step): void {
    this.model.nowMs += elapsedMs;
    if (kind === 'open') this.open(nonce);
    else if (kind === 'close') this.#close(nonce);
    else this.#use(nonce, ahead);
    assert.is(this.table.count, this.model.sessions.length);
  }

  open(nonce: number): void {
    const { model } = this;
    const id = this.table.open(nonce, ~nonce, model.nowMs);
    const known = model.of(nonce);
    if (known !== undefined) {
      assert.is(id, known.id);
      return;
    }
    if (model.sessions.length === SESSIONS_MAX) {
      const expired = model.expired();
      assert.is(id === -1, expired === undefined, 'a full table admits whom an expired session makes room');
      if (expired === undefined) return;
      assert.is(this.table.lookup(expired.id), -1);
      model.sessions.splice(model.sessions.indexOf(expired), 1);
    }
    assert.ok(id > 0);
    model.sessions.push({ id, nonce, last: 0, usedMs: model.nowMs });
  }

  #close(nonce: number): void {
    const session = this.model.of(nonce);
    if (session === undefined) return;
    this.table.close(session.id);
    assert.is(this.table.lookup(session.id), -1);
    this.model.sessions.splice(this.model.sessions.indexOf(session), 1);
  }

  #use(nonce: number, ahead: number): void {
    const session = this.model.of(nonce);
    if (session === undefined) {
      assert.ok(this.table.findByNonce(nonce, ~nonce) <= 0);
      return;
    }
    const index = this.table.lookup(session.id);
    const verdict = this.table.judge(index, Float64Array.of(session.last + ahead), 0);
    assert.is(verdict, ahead === 1 ? FRESH : ahead < 1 ? DUPLICATE : GAP);
    if (verdict !== FRESH) return;
    this.table.advance(index, Float64Array.of(this.model.nowMs));
    session.last += 1;
    session.usedMs = this.model.nowMs;
  }

  /** Every live session is found by id and by nonce, under an index of its own. */
  check(): void {
    const indices = new Set<number>();
    for (const { id, nonce, last } of this.model.sessions) {
      const index = this.table.lookup(id);
      indices.add(index);
      assert.is(this.table.findByNonce(nonce, ~nonce), id);
      assert.is(this.table.lastApplied(index), last);
    }
    assert.not(indices.has(-1));
    assert.is(indices.size, this.model.sessions.length);
  }
}

const steps = (nonceMax: number, elapsedMs: fc.Arbitrary<number>) =>
  fc.array(
    fc.record({
      kind: fc.constantFrom('open' as const, 'open' as const, 'close' as const, 'use' as const, 'use' as const),
      nonce: fc.integer({ min: 1, max: nonceMax }),
      ahead: fc.integer({ min: -2, max: 3 }),
      elapsedMs,
    }),
    { maxLength: 80 },
  );

const test = suite('property: session table');

test('a table does what the list of its sessions says (E2)', () => {
  fc.assert(
    fc.property(steps(12, fc.nat(SESSION_EXPIRY_MS)), (list) => {
      const pair = new Pair();
      for (const step of list) pair.step(step);
      pair.check();
    }),
  );
});

test('so does a full one, where sessions expire', () => {
  fc.assert(
    fc.property(steps(60, fc.constantFrom(0, 1, SESSION_EXPIRY_MS / 2, SESSION_EXPIRY_MS)), (list) => {
      const pair = new Pair();
      for (let nonce = 1; nonce <= SESSIONS_MAX; nonce++) {
        pair.model.nowMs += 1;
        pair.open(nonce);
      }
      for (const step of list) pair.step({ ...step, nonce: SESSIONS_MAX - 20 + step.nonce });
      pair.check();
    }),
    { numRuns: 20 },
  );
});

test('tables fed alike give out the same ids', () => {
  fc.assert(
    fc.property(steps(12, fc.nat(1000)), (list) => {
      const pairs = [new Pair(), new Pair()];
      for (const pair of pairs) for (const step of list) pair.step(step);
      const [mine, theirs] = pairs.map(({ model }) => model.sessions);
      assert.equal(mine, theirs);
    }),
  );
});

test.run();
