/** Applying values: order, exactly once, log time, session records, digests, malformed batches, failures, queries. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { PREFETCH_COMMANDS_MAX, REPLY_BYTES_MAX } from '../../../src/limits.ts';
import {
  REPLY_HEADER_BYTES,
  REPLY_OK,
  REPLY_QUERY_FAILED,
  REPLY_STATUS_WORD,
  REPLY_TOO_LARGE,
  TYPE_FRAME,
} from '../../../src/memory/descriptor.ts';
import { Applier, MachineFailure } from '../../../src/runtime/applier.ts';
import { SessionTable } from '../../../src/runtime/session-table.ts';
import type { Command, Reply, StateMachine } from '../../../src/runtime/state-machine.ts';
import { BatchWriter } from '../../support/batch-writer.ts';

interface Applied {
  session: number;
  number: number;
  bytes: number[];
  logTimeMs: number;
  slot: number;
}

/** Writes down what it is called with; replies with the command's bytes. The command [0xff, n …] throws, [0xfe] answers too much, [0xfd] nothing. */
class Recorder implements StateMachine {
  readonly applied: Applied[] = [];

  apply(command: Command, reply: Reply): void {
    const bytes = Array.from(command.bytes.subarray(command.offset, command.offset + command.length));
    if (bytes[0] === 0xff) throw new Error('broken');
    const { session, number, logTimeMs, slot } = command;
    this.applied.push({ session, number, bytes, logTimeMs, slot });
    if (bytes[0] === 0xfe) reply.length = REPLY_BYTES_MAX + 1;
    else if (bytes[0] !== 0xfd) this.query(command, reply);
  }

  query(query: Command, reply: Reply): void {
    if (query.bytes[query.offset] === 0xff) throw new RangeError('no such question');
    const bytes = query.bytes.slice(query.offset, query.offset + query.length);
    if (bytes.length <= reply.capacity) reply.bytes.set(bytes, reply.offset);
    reply.length = bytes.length;
  }

  prefetch?: NonNullable<StateMachine['prefetch']>;

  snapshot(): Iterable<Uint8Array> {
    return [];
  }

  restore(): void {}
}

class Rig {
  readonly machine = new Recorder();
  readonly sessions = new SessionTable();
  readonly applier = new Applier(this.machine, this.sessions);
  slot = 0;

  apply(batch: BatchWriter): this {
    this.applier.applyValue(batch.bytes, batch.words, batch.offset, batch.length, this.slot);
    this.slot += 1;
    return this;
  }

  /** Opens a session; returns its id. */
  open(nonce: number): number {
    this.apply(new BatchWriter().begin(0).openSession(nonce, 0));
    return this.sessions.findByNonce(nonce, 0);
  }

  numbers(): number[] {
    return this.machine.applied.map(({ number }) => number);
  }
}

const noMachine: StateMachine = { apply: () => {}, query: () => {}, snapshot: () => [], restore: () => {} };
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const batch = (logTimeMs = 0): BatchWriter => new BatchWriter().begin(logTimeMs);
const test = suite('runtime/applier');

test('commands reach the machine in order, with their bytes, names, slot and log time', () => {
  const rig = new Rig();
  const one = rig.open(1);
  const two = rig.open(2);
  rig.apply(batch(70).command(one, 1, bytes(10)).command(two, 1, bytes(20, 21)).command(one, 2, bytes()));
  assert.equal(rig.machine.applied, [
    { session: one, number: 1, bytes: [10], logTimeMs: 70, slot: 2 },
    { session: two, number: 1, bytes: [20, 21], logTimeMs: 70, slot: 2 },
    { session: one, number: 2, bytes: [], logTimeMs: 70, slot: 2 },
  ]);
  assert.is(rig.applier.commands, 3);
});

test('duplicates and numbers behind a gap do not reach the machine', () => {
  const rig = new Rig();
  const id = rig.open(1);
  const value = batch();
  for (const number of [1, 1, 3, 2, 2, 1, 4, 3]) value.command(id, number, bytes(number));
  rig.apply(value).apply(value);
  assert.equal(rig.numbers(), [1, 2, 3, 4]);
  assert.is(rig.sessions.lastApplied(rig.sessions.lookup(id)), 4);
});

