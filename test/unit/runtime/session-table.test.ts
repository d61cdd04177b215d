/** Sessions: ids, idempotent opening, the exactly-once rule, expiry by log time when the table is full. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SESSION_EXPIRY_MS, SESSIONS_MAX } from '../../../src/limits.ts';
import { REPLY_OK, SESSION_INDEX_BITS } from '../../../src/memory/descriptor.ts';
import { DUPLICATE, FRESH, GAP, SessionTable } from '../../../src/runtime/session-table.ts';
import { runSteps } from '../../support/run-steps.ts';

const at = (ms: number): Float64Array => Float64Array.of(ms);

/** A full table, session i opened and last used at log time `i`. */
function fullTable(): { table: SessionTable; ids: number[] } {
  const table = new SessionTable();
  const ids: number[] = [];
  for (let i = 0; i < SESSIONS_MAX; i++) ids.push(table.open(i + 1, 0, i));
  return { table, ids };
}

const test = suite('runtime/session-table');

test('E2: opening twice with one nonce gives one session; other nonces give others', () => {
  const table = new SessionTable();
  const id = table.open(1, 2, 0);
  assert.ok(id > 0);
  assert.is(table.open(1, 2, 50), id);
  assert.is.not(table.open(1, 3, 50), id);
  assert.is.not(table.open(2, 2, 50), id);
  assert.is(table.count, 3);
});

test('opening again does not forget what was applied', () => {
  const table = new SessionTable();
  const index = table.lookup(table.open(1, 2, 0));
  table.advance(index, at(1));
  table.open(1, 2, 2);
  assert.is(table.lastApplied(index), 1);
});

test('a number is fresh only as the next one: lower is a duplicate, higher a gap', () => {
  const table = new SessionTable();
  const index = table.lookup(table.open(1, 2, 0));
  const judge = (number: number): number => table.judge(index, Float64Array.of(0, number), 1);
  assert.equal([judge(0), judge(1), judge(2)], [DUPLICATE, FRESH, GAP]);
  table.advance(index, at(1));
  assert.equal([judge(0), judge(1), judge(2), judge(3)], [DUPLICATE, DUPLICATE, FRESH, GAP]);
  assert.equal([judge(2 ** 31), judge(2 ** 32 + 2), judge(2 ** 52)], [GAP, GAP, GAP]);
});

test('a closed session is unknown, and nothing closes it again', () => {
  const table = new SessionTable();
  const id = table.open(1, 2, 0);
  table.close(id);
  assert.is(table.lookup(id), -1);
  assert.is(table.findByNonce(1, 2), 0);
  assert.is(table.count, 0);
  table.open(3, 4, 0);
  table.close(id);
  assert.is(table.count, 1);
});

test('E4: a resumed session goes on under another id with its numbers and replies, and the old id is unknown (S17)', () => {
  const table = new SessionTable();
  const before = table.open(1, 2, 0);
  const index = table.lookup(before);
  table.replies(index).append(Int32Array.of(9, 0), 4, REPLY_OK);
  table.advance(index, at(1));
  const id = table.resume(1, 2, 7, 7, 50);
  assert.is.not(id, before);
  assert.is(table.lookup(id), index);
  assert.is(table.lookup(before), -1);
  assert.ok(table.isKnownGone(before));
  assert.is(table.lastApplied(index), 1);
  assert.is(table.measureRun(index, 1, 64), 16);
  assert.is(table.count, 1);
});

test('an attempt that is logged twice changes nothing, nor does one that was overtaken', () => {
  const table = new SessionTable();
  table.open(1, 2, 0);
  const first = table.resume(1, 2, 7, 7, 1);
  assert.is(table.resume(1, 2, 7, 7, 2), first);
  const second = table.resume(1, 2, 8, 8, 3);
  assert.is(table.resume(1, 2, 7, 7, 4), second, 'a late duplicate of the first');
  assert.is(table.resume(1, 2, 8, 8, 5), second);
});

