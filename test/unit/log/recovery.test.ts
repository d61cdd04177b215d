/** Recovery: what is torn is cut, what was durable and changed is damage, what is cut never comes back (S11). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, VALUE_BYTES_MAX } from '../../../src/limits.ts';
import { recoverLog } from '../../../src/log/recovery.ts';
import { softwareChecksum } from '../../../src/wire/crc32c.ts';
import {
  appendDurably,
  appendVote,
  type Fixture,
  IDENTITY,
  open,
  recover,
  slotsOf,
} from '../../support/log-fixture.ts';
import { TestMedium } from '../../support/test-device.ts';

const test = suite('log/recovery');

const LARGEST = new Uint8Array(VALUE_BYTES_MAX).fill(9);

/** One submission with one vote, in flight. */
function appendInFlight({ log }: Fixture, slot: number, value: string | Uint8Array = 'in flight'): number {
  const position = appendVote(log, slot, value);
  log.submit(false);
  return position;
}

function isDamaged(part: string) {
  return (error: { code: string; message: string }): boolean =>
    error.code === 'ERR_SYNOD_LOG_DAMAGED' && error.message.includes(part);
}

test('an empty medium is a first start', () => {
  const { report, medium, log } = open(new TestMedium());
  assert.is(report.segments, 0);
  assert.is(report.endPosition, 0);
  assert.is(report.lastIncarnation, 0);
  assert.is(log.incarnation, 1);
  assert.equal(medium.list(), [0]);
});

test('everything durable is recovered, in order, with its fields', () => {
  const fixture = open(new TestMedium());
  const positions = ['a', 'bb', 'c'.repeat(10_000), ''].map((value, slot) => appendDurably(fixture, slot, value));
  const { records, report } = recover(fixture.medium);
  assert.equal(
    records.map(({ position }) => position),
    positions,
  );
  assert.equal(
    records.map(({ value }) => value.length),
    [1, 2, 10_000, 0],
  );
  assert.is(records[2].sequence, 2 + 2 ** 33);
  assert.is(report.records, 4);
  assert.not(report.isTorn);
  assert.is(report.damage, undefined);
  assert.is(report.endPosition, fixture.log.durablePosition);
});

test('a torn last submission is cut, whatever prefix of it reached the medium', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  const end = fixture.log.durablePosition;
  appendVote(fixture.log, 2, 'second');
  appendVote(fixture.log, 3, 'third'.repeat(20));
  fixture.log.submit(false);
  const { bytes, position } = fixture.device.inFlight[0];
  const size = new Int32Array(bytes.buffer)[1];
  const torn = fixture.medium.clone();
  for (let kept = 1; kept < size; kept++) {
    torn.write(position + kept - 1, bytes.subarray(kept - 1, kept));
    const { records, report } = recover(torn);
    if (kept < size && records.length !== 1) {
      const missing = bytes.subarray(kept, size);
      assert.ok(
        missing.every((byte) => byte === 0),
        `${kept} of ${size} bytes must not count`,
      );
    }
    assert.is(report.damage, undefined);
    if (records.length === 1) assert.is(report.endPosition, end);
  }
  torn.write(position, bytes);
  assert.equal(slotsOf(recover(torn).records), [1, 2, 3]);
});

test('a torn submission of many blocks is cut, whichever sector is missing', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  const value = Uint8Array.from({ length: 20_000 }, (_, index) => (index % 250) + 1);
  appendInFlight(fixture, 2, value);
  for (let sector = 0; sector < 39; sector++) {
    const torn = fixture.medium.clone();
    fixture.device.tear(0, (at) => at !== sector, torn);
    const { records, report } = recover(torn);
    assert.equal(slotsOf(records), [1], `sector ${sector}`);
    assert.ok(report.isTorn);
    assert.is(report.damage, undefined);
  }
});

test('a submission that is durable behind a gap is discarded, and stays so', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  appendInFlight(fixture, 2);
  appendInFlight(fixture, 3);
  appendInFlight(fixture, 4);
  fixture.device.complete(2);
  fixture.device.complete(1);
  const second = open(fixture.medium);
  assert.equal(slotsOf(second.records), [1]);
  assert.ok(second.report.isTorn);
  assert.equal(slotsOf(recover(fixture.medium).records), [1], 'the second recovery finds the same');
  appendDurably(second, 5, 'later');
  assert.equal(slotsOf(recover(fixture.medium).records), [1, 5]);
});

test('the gap filled after the cut does not revive what stands behind it', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  appendInFlight(fixture, 2);
  appendInFlight(fixture, 3);
  const late = fixture.device.inFlight[0];
  fixture.device.complete(1);
  const second = open(fixture.medium);
  fixture.medium.write(late.position, late.bytes);
  assert.equal(slotsOf(recover(fixture.medium).records), [1], 'a write of a dead process lands after the cut');
  appendDurably(second, 5, 'later');
  assert.equal(slotsOf(recover(fixture.medium).records), [1, 5]);
});

