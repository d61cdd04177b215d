/** The key-value machine: each operation, its replies, expiry by log time, snapshots. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KEY_BYTES_MAX, PREFETCH_COMMANDS_MAX } from '../../../src/limits.ts';
import { createMachine, KvMachine } from '../../../src/machines/kv.ts';
import { kv } from '../../../src/machines/kv-commands.ts';
import { MachineCalls } from '../../support/machine-calls.ts';
import { runSteps } from '../../support/run-steps.ts';

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const make = (): MachineCalls => new MachineCalls(new KvMachine());
const run = (calls: MachineCalls, command: Uint8Array, at = 0) => kv.decodeReply(calls.apply(command, at));
const ask = (calls: MachineCalls, query: Uint8Array, at = 0) => kv.decodeReply(calls.query(query, at));

/** A put whose key has one byte more than a key may have. */
function oversizedKey(): Uint8Array {
  const bytes = kv.put('k'.repeat(KEY_BYTES_MAX), 'value');
  new DataView(bytes.buffer).setUint16(1, KEY_BYTES_MAX + 1, true);
  return bytes;
}

const test = suite('machines/kv');

test('put stores, get as command and as query finds', () => {
  const calls = make();
  assert.is(run(calls, kv.put('a', 'hello')).revision, 1);
  assert.is(text(run(calls, kv.get('a')).value), 'hello');
  assert.is(text(ask(calls, kv.get('a')).value), 'hello');
});

test('each change takes the next revision, a read none', () => {
  const calls = make();
  run(calls, kv.put('a', 'x'));
  run(calls, kv.get('a'));
  assert.is(run(calls, kv.put('b', 'y')).revision, 2);
  assert.is(run(calls, kv.put('a', 'z')).revision, 3);
});

test('an absent key is not found and has revision 0', () => {
  assert.equal(run(make(), kv.get('a')), { status: 'notFound', revision: 0, value: undefined, number: undefined });
});

test('delete removes, and tells whether there was something', () => {
  const calls = make();
  run(calls, kv.put('a', 'x'));
  assert.is(run(calls, kv.delete('a')).status, 'ok');
  assert.is(run(calls, kv.delete('a')).status, 'notFound');
  assert.is(run(calls, kv.get('a')).status, 'notFound');
});

test('compare-and-swap writes only at the expected revision', () => {
  const calls = make();
  assert.is(run(calls, kv.compareAndSwap('a', 0, 'first')).revision, 1);
  assert.equal(run(calls, kv.compareAndSwap('a', 0, 'again')).status, 'conflict');
  assert.is(run(calls, kv.compareAndSwap('a', 7, 'again')).revision, 1);
  assert.is(run(calls, kv.compareAndSwap('a', 1, 'second')).revision, 2);
  assert.is(text(run(calls, kv.get('a')).value), 'second');
});

test('increment counts from 0, also down and beyond 32 bits', () => {
  const calls = make();
  assert.is(run(calls, kv.increment('n', 5)).number, 5);
  assert.is(run(calls, kv.increment('n', -7)).number, -2);
  assert.is(run(calls, kv.increment('n', 2 ** 40)).number, 2 ** 40 - 2);
});

test('increment of something that is no number changes nothing', () => {
  const calls = make();
  run(calls, kv.put('a', 'text'));
  assert.is(run(calls, kv.increment('a')).status, 'notANumber');
  assert.is(text(run(calls, kv.get('a')).value), 'text');
});

test('an increment whose sum is no safe integer changes nothing', () => {
  for (const [start, delta] of [
    [Number.MAX_SAFE_INTEGER, 1],
    [Number.MIN_SAFE_INTEGER, -1],
  ] as const) {
    const calls = make();
    const { revision } = run(calls, kv.increment('n', start));
    assert.equal(run(calls, kv.increment('n', delta)), {
      status: 'notANumber',
      revision,
      value: undefined,
      number: undefined,
    });
    assert.is(run(calls, kv.get('n')).number, start);
    assert.is(run(calls, kv.increment('n', -delta)).number, start - delta);
  }
});

