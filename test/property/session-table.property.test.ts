/** The session table against a plain list of sessions, and two tables fed alike against each other. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SESSION_EXPIRY_MS, SESSIONS_MAX } from '../../src/limits.ts';
import { DUPLICATE, FRESH, GAP, SessionTable } from '../../src/runtime/session-table.ts';
import { command, followsModel } from '../support/commands.ts';

interface ModelSession {
  id: number;
  nonce: number;
  last: number;
  usedMs: number;
  attempts: number[];
}

/** What a table must do, written for clarity alone. */
class Model {
  sessions: ModelSession[] = [];
  /** By place in the table: the nonce of the last session that had it. */
  readonly places: number[] = [];
  nowMs = 0;

  of(nonce: number): ModelSession | undefined {
    return this.sessions.find((session) => session.nonce === nonce);
  }

  /** Its place tells until another session gets it. */
  wasClosed(nonce: number): boolean {
    return this.of(nonce) === undefined && this.places.includes(nonce);
  }

  add(id: number, nonce: number): void {
    const isFull = this.places.length === SESSIONS_MAX;
    const place = isFull ? this.places.findIndex((last) => this.of(last) === undefined) : this.places.length;
    this.places[place] = nonce;
    this.sessions.push({ id, nonce, last: 0, usedMs: this.nowMs, attempts: [] });
  }

  /** The session that must give way for a new one, if there is one. */
  expired(): ModelSession | undefined {
    const oldestMs = Math.min(...this.sessions.map(({ usedMs }) => usedMs));
    return this.nowMs - oldestMs < SESSION_EXPIRY_MS ? undefined : this.sessions.find((one) => one.usedMs === oldestMs);
  }
}

function opening(nonce: number) {
  return command<Model, SessionTable>(`open ${nonce}`, (model, table) => {
    const id = table.open(nonce, ~nonce, model.nowMs);
    const known = model.of(nonce);
    if (known !== undefined) {
      assert.is(id, known.id, 'E2');
      return;
    }
    if (model.wasClosed(nonce)) {
      assert.is(id, 0, 'S17: an opening that comes late');
      return;
    }
    if (model.sessions.length === SESSIONS_MAX) {
      const expired = model.expired();
      assert.is(id === -1, expired === undefined, 'a full table admits whom an expired session makes room');
      if (expired === undefined) return;
      assert.is(table.lookup(expired.id), -1);
      model.sessions.splice(model.sessions.indexOf(expired), 1);
    }
    assert.ok(id > 0);
    model.add(id, nonce);
    check(model, table);
  });
}

function resuming(nonce: number, attempt: number) {
  return command<Model, SessionTable>(`resume ${nonce}, attempt ${attempt}`, (model, table) => {
    const session = model.of(nonce);
    const id = table.resume(nonce, ~nonce, attempt, 1, model.nowMs);
    if (session === undefined) {
      assert.is(id, 0, 'E4: nothing is created by resuming it');
      return;
    }
    const isKnown = session.attempts.slice(-2).includes(attempt);
    assert.is(id === session.id, isKnown, 'E4: every new attempt gets an id of its own');
    if (!isKnown) {
      assert.is(table.lookup(session.id), -1, 'E4');
      session.attempts.push(attempt);
      session.usedMs = model.nowMs;
    }
    session.id = id;
    check(model, table);
  });
}

function closing(nonce: number) {
  return command<Model, SessionTable>(`close ${nonce}`, (model, table) => {
    const session = model.of(nonce);
    if (session === undefined) return;
    table.close(session.id);
    assert.is(table.lookup(session.id), -1);
    model.sessions.splice(model.sessions.indexOf(session), 1);
    check(model, table);
  });
}

/** A command whose number is `ahead` of the last one applied. */
function use(nonce: number, ahead: number) {
  return command<Model, SessionTable>(`use ${nonce}, ${ahead} ahead`, (model, table) => {
    const session = model.of(nonce);
    if (session === undefined) {
      assert.ok(table.findByNonce(nonce, ~nonce) <= 0);
      return;
    }
    const index = table.lookup(session.id);
    const verdict = table.judge(index, Float64Array.of(session.last + ahead), 0);
    assert.is(verdict, ahead === 1 ? FRESH : ahead < 1 ? DUPLICATE : GAP);
    if (verdict !== FRESH) return;
    table.advance(index, Float64Array.of(model.nowMs));
    session.last += 1;
    session.usedMs = model.nowMs;
  });
}

function wait(ms: number) {
  return command<Model, SessionTable>(`wait ${ms} ms`, (model) => {
    model.nowMs += ms;
  });
}

/** Every live session is found by id and by nonce, under an index of its own. */
function check(model: Model, table: SessionTable): void {
  assert.is(table.count, model.sessions.length);
  if (model.sessions.length > 100) return;
  const indices = new Set<number>();
  for (const { id, nonce, last } of model.sessions) {
    const index = table.lookup(id);
    indices.add(index);
    assert.is(table.findByNonce(nonce, ~nonce), id);
    assert.is(table.lastApplied(index), last);
  }
  assert.not(indices.has(-1));
  assert.is(indices.size, model.sessions.length);
}

const commandsOf = (nonce: fc.Arbitrary<number>, elapsedMs: fc.Arbitrary<number>) => [
  nonce.map(opening),
  nonce.map(opening),
  nonce.map(closing),
  fc.tuple(nonce, fc.integer({ min: 1, max: 4 })).map((args) => resuming(...args)),
  fc.tuple(nonce, fc.integer({ min: -2, max: 3 })).map((args) => use(...args)),
  fc.tuple(nonce, fc.constant(1)).map((args) => use(...args)),
  elapsedMs.map(wait),
];

const test = suite('property: session table');

test('a table does what the list of its sessions says (E2)', () => {
  const commands = commandsOf(fc.integer({ min: 1, max: 12 }), fc.nat(SESSION_EXPIRY_MS));
  followsModel(commands, () => ({ model: new Model(), real: new SessionTable() }));
});

test('so does a full one, where sessions expire', () => {
  const nonce = fc.integer({ min: SESSIONS_MAX - 19, max: SESSIONS_MAX + 40 });
  const commands = commandsOf(nonce, fc.constantFrom(0, 1, SESSION_EXPIRY_MS / 2, SESSION_EXPIRY_MS));
  const full = (): { model: Model; real: SessionTable } => {
    const pair = { model: new Model(), real: new SessionTable() };
    for (let n = 1; n <= SESSIONS_MAX; n++) {
      pair.model.nowMs += 1;
      const id = pair.real.open(n, ~n, pair.model.nowMs);
      pair.model.add(id, n);
    }
    return pair;
  };
  followsModel(commands, full, 40);
});

test('tables fed alike give out the same ids', () => {
  const commands = fc.commands(commandsOf(fc.integer({ min: 1, max: 12 }), fc.nat(1000)), {
    maxCommands: 60,
    size: 'max',
  });
  fc.assert(
    fc.property(commands, (list) => {
      const ids = [new Model(), new Model()].map((model) => {
        fc.modelRun(() => ({ model, real: new SessionTable() }), list);
        return model.sessions.map(({ id }) => id);
      });
      assert.equal(ids[0], ids[1]);
    }),
  );
});

test.run();