test('a discarded segment of an older incarnation behind the cut stays void', () => {
  const fixture = open(new TestMedium());
  let slot = 0;
  while (fixture.log.appendedPosition < LOG_SEGMENT_BYTES - 2 ** 21) appendDurably(fixture, slot++, LARGEST);
  appendInFlight(fixture, slot, LARGEST);
  appendInFlight(fixture, slot + 1, LARGEST);
  assert.ok(fixture.device.inFlight[1].position > LOG_SEGMENT_BYTES, 'the second one opens the next segment');
  fixture.device.complete(1);
  const second = open(fixture.medium);
  assert.is(second.records.length, slot);
  assert.is(second.device.openedBases[0], 2 * LOG_SEGMENT_BYTES, 'segments of an older incarnation are not reused');
  appendDurably(second, 99, 'later');
  const third = open(fixture.medium);
  assert.is(third.records.length, slot + 1);
  assert.is(third.records.at(-1)?.slot, 99);
  assert.is(third.report.lastIncarnation, 2);
});

test('a bit flipped below the durable floor is damage with its place, and nothing is cut', () => {
  const fixture = open(new TestMedium());
  const first = appendDurably(fixture, 1, 'first');
  appendDurably(fixture, 2, 'second');
  for (const at of [first - 64, first - 60, first, first + 30, first + 64]) {
    const damaged = fixture.medium.clone();
    damaged.flip(at);
    const { report, records } = recover(damaged);
    assert.is(report.damage?.position, LOG_BLOCK_BYTES, `byte ${at}`);
    assert.is(report.damage?.segment, 'segment-0');
    assert.is(records.length, 0);
    assert.throws(() => open(damaged), isDamaged('segment-0'));
    assert.equal(damaged.list(), [0], 'no new incarnation was begun');
  }
});

test('a flipped bit in the last submission is damage once a floor record follows, torn otherwise', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  const last = appendDurably(fixture, 2, 'last');
  const unprotected = fixture.medium.clone();
  unprotected.flip(last);
  assert.is(recover(unprotected).report.damage, undefined);
  assert.equal(slotsOf(recover(unprotected).records), [1]);
  fixture.log.writeFloor();
  fixture.log.submit(true);
  fixture.device.completeAll();
  fixture.medium.flip(last);
  assert.ok(recover(fixture.medium).report.damage);
});

test('a block that the medium cannot read is damage, also where a torn write would be cut', () => {
  for (const values of [['x'], ['x'.repeat(10_000)]]) {
    const fixture = open(new TestMedium());
    for (const slot of [0, 1]) appendDurably(fixture, slot, values[0] as string);
    const last = fixture.records.length;
    const { records: before } = recover(fixture.medium);
    assert.is(before.length, 2 + last);
    fixture.medium.unreadable.add(fixture.log.durablePosition - LOG_BLOCK_BYTES);
    const { report, records } = recover(fixture.medium);
    assert.match(report.damage?.reason ?? '', 'cannot read it');
    assert.equal(report.damage?.behind, { group: 5, slot: 0 });
    assert.is(records.length, 1);
    const header = open(new TestMedium());
    appendDurably(header, 0, 'x');
    header.medium.unreadable.add(0);
    assert.match(recover(header.medium).report.damage?.reason ?? '', 'header is destroyed');
  }
});

test('how far recovery has come is told, of the whole log', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 0, 'x'.repeat(100_000));
  open(fixture.medium);
  const told: number[][] = [];
  recoverLog(
    fixture.medium,
    IDENTITY,
    softwareChecksum,
    () => {},
    undefined,
    (bytes, total) => told.push([bytes, total]),
  );
  const total = fixture.medium.sizeOf(0) + fixture.medium.sizeOf(LOG_SEGMENT_BYTES);
  assert.equal(
    told.map(([, of]) => of),
    told.map(() => total),
  );
  assert.is(told.at(-1)?.[0], fixture.medium.sizeOf(0), 'a segment that no submission can stand in is not read');
});

test('a new incarnation protects all that the older one held', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  const last = appendDurably(fixture, 2, 'last');
  open(fixture.medium);
  fixture.medium.flip(last);
  assert.throws(() => open(fixture.medium), isDamaged('below the cut'));
});

test('a block written to the wrong place is not taken for what belongs there', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  appendDurably(fixture, 2, 'second');
  appendDurably(fixture, 3, 'third');
  const block = new Uint8Array(LOG_BLOCK_BYTES);
  fixture.medium.read(0, 2 * LOG_BLOCK_BYTES, block, 0, block.length);
  const misdirected = fixture.medium.clone();
  misdirected.write(LOG_BLOCK_BYTES, block);
  assert.is(recover(misdirected).report.damage?.position, LOG_BLOCK_BYTES);
  const behind = fixture.medium.clone();
  behind.write(4 * LOG_BLOCK_BYTES, block);
  assert.equal(slotsOf(recover(behind).records), [1, 2, 3]);
  assert.is(recover(behind).report.damage, undefined);
});