test('numbers keep their high words', () => {
  const rig = new Rig();
  const id = rig.open(1);
  rig.apply(
    batch()
      .command(id, 2 ** 32 + 1, bytes(9))
      .command(id, 1, bytes(1)),
  );
  assert.equal(
    rig.machine.applied.map((one) => one.bytes),
    [[1]],
  );
});

test('commands of unknown and closed sessions are dropped', () => {
  const rig = new Rig();
  const id = rig.open(1);
  rig.apply(
    batch()
      .command(id + 1, 1, bytes(1))
      .command(0, 1, bytes(1))
      .command(id, 1, bytes(1)),
  );
  rig.apply(batch().command(id, 2, bytes(1)).closeSession(id).command(id, 3, bytes(1)));
  assert.equal(rig.numbers(), [1, 2]);
});

test('a session may be opened and used in one value', () => {
  const rig = new Rig();
  const id = new Rig().open(1);
  rig.apply(batch().openSession(1, 0).command(id, 1, bytes(1)).openSession(1, 0).command(id, 2, bytes(2)));
  assert.equal(rig.numbers(), [1, 2]);
});

test('padding of any size is passed over', () => {
  const rig = new Rig();
  const id = rig.open(1);
  rig.apply(batch().padding(8).command(id, 1, bytes(1)).padding(56).command(id, 2, bytes(2)).padding(16));
  assert.equal(rig.numbers(), [1, 2]);
});

test('log time never goes back, and has 53 bits', () => {
  const rig = new Rig();
  const id = rig.open(1);
  rig.apply(batch(2 ** 40 + 5).command(id, 1, bytes(1)));
  rig.apply(batch(2 ** 40).command(id, 2, bytes(2)));
  assert.equal(
    rig.machine.applied.map(({ logTimeMs }) => logTimeMs),
    [2 ** 40 + 5, 2 ** 40 + 5],
  );
  assert.is(rig.applier.logTimeMs, 2 ** 40 + 5);
});

test('replies are remembered under their numbers; one that is too large leaves its status', () => {
  const rig = new Rig();
  const id = rig.open(1);
  rig.apply(
    batch()
      .command(id, 1, bytes(1, 2, 3, 4))
      .command(id, 2, bytes(0xfe))
      .command(id, 3, bytes(5)),
  );
  const index = rig.sessions.lookup(id);
  const target = new Int32Array(64);
  const size = rig.sessions.measureRun(index, 1, 1024);
  assert.is(rig.sessions.copyRun(index, 1, new Uint8Array(target.buffer), target, 0, size), 3);
  assert.equal(Array.from(target.slice(0, 3)), [REPLY_HEADER_BYTES + 4, REPLY_OK, 0x04030201]);
  assert.equal(Array.from(target.slice(4, 6)), [REPLY_HEADER_BYTES, REPLY_TOO_LARGE]);
  assert.is((target[6 + REPLY_STATUS_WORD + 1] as number) & 0xff, 5);
});

test('a machine that says nothing answers nothing', () => {
  const rig = new Rig();
  const id = rig.open(1);
  rig.apply(
    batch()
      .command(id, 1, bytes(1, 2, 3))
      .command(id, 2, bytes(0xfd)),
  );
  assert.is(rig.sessions.measureRun(rig.sessions.lookup(id), 2, 1024), REPLY_HEADER_BYTES);
});

test('a no-op applies nothing and leaves the digest', () => {
  const rig = new Rig();
  const id = rig.open(1);
  rig.apply(batch().command(id, 1, bytes(1)));
  const { digest, commands } = rig.applier;
  rig.applier.applyValue(new Uint8Array(8), new Int32Array(2), 0, 0, rig.slot);
  assert.equal([rig.applier.digest, rig.applier.commands], [digest, commands]);
  assert.ok(rig.applier.knowsDigestAt(rig.slot + 1));
  assert.is(rig.applier.digestAt(rig.slot + 1), digest);
});

test('the digest is that of the replies and their order, to the last byte, however they were batched', () => {
  const digestOf = (...values: number[][]): number => {
    const rig = new Rig();
    const id = rig.open(1);
    let number = 0;
    for (const replies of values) {
      const value = batch();
      for (const reply of replies) value.command(id, (number += 1), bytes(7, 7, 7, 7, reply));
      rig.apply(value);
    }
    return rig.applier.digest;
  };
  assert.is(digestOf([1, 2, 3]), digestOf([1], [2, 3]));
  assert.is.not(digestOf([1, 2, 3]), digestOf([1, 3, 2]));
  assert.is.not(digestOf([1, 2, 3]), digestOf([1, 2]));
  assert.is.not(digestOf([1, 2, 3]), digestOf([1, 2, 4]));
});

