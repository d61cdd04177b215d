/** The key-value machine against a plain map: every operation, expiry by log time, a snapshot taken at any moment. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KvMachine } from '../../src/machines/kv.ts';
import { type KvReply, kv } from '../../src/machines/kv-commands.ts';
import { MachineCalls } from '../support/machine-calls.ts';
import { runSteps } from '../support/run-steps.ts';

interface Entry {
  value: Uint8Array;
  revision: number;
  expiryMs: number;
}

interface Step {
  kind: 'put' | 'get' | 'delete' | 'swap' | 'increment' | 'snapshot';
  key: string;
  value: Uint8Array;
  ttlMs: number;
  /** Whether a swap expects the revision that is there, or another one. */
  isRight: boolean;
  delta: number;
  elapsedMs: number;
}

const NOTHING = { value: undefined, number: undefined };

/** What the machine must answer, written for clarity alone. */
class Model {
  readonly entries = new Map<string, Entry>();
  revision = 0;
  nowMs = 0;

  live(key: string): Entry | undefined {
    const entry = this.entries.get(key);
    return entry !== undefined && (entry.expiryMs === 0 || entry.expiryMs > this.nowMs) ? entry : undefined;
  }

  set(key: string, value: Uint8Array, expiryMs: number): KvReply {
    this.revision += 1;
    this.entries.set(key, { value, revision: this.revision, expiryMs });
    return { status: 'ok', revision: this.revision, ...NOTHING };
  }

  get(key: string): KvReply {
    const entry = this.live(key);
    if (entry === undefined) return { status: 'notFound', revision: 0, ...NOTHING };
    const { revision, value } = entry;
    return { status: 'ok', revision, value: value.length === 0 ? undefined : value, number: numberIn(value) };
  }

  delete(key: string): KvReply {
    const entry = this.live(key);
    this.entries.delete(key);
    return { status: entry === undefined ? 'notFound' : 'ok', revision: entry?.revision ?? 0, ...NOTHING };
  }

  swap(key: string, expected: number, value: Uint8Array): KvReply {
    const entry = this.live(key);
    const revision = entry?.revision ?? 0;
    if (revision !== expected) return { status: 'conflict', revision, ...NOTHING };
    return this.set(key, value, entry?.expiryMs ?? 0);
  }

  increment(key: string, delta: number): KvReply {
    const entry = this.live(key);
    if (entry !== undefined && entry.value.length !== 8) {
      return { status: 'notANumber', revision: entry.revision, ...NOTHING };
    }
    const number = (entry === undefined ? 0 : (numberIn(entry.value) as number)) + delta;
    const value = new Uint8Array(8);
    new DataView(value.buffer).setBigInt64(0, BigInt(number), true);
    return { ...this.set(key, value, entry?.expiryMs ?? 0), value, number };
  }
}

/** The 8-byte number in a value. Values of this test that are no numbers have other lengths. */
function numberIn(value: Uint8Array): number | undefined {
  if (value.length !== 8) return undefined;
  return Number(new DataView(value.buffer, value.byteOffset).getBigInt64(0, true));
}

class Pair {
  readonly model = new Model();
  #machine = new KvMachine();
  #calls = new MachineCalls(this.#machine);

  step(step: Step): void {
    this.model.nowMs += step.elapsedMs;
    if (step.kind === 'snapshot') {
      this.#snapshot();
      return;
    }
    const [command, expected] = this.#commandOf(step);
    assert.equal(kv.decodeReply(this.#calls.apply(command, this.model.nowMs)), expected);
    const query = kv.decodeReply(this.#calls.query(kv.get(step.key), this.model.nowMs));
    assert.equal(query, this.model.get(step.key));
  }

  #commandOf({ kind, key, value, ttlMs, isRight, delta }: Step): [Uint8Array, KvReply] {
    const { model } = this;
    switch (kind) {
      case 'put':
        return [kv.put(key, value, ttlMs), model.set(key, value, ttlMs === 0 ? 0 : model.nowMs + ttlMs)];
      case 'delete':
        return [kv.delete(key), model.delete(key)];
      case 'swap': {
        const expected = (model.live(key)?.revision ?? 0) + (isRight ? 0 : 1);
        return [kv.compareAndSwap(key, expected, value), model.swap(key, expected, value)];
      }
      case 'increment':
        return [kv.increment(key, delta), model.increment(key, delta)];
      default:
        return [kv.get(key), model.get(key)];
    }
  }

  /** Goes on with a machine restored from an image that was taken apart while the original changed. */
  #snapshot(): void {
    const image: Uint8Array[] = [];
    for (const chunk of this.#machine.snapshot()) {
      image.push(chunk.slice());
      this.#calls.apply(kv.put('late', 'x'), this.model.nowMs);
      for (const key of this.model.entries.keys()) this.#calls.apply(kv.delete(key), this.model.nowMs);
    }
    this.#machine = new KvMachine();
    runSteps(this.#machine.restore(image));
    this.#calls = new MachineCalls(this.#machine);
  }

  check(): void {
    for (const key of this.model.entries.keys()) {
      assert.equal(kv.decodeReply(this.#calls.query(kv.get(key), this.model.nowMs)), this.model.get(key));
    }
    assert.is(kv.decodeReply(this.#calls.query(kv.get('late'), this.model.nowMs)).status, 'notFound');
  }
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('put', 'put', 'get', 'delete', 'swap', 'increment', 'snapshot'),
  key: fc.integer({ min: 0, max: 9 }).map((n) => 'k'.repeat(1 + (n % 5)) + n),
  value: fc.uint8Array({ maxLength: 300 }).map((value) => (value.length === 8 ? value.slice(1) : value)),
  ttlMs: fc.constantFrom(0, 0, 1, 50, 2 ** 31 - 1),
  isRight: fc.boolean(),
  delta: fc.oneof(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -(2 ** 45), max: 2 ** 45 })),
  elapsedMs: fc.constantFrom(0, 0, 1, 49, 50, 2 ** 32),
});

const test = suite('property: key-value machine');

test('answers every command and query as a plain map would, across snapshots', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pair = new Pair();
      for (const one of steps) pair.step(one);
      pair.check();
    }),
    { numRuns: 200 },
  );
});

test.run();