test('an unknown session is never created by resuming it, and the attempt is told (S17)', () => {
  const table = new SessionTable();
  assert.is(table.resume(1, 2, 7, 7, 0), 0);
  assert.is(table.count, 0);
  assert.is(table.findByAttempt(1, 2, 7, 7), -2);
  assert.is(table.findByAttempt(1, 2, 8, 8), 0, 'of another attempt nothing is known');
});

test('every attempt is told what became of it', () => {
  const table = new SessionTable();
  assert.is(table.findByAttempt(1, 2, 1, 2), 0);
  const id = table.open(1, 2, 0);
  assert.is(table.findByAttempt(1, 2, 1, 2), id);
  assert.is(table.findByAttempt(1, 2, 7, 7), 0, 'not applied yet');
  const resumed = table.resume(1, 2, 7, 7, 1);
  assert.is(table.findByAttempt(1, 2, 7, 7), resumed);
  assert.is(table.findByAttempt(1, 2, 1, 2), -2, 'the first use is over');
  table.resume(1, 2, 8, 8, 2);
  assert.is(table.findByAttempt(1, 2, 7, 7), -2);
  const full = fullTable().table;
  full.open(9, 9, 0);
  assert.is(full.findByAttempt(9, 9, 9, 9), -1);
});

test('resuming counts as use, and an image knows the attempts', () => {
  const { table } = fullTable();
  table.resume(1, 0, 7, 7, 5000);
  assert.is(table.lookup(table.open(9, 9, SESSION_EXPIRY_MS + 1)), 1, 'session 0 was used later');
  const copy = new SessionTable();
  runSteps(copy.restore(table.image()));
  assert.is(copy.resume(1, 0, 7, 7, 9000), table.findByAttempt(1, 0, 7, 7));
  assert.is(copy.findByAttempt(1, 0, 1, 0), -2);
});

test('a closed session is known to be gone', () => {
  const table = new SessionTable();
  const id = table.open(1, 2, 0);
  table.close(id);
  assert.ok(table.isKnownGone(id));
});

test('E3: an attempt has a name', () => {
  assert.throws(() => new SessionTable().resume(1, 2, 0, 0, 0), /E3/);
});

test('ids that were never given out are unknown', () => {
  const table = new SessionTable();
  const id = table.open(1, 2, 0);
  for (const other of [0, -1, id + 1, id + (1 << SESSION_INDEX_BITS), -id, 1]) assert.is(table.lookup(other), -1);
});

test('a full table refuses, tells whose opening it refused, and admits once a session closed', () => {
  const { table, ids } = fullTable();
  assert.is(table.count, SESSIONS_MAX);
  assert.is(table.open(9, 9, SESSION_EXPIRY_MS - 1), -1);
  assert.is(table.findByNonce(9, 9), -1);
  table.close(ids[17] as number);
  const id = table.open(9, 9, SESSION_EXPIRY_MS - 1);
  assert.is(table.lookup(id), 17);
  assert.is(table.findByNonce(9, 9), id);
  assert.is(table.lookup(ids[17] as number), -1);
});

test('a full table expires the session that was unused for longest in log time, and only when that is long enough', () => {
  const { table, ids } = fullTable();
  table.advance(table.lookup(ids[0] as number), at(5000));
  assert.is(table.open(9, 9, SESSION_EXPIRY_MS), -1);
  const id = table.open(9, 9, SESSION_EXPIRY_MS + 1);
  assert.is(table.lookup(id), 1);
  assert.is(table.lookup(ids[1] as number), -1);
  assert.is(table.lookup(ids[0] as number), 0);
  assert.is(table.count, SESSIONS_MAX);
});

test('of sessions unused for equally long the one of the lowest index expires', () => {
  const { table, ids } = fullTable();
  for (const id of ids) table.advance(table.lookup(id), at(7000));
  assert.is(table.lookup(table.open(9, 9, 7000 + SESSION_EXPIRY_MS)), 0);
});