test('an empty reply and one that is too large differ in the digest', () => {
  const digestOf = (payload: Uint8Array): number => {
    const rig = new Rig();
    return rig.apply(batch().command(rig.open(1), 1, payload)).applier.digest;
  };
  assert.is.not(digestOf(bytes()), digestOf(bytes(0xfe)));
});

test('digests of the last 4096 watermarks are known, older and later ones are not', () => {
  const rig = new Rig();
  const id = rig.open(1);
  const digests = [0, rig.applier.digest];
  for (let number = 1; number <= 5000; number++) {
    digests.push(rig.apply(batch().command(id, number, bytes(number & 0x7f))).applier.digest);
  }
  const last = rig.slot;
  for (const watermark of [last, last - 1, last - 4095]) {
    assert.ok(rig.applier.knowsDigestAt(watermark));
    assert.is(rig.applier.digestAt(watermark), digests[watermark]);
  }
  for (const watermark of [last + 1, last - 4096, 0]) assert.not(rig.applier.knowsDigestAt(watermark));
});

test('a malformed value is an invariant broken, and what stands behind the fault is not applied', () => {
  const word = (at: number) => (24 + 16 + at) >> 2;
  const spoil: [RegExp, (value: BatchWriter) => void][] = [
    [/a value is a batch/, (value) => (value.words[24 >> 2] = 1)],
    [/a value is a batch/, (value) => (value.length = 8)],
    [/lies inside its batch/, (value) => (value.words[word(0)] = 0)],
    [/lies inside its batch/, (value) => (value.words[word(0)] = -8)],
    [/lies inside its batch/, (value) => (value.words[word(0)] = 1 << 30)],
    [/command has a whole header/, (value) => (value.words[word(0)] = 8)],
    [/session records only/, (value) => (value.words[word(4)] = TYPE_FRAME << 24)],
  ];
  for (const [message, change] of spoil) {
    const rig = new Rig();
    rig.machine.prefetch = () => {};
    const value = batch().command(rig.open(1), 1, bytes(1)).command(1, 1, bytes(1));
    change(value);
    assert.throws(
      () => rig.apply(value),
      (error: unknown) => {
        return error instanceof SynodError && error.code === 'ERR_SYNOD_INVARIANT' && message.test(error.message);
      },
    );
    assert.equal(rig.numbers(), []);
  }
});

test('session records without their fields are malformed', () => {
  const short = batch().openSession(1, 0);
  short.words[(24 + 16) >> 2] = 16;
  short.length -= 8;
  assert.throws(() => new Rig().apply(short), /opened by its nonce/);
  const close = batch().closeSession(1);
  close.words[(24 + 16) >> 2] = 8;
  assert.throws(() => new Rig().apply(close), /session record has a whole header/);
});

test('a throw in apply is the failure of the machine, with what it threw, and its watermark has no digest', () => {
  const rig = new Rig();
  const id = rig.open(1);
  const value = batch().command(id, 1, bytes(1)).command(id, 2, bytes(0xff)).command(id, 3, bytes(3));
  assert.throws(
    () => rig.apply(value),
    (error: unknown) => {
      return error instanceof MachineFailure && (error.cause as Error).message === 'broken';
    },
  );
  assert.equal(rig.numbers(), [1]);
  assert.not(rig.applier.knowsDigestAt(rig.slot + 1));
});

test('an error of this package that the machine throws is the failure of the machine, wrapped once', () => {
  const thrown = new SynodError('ERR_SYNOD_KEY', 'from within the machine');
  const sessions = new SessionTable();
  const apply = (): never => {
    throw thrown;
  };
  const applier = new Applier({ ...noMachine, apply }, sessions);
  const opening = batch().openSession(1, 0);
  applier.applyValue(opening.bytes, opening.words, opening.offset, opening.length, 0);
  const value = batch().command(sessions.findByNonce(1, 0), 1, bytes(1));
  assert.throws(
    () => applier.applyValue(value.bytes, value.words, value.offset, value.length, 1),
    (error: unknown) => error instanceof MachineFailure && error.cause === thrown,
  );
});

