/** An image is that of the call, whatever is applied while it is drained; a machine goes on from it as the first one did. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createMachine as createAudit } from '../../src/machines/audit.ts';
import { createMachine as createCounter } from '../../src/machines/counter.ts';
import { createMachine as createKv } from '../../src/machines/kv.ts';
import { kv } from '../../src/machines/kv-commands.ts';
import type { StateMachine } from '../../src/runtime/state-machine.ts';
import { MachineCalls } from '../support/machine-calls.ts';
import { runSteps } from '../support/run-steps.ts';

const OPTIONS = { groupId: 0, replicaIndex: 0 };

interface Step {
  key: number;
  value: number;
  length: number;
  isDelete: boolean;
}

const steps = fc.array(
  fc.record({ key: fc.nat(30), value: fc.nat(255), length: fc.nat(300), isDelete: fc.boolean() }),
  { minLength: 1, maxLength: 60 },
);

const kvCommand = ({ key, value, length, isDelete }: Step): Uint8Array =>
  isDelete ? kv.delete(`key-${key}`) : kv.put(`key-${key}`, new Uint8Array(length).fill(value));

function auditCommand(step: Step, number: number): Uint8Array {
  const inner = kvCommand(step);
  const bytes = new Uint8Array(16 + ((inner.length + 3) & ~3));
  new Int32Array(bytes.buffer).set([1 + (step.key % 3), 0, number, 0]);
  bytes.set(inner, 16);
  return bytes;
}

const one = new Uint8Array(Float64Array.of(1).buffer);

const MACHINES: Record<string, [make: () => StateMachine, command: (step: Step, number: number) => Uint8Array]> = {
  kv: [() => createKv(OPTIONS), kvCommand],
  audit: [() => createAudit(OPTIONS), auditCommand],
  counter: [() => createCounter(OPTIONS), () => one],
};

const bytesOf = (chunks: Iterable<Uint8Array>): string =>
  Buffer.concat(Array.from(chunks, (chunk) => Buffer.from(chunk))).toString('base64');

const test = suite('property: snapshots of the ready-made machines');

for (const [name, [make, command]] of Object.entries(MACHINES)) {
  test(`${name}: S16`, () => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const machine = make();
        const calls = new MachineCalls(machine);
        before.forEach((step, i) => void calls.apply(command(step, i + 1)));
        const whole = bytesOf(machine.snapshot());
        const image = machine.snapshot()[Symbol.iterator]();
        const chunks = [image.next().value as Uint8Array].map((chunk) => chunk.slice());
        const replies = after.map((step, i) =>
          Buffer.from(calls.apply(command(step, before.length + i + 1))).toString('hex'),
        );
        for (let part = image.next(); part.done !== true; part = image.next()) chunks.push(part.value.slice());
        assert.is(bytesOf(chunks), whole);
        const restored = make();
        runSteps(restored.restore(chunks));
        const late = new MachineCalls(restored);
        after.forEach((step, i) => {
          const reply = Buffer.from(late.apply(command(step, before.length + i + 1))).toString('hex');
          assert.is(reply, replies[i], `reply ${i}`);
        });
        assert.is(bytesOf(restored.snapshot()), bytesOf(machine.snapshot()));
      }),
      { numRuns: 100 },
    );
  });
}

test.run();