test('a key expires by log time, for commands and queries alike', () => {
  const calls = make();
  run(calls, kv.put('a', 'x', 100), 1000);
  assert.is(ask(calls, kv.get('a'), 1099).status, 'ok');
  assert.is(ask(calls, kv.get('a'), 1100).status, 'notFound');
  assert.is(run(calls, kv.compareAndSwap('a', 0, 'y'), 1100).status, 'ok');
});

test('a put without expiry takes the expiry away; a swap keeps it', () => {
  const calls = make();
  run(calls, kv.put('a', 'x', 100), 0);
  run(calls, kv.compareAndSwap('a', 1, 'a value that is much longer than the one before it'), 50);
  assert.is(ask(calls, kv.get('a'), 100).status, 'notFound');
  run(calls, kv.put('b', 'x', 100), 0);
  run(calls, kv.put('b', 'y'), 50);
  assert.is(ask(calls, kv.get('b'), 1000).status, 'ok');
});

test('malformed commands change nothing and say so', () => {
  const calls = make();
  for (const bytes of [
    new Uint8Array(0),
    new Uint8Array(7),
    new Uint8Array(16),
    Uint8Array.of(9, 1, 0, 0, 0, 0, 0, 0, 65, 0, 0, 0),
    kv.put('a key of many bytes', '').slice(0, 20),
    oversizedKey(),
  ]) {
    assert.is(run(calls, bytes).status, 'malformed');
  }
  assert.is(ask(calls, kv.put('a', 'x')).status, 'malformed');
});

test('hearing of commands changes nothing, whatever they are', () => {
  const machine = new KvMachine();
  const calls = new MachineCalls(machine);
  run(calls, kv.put('a', 'x'));
  const image = (): Uint8Array[] => Array.from(machine.snapshot(), (chunk) => chunk.slice());
  const before = image();
  for (const command of [kv.get('a'), kv.put('b', 'y'), kv.increment('n'), kv.delete('a'), oversizedKey()]) {
    const bytes = new Uint8Array((command.length + 3) & ~3);
    bytes.set(command);
    const payloads = new Int32Array(PREFETCH_COMMANDS_MAX);
    machine.prefetch(new Int32Array(bytes.buffer), payloads, PREFETCH_COMMANDS_MAX);
    machine.prefetchBehind(16, new Int32Array(bytes.buffer), payloads, 1);
  }
  assert.equal(image(), before);
  assert.throws(
    () => machine.prefetch(new Int32Array(8), new Int32Array(8), PREFETCH_COMMANDS_MAX + 1),
    /so many commands are announced at most/,
  );
});

test('a value that does not fit the reply is not written; its length tells, and nothing is thrown', () => {
  const machine = new KvMachine();
  run(new MachineCalls(machine), kv.put('a', 'x'.repeat(100)));
  const query = kv.get('a');
  const reply = { bytes: new Uint8Array(256), words: new Int32Array(0), offset: 0, capacity: 64, length: 0 };
  reply.words = new Int32Array(reply.bytes.buffer);
  const words = new Int32Array(query.buffer);
  const command = {
    bytes: query,
    words,
    offset: 0,
    length: query.length,
    session: 1,
    number: 2,
    logTimeMs: 0,
    slot: 0,
  };
  machine.apply(command, reply);
  assert.is(reply.length, 116);
  assert.ok(reply.bytes.subarray(64).every((byte) => byte === 0));
});

test('a restored snapshot answers like the original and goes on with its revisions', () => {
  const machine = new KvMachine();
  const calls = new MachineCalls(machine);
  for (let i = 0; i < 5000; i++)
    run(calls, kv.put(`key-${i}`, `value-${i}`.repeat(1 + (i % 7)), i % 3 === 0 ? 50 : 0), 0);
  const copy = createMachine({ groupId: 0, replicaIndex: 0 });
  runSteps(copy.restore(Array.from(machine.snapshot(), (chunk) => chunk.slice())));
  const copied = new MachineCalls(copy);
  for (let i = 0; i < 5000; i++) assert.equal(ask(copied, kv.get(`key-${i}`), 10), ask(calls, kv.get(`key-${i}`), 10));
  assert.is(ask(copied, kv.get('key-3'), 60).status, 'notFound');
  assert.is(run(copied, kv.put('new', 'x')).revision, 5001);
});

test.run();
