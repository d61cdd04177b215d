/** The counter machine. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromWords, highWord } from '../../../src/base/bits.ts';
import { CounterMachine, createMachine } from '../../../src/machines/counter.ts';
import { MachineCalls } from '../../support/machine-calls.ts';

const add = (n: number): Uint8Array => new Uint8Array(Int32Array.of(n | 0, highWord(n)).buffer);
const value = (reply: Uint8Array): number => {
  const words = new Int32Array(reply.slice().buffer);
  return fromWords(words[0] as number, words[1] as number);
};

const test = suite('machines/counter');

test('adds, also down and beyond 32 bits', () => {
  const calls = new MachineCalls(new CounterMachine());
  assert.is(value(calls.apply(add(5))), 5);
  assert.is(value(calls.apply(add(-8))), -3);
  assert.is(value(calls.apply(add(2 ** 40))), 2 ** 40 - 3);
  assert.is(value(calls.query(new Uint8Array(0))), 2 ** 40 - 3);
});

test('a short command, or one that would leave the safe integers, changes nothing', () => {
  const calls = new MachineCalls(new CounterMachine());
  assert.is(value(calls.apply(new Uint8Array(3))), 0);
  calls.apply(add(2 ** 53 - 1));
  assert.is(value(calls.apply(add(1))), 2 ** 53 - 1);
});

test('a restored snapshot goes on from its number', () => {
  const machine = new CounterMachine();
  new MachineCalls(machine).apply(add(41));
  const copy = createMachine({ groupId: 0, replicaIndex: 0 });
  copy.restore(machine.snapshot());
  assert.is(value(new MachineCalls(copy).apply(add(1))), 42);
});

test.run();
