/**
 * A log against a plain list, through any sequence of appends, submissions, completions in any order, torn writes, power
 * cuts and recoveries: whatever was durable is recovered, nothing is invented, and no record ever comes back from the dead.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogWriter } from '../../src/log/log-writer.ts';
import { appendPromise, appendVote, type Fixture, type Kept, open, recover } from '../support/log-fixture.ts';
import { TestMedium } from '../support/test-device.ts';

const test = suite('property/log-recovery');

interface Appended {
  slot: number;
  position: number;
  value: string;
}

/** What the log must remember. */
interface Model {
  /** Recovered before: these come back for ever, exactly. */
  settled: Appended[];
  /** Appended in this incarnation, in order. */
  fresh: Appended[];
  nextSlot: number;
  /** Totals over all runs: the test must not be vacuous. */
  crashes: number;
}

class Real {
  fixture: Fixture = open(new TestMedium());

  get log(): LogWriter {
    return this.fixture.log;
  }
}

type Command = fc.Command<Model, Real>;

class Append implements Command {
  readonly size: number;
  constructor(size: number) {
    this.size = size;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, { log }: Real): void {
    const slot = model.nextSlot++;
    const value = String.fromCharCode(97 + (slot % 26)).repeat(this.size);
    const position = this.size === 0 ? appendPromise(log, slot) : appendVote(log, slot, value);
    model.fresh.push({ slot, position, value });
    log.locate(position);
    assert.is(log.readWords[(log.readOffset >> 2) + 6], slot);
  }
  toString(): string {
    return `append(${this.size})`;
  }
}

class Submit implements Command {
  check(): boolean {
    return true;
  }
  run(_model: Model, { log }: Real): void {
    log.submit(false);
  }
  toString(): string {
    return 'submit';
  }
}

/** Completes one submission in flight, in any order. */
class Complete implements Command {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check(): boolean {
    return true;
  }
  run(_model: Model, { fixture, log }: Real): void {
    const { inFlight } = fixture.device;
    if (inFlight.length > 0) fixture.device.complete(this.pick % inFlight.length);
    log.poll();
  }
  toString(): string {
    return `complete(${this.pick})`;
  }
}

class WriteFloor implements Command {
  check(): boolean {
    return true;
  }
  run(_model: Model, { log }: Real): void {
    if (log.writeFloor()) log.submit(true);
  }
  toString(): string {
    return 'floor';
  }
}

/** A power cut: each write in flight reaches the medium wholly, partly or not at all; then the log is opened again. */
class Crash implements Command {
  readonly fates: number[];
  constructor(fates: number[]) {
    this.fates = fates;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, real: Real): void {
    const { device, log, medium } = real.fixture;
    const durable = model.fresh.filter(({ position }) => position < log.durablePosition);
    device.inFlight.forEach((_, index) => {
      const fate = this.fates[index % this.fates.length];
      device.tear(index, (sector) => ((fate >> (sector % 16)) & 1) !== 0);
    });
    const found = recover(medium);
    real.fixture = open(medium);
    assert.equal(real.fixture.records, found.records);
    assert.is(found.report.damage, undefined);
    checkRecovered(model, durable, real.fixture.records);
    model.crashes++;
  }
  toString(): string {
    return `crash(${this.fates})`;
  }
}

function checkRecovered(model: Model, durable: Appended[], records: Kept[]): void {
  const seen = records.map(({ slot, position, value }) => ({ slot, position, value }));
  const known = model.settled.length;
  assert.equal(seen.slice(0, known), model.settled, 'what was recovered once is recovered again');
  const fresh = seen.slice(known);
  assert.ok(fresh.length >= durable.length, 'everything durable is recovered');
  assert.equal(fresh, model.fresh.slice(0, fresh.length), 'nothing is invented, reordered or skipped');
  model.settled = seen;
  model.fresh = [];
}

const commands = fc.commands(
  [
    fc.oneof(fc.nat(200), fc.nat(20_000)).map((size) => new Append(size)),
    fc.constant(new Submit()),
    fc.nat(15).map((pick) => new Complete(pick)),
    fc.constant(new WriteFloor()),
    fc
      .array(fc.oneof(fc.constant(0xffff), fc.constant(0), fc.nat(0xffff)), { minLength: 1, maxLength: 8 })
      .map((fates) => new Crash(fates)),
  ],
  { maxCommands: 60, size: 'max' },
);

test('a log equals its model through power cuts', () => {
  let crashes = 0;
  let recovered = 0;
  fc.assert(
    fc.property(commands, (sequence) => {
      const model: Model = { settled: [], fresh: [], nextSlot: 1, crashes: 0 };
      fc.modelRun(() => ({ model, real: new Real() }), sequence);
      crashes += model.crashes;
      recovered += model.settled.length;
    }),
    { numRuns: 150 },
  );
  assert.ok(
    crashes > 100 && recovered > 100,
    `${crashes} crashes, ${recovered} records recovered: too few to mean much`,
  );
});

test('one flipped bit below the floor never goes unseen and never loses a record silently', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3000), { minLength: 1, maxLength: 12 }), fc.nat(), fc.nat(7), (sizes, pick, bit) => {
      const fixture = open(new TestMedium());
      const { log, device, medium } = fixture;
      sizes.forEach((size, slot) => {
        appendVote(log, slot, 'z'.repeat(size + 1));
        log.submit(true);
        device.completeAll();
        log.poll();
      });
      log.writeFloor();
      log.submit(true);
      device.completeAll();
      const end = log.durablePosition;
      const before = recover(medium).records;
      const bytes = medium.segments.get(0) as Uint8Array;
      bytes[pick % end] ^= 1 << bit;
      const { records, report } = recover(medium);
      if (report.damage === undefined) assert.equal(records, before, 'only padding was hit');
      else assert.equal(records, before.slice(0, records.length));
    }),
    { numRuns: 300 },
  );
});

test.run();
