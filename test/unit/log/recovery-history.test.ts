/** Recovery of media with a past: older incarnations, recycled, truncated and forged segments (S11, S14). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, VALUE_BYTES_MAX } from '../../../src/limits.ts';
import { EntryStore } from '../../../src/log/entry-store.ts';
import { LogWriter } from '../../../src/log/log-writer.ts';
import { writeSubmissionHeader } from '../../../src/log/record-header.ts';
import { softwareChecksum } from '../../../src/wire/crc32c.ts';
import {
  appendDurably,
  appendVote,
  chunks,
  type Fixture,
  IDENTITY,
  open,
  recover,
  slotsOf,
} from '../../support/log-fixture.ts';
import { TestDevice, TestMedium } from '../../support/test-device.ts';

const test = suite('log/recovery-history');

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

/** A log that holds three segments of one incarnation, each with whole submissions. */
function threeSegments(): Fixture {
  const fixture = open(new TestMedium());
  for (let slot = 0; fixture.log.appendedPosition < 2 * LOG_SEGMENT_BYTES + 2 ** 22; slot++) {
    appendDurably(fixture, slot, LARGEST);
  }
  return fixture;
}

/** A log of its own that begins at `base`, as a writer of that incarnation would have made it. */
function logAt(base: number, incarnation: number, generation: number): Fixture {
  const medium = new TestMedium();
  const device = new TestDevice(medium, chunks());
  const cut = Math.min(base, 8192);
  const start = {
    identity: IDENTITY,
    incarnation,
    generation: generation - 1,
    base,
    firstBase: base,
    aheadOffset: LOG_SEGMENT_BYTES,
    cut,
    isForgotten: false,
  };
  const log = new LogWriter(device, new EntryStore(chunks(), true), softwareChecksum, start);
  log.open();
  return { medium, device, log, report: recover(new TestMedium()).report, records: [], losses: [] };
}

test('the oldest segment of a truncated log may not begin with a gap', () => {
  for (const at of [0, 64 + 30]) {
    const { medium } = threeSegments();
    medium.segments.delete(0);
    medium.flip(LOG_SEGMENT_BYTES + LOG_BLOCK_BYTES + at);
    const { report, records } = recover(medium);
    assert.is(report.damage?.position, LOG_SEGMENT_BYTES + LOG_BLOCK_BYTES);
    assert.equal(records, []);
  }
});

test('an oldest segment without any whole submission does not hide what it held', () => {
  const { medium } = threeSegments();
  medium.segments.delete(0);
  medium.write(LOG_SEGMENT_BYTES + LOG_BLOCK_BYTES, new Uint8Array(LOG_SEGMENT_BYTES - LOG_BLOCK_BYTES));
  assert.is(recover(medium).report.damage?.position, LOG_SEGMENT_BYTES + LOG_BLOCK_BYTES);
});

test('a file under the name of another segment is damage, not an empty log', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  const renamed = new TestMedium();
  renamed.segments.set(5 * LOG_SEGMENT_BYTES, fixture.medium.segments.get(0) as Uint8Array);
  assert.throws(() => open(renamed), isDamaged('no segment has a header'));
});

test('S12: a rotten segment header is damage once: the incarnation behind it has written it off', () => {
  for (const segment of [0, 1, 2]) {
    const { medium } = threeSegments();
    medium.flip(segment * LOG_SEGMENT_BYTES + 20);
    const second = open(medium, true);
    assert.match(second.report.damage?.reason ?? '', 'header is destroyed', `segment ${segment}`);
    appendDurably(second, 77, 'learned since');
    const third = open(medium, true);
    assert.is(third.report.damage, undefined, `segment ${segment}`);
    assert.is(third.losses.length, 1);
    assert.is(third.records.at(-1)?.slot, 77);
  }
});

test('void segments may rot, and be truncated away with all before them', () => {
  const fixture = open(new TestMedium());
  while (fixture.log.appendedPosition < LOG_SEGMENT_BYTES - 2 ** 21) appendDurably(fixture, 1, LARGEST);
  appendInFlight(fixture, 2, LARGEST);
  appendInFlight(fixture, 3, LARGEST);
  fixture.device.complete(1);
  const second = open(fixture.medium);
  appendDurably(second, 9, 'later');
  const rotten = fixture.medium.clone();
  rotten.flip(LOG_SEGMENT_BYTES + 1);
  assert.is(recover(rotten).report.damage, undefined);
  assert.is(recover(rotten).records.at(-1)?.slot, 9);
  fixture.medium.segments.delete(0);
  assert.is(recover(fixture.medium).report.damage, undefined);
  assert.equal(slotsOf(recover(fixture.medium).records), [9]);
});

