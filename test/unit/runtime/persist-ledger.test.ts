/** Which persist sequences are durable. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PersistLedger } from '../../../src/runtime/persist-ledger.ts';

const test = suite('runtime/persist-ledger');

test('a sequence is durable when the log is durable behind its record, not before', () => {
  const ledger = new PersistLedger(8, 10);
  ledger.record(11, 100);
  ledger.record(12, 164);
  assert.not(ledger.advance(99));
  assert.ok(ledger.advance(100));
  assert.is(ledger.durable, 11);
  assert.not(ledger.advance(163));
  assert.ok(ledger.advance(1000));
  assert.is(ledger.durable, 12);
});

test('sequences come one by one, and only as many as fit', () => {
  const ledger = new PersistLedger(2, 0);
  assert.throws(() => ledger.record(2, 64), /in order/);
  ledger.record(1, 64);
  ledger.record(2, 128);
  assert.not(ledger.hasRoom(1));
  assert.throws(() => ledger.record(3, 192), /too many/);
  ledger.advance(64);
  ledger.record(3, 192);
});

test('grows up to its limit while records are in flight', () => {
  const ledger = new PersistLedger(1024, 100);
  for (let q = 101; q <= 300; q++) ledger.record(q, 64 * q);
  ledger.advance(64 * 300);
  for (let q = 301; q <= 1324; q++) ledger.record(q, 64 * q);
  assert.not(ledger.hasRoom(1));
  for (let q = 301; q <= 1324; q++) {
    ledger.advance(64 * q);
    assert.is(ledger.durable, q);
  }
});

test('positions beyond 2^32 keep their order', () => {
  const ledger = new PersistLedger(4, 2 ** 33);
  ledger.record(2 ** 33 + 1, 2 ** 40);
  assert.not(ledger.advance(2 ** 40 - 1));
  assert.ok(ledger.advance(2 ** 40));
});

test.run();
