/** The value behind the log's tail. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ACCEPT } from '../../../src/paxos/message.ts';
import { StagedValue } from '../../../src/runtime/staged-value.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { message } from '../../support/core.ts';
import { portableBulk } from '../../support/in-thread-cluster.ts';
import { open } from '../../support/log-fixture.ts';
import { TestMedium } from '../../support/test-device.ts';

function make() {
  const { log } = open(new TestMedium());
  const staged = new StagedValue(portableBulk);
  staged.attachLog(log);
  return { log, staged };
}

const bytes = Uint8Array.from({ length: 64 }, (_, n) => n);
const crc = crc32c(bytes, 0, 64, 0);

const test = suite('runtime/staged-value');

test('a value is copied in where it is what was sent', () => {
  const { staged } = make();
  assert.not(staged.has(64));
  assert.ok(staged.copyIn(bytes, 0, message(ACCEPT, { length: 64, crc })));
  assert.ok(staged.has(64));
  assert.not(staged.has(63));
  staged.clear();
  assert.not(staged.has(64));
});

test('and is not where it is something else (S24)', () => {
  const { staged } = make();
  assert.not(staged.copyIn(bytes, 0, message(ACCEPT, { length: 64, crc: crc + 1 })));
  assert.not(staged.has(64));
});

test('a no-op needs no place', () => {
  const { staged } = make();
  assert.ok(staged.copyIn(bytes, 0, message(ACCEPT, { length: 0 })));
  assert.not(staged.has(0));
});

test('what a batch has written there gets its checksum', () => {
  const { log, staged } = make();
  const at = log.stage(64);
  log.stagedBytes.set(bytes, at);
  assert.is(staged.set(at, 64), crc);
  assert.ok(staged.has(64));
});

test('no record equals what is not there', () => {
  const { staged } = make();
  assert.not(staged.equalsRecord(0));
  assert.not(staged.equalsRecord(4096), 'nothing is staged');
});

test.run();
