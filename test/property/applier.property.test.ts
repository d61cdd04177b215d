/**
 * The applier over a random log: commands of several sessions in their order, mixed, repeated and with gaps, cut into values
 * at random. What the machine sees is each session's commands once, in order, and depends on the log only.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Applier } from '../../src/runtime/applier.ts';
import { SessionTable } from '../../src/runtime/session-table.ts';
import type { Command, Reply, StateMachine } from '../../src/runtime/state-machine.ts';
import { BatchWriter } from '../support/batch-writer.ts';
import { runSteps } from '../support/run-steps.ts';

const SESSIONS = 3;

/** Keeps the names of what it applied; each reply tells how many there were. */
class Ledger implements StateMachine {
  readonly applied: string[] = [];

  apply(command: Command, reply: Reply): void {
    assert.is(command.bytes[command.offset], command.number & 0xff, 'the payload is that of the number');
    this.applied.push(`${command.session}:${command.number}`);
    reply.words[reply.offset >> 2] = this.applied.length;
    reply.length = 4 + (command.length % 3);
    reply.words[(reply.offset >> 2) + 1] = command.number;
  }

  query(): void {}

  snapshot(): Iterable<Uint8Array> {
    return this.applied.map((name) => new TextEncoder().encode(name));
  }

  restore(chunks: Iterable<Uint8Array>): void {
    this.applied.length = 0;
    for (const chunk of chunks) this.applied.push(new TextDecoder().decode(chunk));
  }
}

class Rig {
  readonly machine = new Ledger();
  readonly sessions = new SessionTable();
  readonly applier = new Applier(this.machine, this.sessions);
  readonly ids: number[] = [];
  #slot = 0;

  constructor() {
    const opening = new BatchWriter().begin(0);
    for (let nonce = 1; nonce <= SESSIONS; nonce++) opening.openSession(nonce, 0);
    this.apply(opening);
    for (let nonce = 1; nonce <= SESSIONS; nonce++) this.ids.push(this.sessions.findByNonce(nonce, 0));
  }

  apply(value: BatchWriter): void {
    this.applier.applyValue(value.bytes, value.words, value.offset, value.length, this.#slot);
    this.#slot += 1;
  }

  /** A rig that begins where this one stands. */
  copy(): Rig {
    const copy = new Rig();
    runSteps(copy.applier.restore(this.applier.image()));
    return copy;
  }

  /** Applies a log cut into values of the lengths `cuts`, over and over. */
  run(log: readonly Item[], cuts: readonly number[]): this {
    for (let at = 0, n = 0; at < log.length; n++) {
      const count = cuts[n % cuts.length] as number;
      const value = new BatchWriter().begin(n);
      for (const item of log.slice(at, at + count)) this.#write(value, item);
      this.apply(value);
      at += count;
    }
    return this;
  }

  #write(value: BatchWriter, { session, number, length, padding }: Item): void {
    if (padding > 0) value.padding(8 * padding);
    value.command(this.ids[session] as number, number, new Uint8Array(length).fill(number));
  }

  /** Replies of a session, in words, from number 1 on. */
  replies(session: number): number[][] {
    const index = this.sessions.lookup(this.ids[session] as number);
    const words = new Int32Array(64);
    const replies: number[][] = [];
    for (let number = 1; number <= this.sessions.lastApplied(index); number++) {
      const bytes = this.sessions.measureRun(index, number, 1);
      assert.is(this.sessions.copyRun(index, number, new Uint8Array(words.buffer), words, 0, bytes), 1);
      replies.push(Array.from(words.slice(0, 3)));
    }
    return replies;
  }
}

interface Item {
  session: number;
  number: number;
  length: number;
  padding: number;
}

const item = fc.record({
  session: fc.nat(SESSIONS - 1),
  /** 1 = the next number that this session has not yet sent; below: sent again; above: a gap. */
  ahead: fc.constantFrom(1, 1, 1, 1, 0, -1, -3, 2),
  length: fc.integer({ min: 1, max: 40 }),
  padding: fc.constantFrom(0, 0, 0, 1, 7),
});

/** Turns steps into log items with numbers, and says what must be applied of them. */
const log = fc.array(item, { maxLength: 120 }).map((steps) => {
  const last = new Array<number>(SESSIONS).fill(0);
  const expected: [session: number, number: number][] = [];
  const items = steps.map(({ session, ahead, length, padding }) => {
    const number = Math.max(1, (last[session] as number) + ahead);
    if (number === (last[session] as number) + 1) {
      last[session] = number;
      expected.push([session, number]);
    }
    return { session, number, length, padding };
  });
  return { items, expected };
});
const cuts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });

const test = suite('property: applier');

test('the machine sees each session’s numbers once and in order, whatever is repeated or missing', () => {
  fc.assert(
    fc.property(log, cuts, ({ items, expected }, lengths) => {
      const rig = new Rig().run(items, lengths);
      assert.equal(
        rig.machine.applied,
        expected.map(([session, number]) => `${rig.ids[session]}:${number}`),
      );
      assert.is(rig.applier.commands, expected.length);
    }),
  );
});

test('replicas that cut the same log alike or not agree on digest and replies', () => {
  fc.assert(
    fc.property(log, cuts, cuts, ({ items }, first, second) => {
      const rigs = [new Rig().run(items, first), new Rig().run(items, second)] as const;
      assert.is(rigs[0].applier.digest, rigs[1].applier.digest);
      for (let session = 0; session < SESSIONS; session++) {
        assert.equal(rigs[0].replies(session), rigs[1].replies(session));
      }
    }),
  );
});

test('S16: an image holds machine, sessions, replies and digest of one moment; a replica goes on from it as if it had been there', () => {
  fc.assert(
    fc.property(log, fc.nat(120), cuts, ({ items }, at, lengths) => {
      const whole = new Rig().run(items, lengths);
      const first = new Rig().run(items.slice(0, at), lengths);
      const image = first.applier.image();
      const rest = items.slice(at);
      first.run(rest, lengths);
      const late = new Rig();
      runSteps(late.applier.restore(image));
      late.run(rest, lengths);
      for (const rig of [first, late, late.copy()]) {
        assert.is(rig.applier.digest, whole.applier.digest);
        assert.is(rig.applier.commands, whole.applier.commands);
        assert.equal(rig.machine.applied, whole.machine.applied);
        for (let session = 0; session < SESSIONS; session++) assert.equal(rig.replies(session), whole.replies(session));
      }
    }),
  );
});

test('a log in which two applied commands changed places gives another digest', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 30 }), fc.nat(), (count, place) => {
      const items = Array.from({ length: count }, (_, i) => ({
        session: i % 2,
        number: 1 + (i >> 1),
        length: 1,
        padding: 0,
      }));
      const swapped = [...items];
      const at = place % (count - 1);
      swapped.splice(at, 2, items[at + 1] as Item, items[at] as Item);
      assert.is.not(new Rig().run(items, [5]).applier.digest, new Rig().run(swapped, [5]).applier.digest);
    }),
  );
});

test.run();