test('the successor in a table index starts anew: numbers from 1, no replies of its predecessor', () => {
  const { table, ids } = fullTable();
  const first = ids[0] as number;
  table.replies(0).append(new Int32Array(2), 8, REPLY_OK);
  table.advance(table.lookup(first), at(0));
  const id = table.open(9, 9, SESSION_EXPIRY_MS);
  assert.is(table.lookup(id), 0);
  assert.is(table.lastApplied(0), 0);
  assert.throws(() => table.measureRun(0, 1, 1024), /only what was applied has a reply/);
});

test('runs of replies come from the session they were appended to', () => {
  const table = new SessionTable();
  const indices = [table.lookup(table.open(1, 0, 0)), table.lookup(table.open(2, 0, 0))];
  for (const index of indices) {
    table.replies(index).append(Int32Array.of(100 + index, 0), 4, REPLY_OK);
    table.advance(index, at(1));
  }
  const target = new Uint8Array(64);
  const words = new Int32Array(target.buffer);
  for (const index of indices) {
    const bytes = table.measureRun(index, 1, 1024);
    assert.is(table.copyRun(index, 1, target, words, 16, bytes), 1);
    assert.is(words[4 + 2], 100 + index);
  }
});

test('E1: a session that was never opened has no replies, a nonce of 0 no session', () => {
  const table = new SessionTable();
  assert.throws(() => table.replies(0), /remembers replies/);
  assert.is(table.findByNonce(7, 0), 0);
  assert.throws(() => table.open(0, 0, 1), /E1/);
});

test('a session that was opened later than what is applied here is not one that is gone', () => {
  const ahead = new SessionTable();
  const behind = new SessionTable();
  for (const table of [ahead, behind]) table.open(1, 1, 0);
  const late = ahead.open(2, 1, 0);
  assert.not(behind.wasIssued(late));
  assert.ok(ahead.wasIssued(late));
  behind.open(3, 1, 0);
  assert.ok(behind.wasIssued(late));
  assert.ok(behind.wasIssued(1 << SESSION_INDEX_BITS));
});

test('an image has the replies of its moment, whatever its sessions do while it is read; then nothing is kept', () => {
  const table = new SessionTable();
  const index = table.lookup(table.open(5, 1, 0));
  const other = table.open(6, 1, 0);
  const reply = Int32Array.of(41, 0);
  table.remember(index, reply, 4, REPLY_OK);
  table.advance(index, at(1));
  const whole = Array.from({ [Symbol.iterator]: () => table.image() }, (chunk) => Buffer.from(chunk).toString('hex'));
  const image = table.image();
  const read = [Buffer.from(image.next().value as Uint8Array).toString('hex')];
  for (let i = 0; i < 3; i++) {
    table.remember(index, Int32Array.of(99, 0), 4, REPLY_OK);
    table.advance(index, at(2));
  }
  table.close(other);
  table.open(7, 1, 3);
  for (let part = image.next(); part.done !== true; part = image.next())
    read.push(Buffer.from(part.value).toString('hex'));
  assert.equal(read, whole);
  assert.is(table.lastApplied(index), 4);
});

test('an image ends where the next one began', () => {
  const table = new SessionTable();
  table.open(5, 1, 0);
  const image = table.image();
  image.next();
  table.image().next();
  assert.throws(() => image.next(), /before the next one begins/);
});

test('S17: an opening that comes late opens no session that was closed', () => {
  const table = new SessionTable();
  const id = table.open(7, 8, 0);
  table.close(id);
  assert.is(table.open(7, 8, 1), 0);
  assert.is(table.findByAttempt(7, 8, 7, 8), -2, 'who opened it hears that it is gone');
  assert.is(table.resume(7, 8, 1, 1, 2), 0);
  const copy = new SessionTable();
  runSteps(copy.restore(table.image()));
  assert.is(copy.open(7, 8, 3), 0, 'nor where the table was restored');
});

test('E4: a resumed session gets another id where the serials begin again, too', () => {
  const table = new SessionTable();
  const first = table.open(1, 1, 0);
  table.open(2, 2, 0);
  for (let n = 0; n < 2 ** 19 - 3; n++) table.resume(2, 2, n + 3, 5, 0);
  assert.is.not(table.resume(1, 1, 9, 9, 0), first);
});

test.run();