test('a segment with an older generation behind a newer one is not part of the log', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  const second = open(fixture.medium);
  appendDurably(second, 2, 'second');
  const stale = logAt(2 * LOG_SEGMENT_BYTES, 1, 2);
  appendDurably(stale, 77, 'stale');
  fixture.medium.segments.set(2 * LOG_SEGMENT_BYTES, stale.medium.segments.get(2 * LOG_SEGMENT_BYTES) as Uint8Array);
  const { report, records } = recover(fixture.medium);
  assert.is(report.damage, undefined);
  assert.equal(slotsOf(records), [1, 2]);
  assert.is(report.nextBase, 2 * LOG_SEGMENT_BYTES);
});

test('submissions of an older incarnation at the same positions neither count nor raise the floor', () => {
  const stale = logAt(LOG_SEGMENT_BYTES, 1, 2);
  for (const slot of [71, 72, 73]) appendDurably(stale, slot, 'stale');
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  fixture.medium.segments.set(LOG_SEGMENT_BYTES, stale.medium.segments.get(LOG_SEGMENT_BYTES) as Uint8Array);
  fixture.medium.write(LOG_SEGMENT_BYTES, new Uint8Array(LOG_BLOCK_BYTES));
  const remade = logAt(LOG_SEGMENT_BYTES, 2, 2);
  const header = (remade.medium.segments.get(LOG_SEGMENT_BYTES) as Uint8Array).slice(0, LOG_BLOCK_BYTES);
  fixture.medium.write(LOG_SEGMENT_BYTES, header);
  const { report, records } = recover(fixture.medium);
  assert.equal(slotsOf(records), [1]);
  assert.is(report.damage, undefined);
  assert.is(report.endPosition, LOG_SEGMENT_BYTES + LOG_BLOCK_BYTES);
});

test('a torn submission is not completed by records of an older incarnation', () => {
  const appendTwo = (fixture: Fixture): void => {
    appendVote(fixture.log, 1, 'v'.repeat(LOG_BLOCK_BYTES - 128));
    appendVote(fixture.log, 2, 'w');
    fixture.log.submit(false);
  };
  const stale = logAt(0, 1, 1);
  appendTwo(stale);
  stale.device.completeAll();
  const remade = logAt(0, 2, 2);
  appendTwo(remade);
  remade.device.tear(0, (sector) => sector < 8);
  const bytes = (stale.medium.segments.get(0) as Uint8Array).slice();
  bytes.set(remade.medium.segments.get(0) as Uint8Array);
  remade.medium.segments.set(0, bytes);
  assert.equal(slotsOf(recover(remade.medium).records), []);
});

test('a submission forged inside a torn value is never taken', () => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'first');
  const forger = logAt(0, 1, 1);
  appendDurably(forger, 8, 'x');
  appendDurably(forger, 8, 'y'.repeat(LOG_BLOCK_BYTES));
  appendDurably(forger, 66, 'forged');
  const words = new Int32Array(LOG_BLOCK_BYTES / 4);
  const forged = new Uint8Array(words.buffer);
  const at = 4 * LOG_BLOCK_BYTES;
  forger.medium.read(0, at, forged, 0, LOG_BLOCK_BYTES);
  writeSubmissionHeader(words, 0, words[1], 1, Float64Array.of(2, 1, at, 2 * LOG_BLOCK_BYTES));
  const value = new Uint8Array(3 * LOG_BLOCK_BYTES);
  value.set(forged, 2 * LOG_BLOCK_BYTES - 128);
  appendInFlight(fixture, 2, value);
  fixture.device.tear(0, (sector) => sector >= 8);
  const { records, report } = recover(fixture.medium);
  assert.equal(slotsOf(records), [1]);
  assert.is(report.damage, undefined);
});

test('a submission with more bytes than records is refused', () => {
  const fixture = open(new TestMedium());
  appendVote(fixture.log, 1, 'a');
  appendVote(fixture.log, 2, 'b');
  fixture.log.submit(false);
  fixture.device.completeAll();
  const words = new Int32Array((fixture.medium.segments.get(0) as Uint8Array).buffer);
  writeSubmissionHeader(
    words,
    LOG_BLOCK_BYTES / 4,
    64 + 256,
    1,
    Float64Array.of(1, 1, LOG_BLOCK_BYTES, LOG_BLOCK_BYTES),
  );
  assert.equal(recover(fixture.medium).records, []);
});

test.run();