test('a lost write in the middle of durable ones is damage', () => {
  const fixture = open(new TestMedium());
  for (let slot = 0; slot < 5; slot++) appendDurably(fixture, slot, 'x');
  fixture.medium.write(3 * LOG_BLOCK_BYTES, new Uint8Array(LOG_BLOCK_BYTES));
  const { report, records } = recover(fixture.medium);
  assert.is(report.damage?.position, 3 * LOG_BLOCK_BYTES);
  assert.equal(slotsOf(records), [0, 1]);
});

test('a gap at the end of a segment shows by the serials of the next', () => {
  const fixture = open(new TestMedium());
  let slot = 0;
  while (fixture.log.appendedPosition < LOG_SEGMENT_BYTES - 2 ** 20) appendDurably(fixture, slot++, LARGEST);
  const lastOfSegment = appendDurably(fixture, slot++, 'small');
  appendDurably(fixture, slot++, LARGEST);
  assert.is(recover(fixture.medium).records.length, slot);
  const torn = fixture.medium.clone();
  torn.write(lastOfSegment - 64, new Uint8Array(LOG_BLOCK_BYTES));
  const { report } = recover(torn);
  assert.is(report.damage?.position, lastOfSegment - 64);
});

test('a destroyed segment header is damage where submissions stand behind it', () => {
  const fixture = open(new TestMedium());
  while (fixture.log.appendedPosition < 2 * LOG_SEGMENT_BYTES + 2 ** 21) appendDurably(fixture, 1, LARGEST);
  for (const segment of [0, 1, 2]) {
    const damaged = fixture.medium.clone();
    damaged.flip(segment * LOG_SEGMENT_BYTES + 33);
    assert.is(recover(damaged).report.damage?.position, segment * LOG_SEGMENT_BYTES, `segment ${segment}`);
  }
});

test('a missing segment in the middle is damage', () => {
  const fixture = open(new TestMedium());
  while (fixture.log.appendedPosition < 2 * LOG_SEGMENT_BYTES + 2 ** 21) appendDurably(fixture, 1, LARGEST);
  fixture.medium.segments.delete(LOG_SEGMENT_BYTES);
  assert.is(recover(fixture.medium).report.damage?.position, LOG_SEGMENT_BYTES);
});

test('a half-made last segment is no damage and is made anew', () => {
  for (const size of [0, 63, LOG_BLOCK_BYTES, 2 * LOG_BLOCK_BYTES]) {
    const fixture = open(new TestMedium());
    appendDurably(fixture, 1, 'first');
    fixture.medium.segments.set(LOG_SEGMENT_BYTES, new Uint8Array(size));
    const second = open(fixture.medium);
    assert.equal(slotsOf(second.records), [1]);
    assert.equal(second.device.openedBases, [LOG_SEGMENT_BYTES]);
    appendDurably(second, 2, 'second');
    assert.equal(slotsOf(recover(fixture.medium).records), [1, 2]);
  }
  const first = new TestMedium();
  first.segments.set(0, new Uint8Array(LOG_BLOCK_BYTES));
  assert.is(open(first).log.incarnation, 1);
});

test('a recycled segment with the header of its former place does not count', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  const recycled = (fixture.medium.segments.get(0) as Uint8Array).slice();
  fixture.medium.segments.set(LOG_SEGMENT_BYTES, recycled);
  const { report, records } = recover(fixture.medium);
  assert.equal(slotsOf(records), [1]);
  assert.is(report.damage, undefined);
  assert.is(report.nextBase, LOG_SEGMENT_BYTES);
});

test('a log whose first segments were truncated away is read from its oldest segment', () => {
  const fixture = open(new TestMedium());
  let slot = 0;
  while (fixture.log.appendedPosition < 2 * LOG_SEGMENT_BYTES + 2 ** 21) appendDurably(fixture, slot++, LARGEST);
  const all = recover(fixture.medium).records;
  fixture.medium.segments.delete(0);
  const { records, report } = recover(fixture.medium);
  assert.is(report.damage, undefined);
  assert.equal(
    records,
    all.filter(({ position }) => position >= LOG_SEGMENT_BYTES),
  );
  fixture.medium.segments.delete(LOG_SEGMENT_BYTES);
  fixture.medium.flip(2 * LOG_SEGMENT_BYTES);
  assert.ok(recover(fixture.medium).report.damage, 'a truncated log has at least one header');
});

test('opening again and again without appending changes nothing but the incarnation', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  for (let round = 2; round < 6; round++) {
    const next = open(fixture.medium);
    assert.equal(slotsOf(next.records), [1]);
    assert.is(next.log.incarnation, round);
  }
});

test.run();