test('whatever a query throws or claims to have answered fails that query alone', () => {
  const ask = (query: StateMachine['query']): [number, number] => {
    const applier = new Applier({ ...noMachine, query }, new SessionTable());
    applier.query(new Uint8Array(8), new Int32Array(2), 0, 1, 100);
    return [applier.queryStatus, applier.queryLength];
  };
  for (const length of [-1, 2.5, 101, Number.NaN]) {
    const answer = (_query: Command, reply: Reply): void => {
      reply.length = length;
    };
    assert.equal(ask(answer), [REPLY_TOO_LARGE, 0]);
  }
  for (const thrown of [Object.create(null), undefined, Object.assign(new Error(), { message: Symbol('odd') })]) {
    const answer = (): never => {
      throw thrown;
    };
    assert.is(ask(answer)[0], REPLY_QUERY_FAILED);
  }
});

test('a machine that wants to hear of its commands hears of each, part by part, before any of the part is applied', () => {
  const rig = new Rig();
  const id = rig.open(1);
  const events: string[] = [];
  const value = batch().padding(24);
  for (let number = 1; number <= PREFETCH_COMMANDS_MAX + 2; number++)
    value.command(id, number, bytes(number)).padding(8);
  rig.machine.prefetch = (words, payloads, count) => {
    assert.is(words, value.words);
    for (const word of payloads.subarray(0, count)) events.push(`heard ${(words[word] as number) & 0xff}`);
  };
  const apply = rig.machine.apply.bind(rig.machine);
  rig.machine.apply = (command, reply) => {
    events.push(`applied ${command.number}`);
    apply(command, reply);
  };
  rig.apply(value);
  const part = (verb: string, first: number, count: number) =>
    Array.from({ length: count }, (_, i) => `${verb} ${first + i}`);
  assert.equal(events, [
    ...part('heard', 1, PREFETCH_COMMANDS_MAX),
    ...part('applied', 1, PREFETCH_COMMANDS_MAX),
    ...part('heard', PREFETCH_COMMANDS_MAX + 1, 2),
    ...part('applied', PREFETCH_COMMANDS_MAX + 1, 2),
  ]);
});

test('V6: between the first and the last step of a restore there is no state to apply to, to ask or to take an image of', () => {
  const donor = new Rig();
  const id = donor.open(1);
  donor.apply(batch(70).command(id, 1, bytes(10)));
  const rig = new Rig().apply(batch(3));
  const steps = rig.applier.restore(donor.applier.image());
  assert.not(steps.next().done);
  assert.equal([rig.applier.digest, rig.applier.logTimeMs, rig.applier.knowsDigestAt(1)], [0, 3, false]);
  assert.throws(() => rig.apply(batch(80)), /V6/);
  assert.throws(() => rig.applier.query(bytes(1), new Int32Array(1), 0, 1, 8), /V6/);
  assert.throws(() => rig.applier.image(), /V6/);
  assert.ok(steps.next().done);
  const { digest, logTimeMs, commands } = rig.applier;
  assert.equal([digest, logTimeMs, commands], [donor.applier.digest, 70, 1]);
  rig.slot = 2;
  rig.apply(batch(80).command(id, 2, bytes(11)));
  assert.equal(rig.numbers(), [2]);
});

test('a query is answered apart from the log; one that throws or asks too much fails alone', () => {
  const rig = new Rig();
  const id = rig.open(1);
  rig.apply(batch(9).command(id, 1, bytes(1)));
  const { digest } = rig.applier;
  const ask = (question: Uint8Array, room: number): [number, string] => {
    const memory = new Uint8Array(64);
    memory.set(question, 16);
    rig.applier.query(memory, new Int32Array(memory.buffer), 16, question.length, room);
    const { queryBytes, queryLength, queryStatus } = rig.applier;
    return [queryStatus, Buffer.from(queryBytes.slice(0, queryLength)).toString('latin1')];
  };
  assert.equal(ask(bytes(65, 66, 67), 100), [REPLY_OK, 'ABC']);
  assert.equal(ask(bytes(65, 66, 67), 2), [REPLY_TOO_LARGE, '']);
  assert.equal(ask(bytes(0xff), 100), [REPLY_QUERY_FAILED, 'no such question']);
  assert.equal(ask(bytes(0xff), 4), [REPLY_QUERY_FAILED, 'no s']);
  assert.is(rig.applier.digest, digest);
});

test.run();
