/** The writer: layout of what it hands over, durable prefix, pipeline limits, segments, the tail's bounds. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ENTRY_CHUNKS,
  LOG_BLOCK_BYTES,
  LOG_SEGMENT_BYTES,
  SPACE_RETRY_TICKS,
  SUBMISSION_BYTES_MAX,
  SUBMISSIONS_IN_FLIGHT_MAX,
  VALUE_BYTES_MAX,
} from '../../../src/limits.ts';
import { EntryStore } from '../../../src/log/entry-store.ts';
import { HEADER_FIELDS, HEADER_KIND, HEADER_VALUE_LENGTH } from '../../../src/log/log.ts';
import { LogWriter } from '../../../src/log/log-writer.ts';
import { ENTRY_HEADER_BYTES, KIND_VOTE, SUBMISSION_FLOOR_WORD, SUBMISSION_SIZE_WORD } from '../../../src/log/record.ts';
import { readPair } from '../../../src/log/record-header.ts';
import { softwareChecksum } from '../../../src/wire/crc32c.ts';
import {
  appendDurably,
  appendPromise,
  appendVote,
  chunks,
  IDENTITY,
  open,
  recover,
  slotsOf,
} from '../../support/log-fixture.ts';
import { TestDevice, TestMedium } from '../../support/test-device.ts';

const test = suite('log/log-writer');

const LARGEST = new Uint8Array(VALUE_BYTES_MAX).fill(7);

/** Appends largest votes and submits until the tail refuses; returns how many it took. */
function fillTail(fixture: ReturnType<typeof open>): number {
  let count = 0;
  while (appendVote(fixture.log, count, LARGEST) >= 0) {
    count++;
    fixture.log.submit(false);
  }
  return count;
}

test('the first record stands behind segment header and submission header', () => {
  const { log } = open(new TestMedium());
  assert.is(appendVote(log, 1, 'a'), LOG_BLOCK_BYTES + 64);
  assert.is(appendPromise(log, 2), LOG_BLOCK_BYTES + 64 + 128);
  assert.is(log.appendedPosition, LOG_BLOCK_BYTES + 64 + 128 + 64);
});

test('a submission is whole blocks, padded with zeros over stale bytes', () => {
  const { log, device } = open(new TestMedium());
  appendVote(log, 1, 'abc');
  assert.is(log.submit(true), 1);
  const { bytes, position } = device.inFlight[0];
  assert.is(position, LOG_BLOCK_BYTES);
  assert.is(bytes.length, LOG_BLOCK_BYTES);
  assert.is(Buffer.from(bytes.subarray(128, 131)).toString(), 'abc');
  assert.ok(bytes.subarray(131).every((byte) => byte === 0));
});

test('nothing appended is nothing submitted, also after an unused stage', () => {
  const { log, device } = open(new TestMedium());
  assert.is(log.submit(true), 0);
  log.stage(100);
  assert.is(log.submit(true), 0);
  assert.is(device.submissions, 0);
  assert.not(log.isBusy);
});

test('a position is durable when the device counted its submission and all before', () => {
  const { log, device } = open(new TestMedium());
  const first = appendVote(log, 1, 'a');
  log.submit(false);
  const second = appendVote(log, 2, 'b');
  log.submit(false);
  device.complete(1);
  assert.not(log.poll());
  assert.ok(log.durablePosition <= first);
  device.complete(0);
  assert.ok(log.poll());
  assert.ok(log.durablePosition > second);
  assert.is(log.durablePosition, log.appendedPosition);
  assert.not(log.poll());
});

test('the durable floor in a submission is the durable position when the device took it', () => {
  const fixture = open(new TestMedium());
  const { log, device } = fixture;
  appendDurably(fixture, 1, 'a');
  const floor = log.durablePosition;
  appendVote(log, 2, 'b');
  log.submit(false);
  appendVote(log, 3, 'c');
  log.submit(false);
  for (const { bytes } of device.inFlight) {
    assert.is(readPair(new Int32Array(bytes.buffer), SUBMISSION_FLOOR_WORD), floor);
  }
});

test('at most SUBMISSIONS_IN_FLIGHT_MAX small submissions are in flight; later records gather in one', () => {
  const { log, device } = open(new TestMedium());
  for (let slot = 0; slot < SUBMISSIONS_IN_FLIGHT_MAX + 5; slot++) {
    appendVote(log, slot, 'x');
    log.submit(false);
  }
  assert.is(device.submissions, SUBMISSIONS_IN_FLIGHT_MAX);
  device.complete();
  log.poll();
  assert.is(log.submit(false), 1);
  assert.is(
    new Int32Array((device.inFlight.at(-1) as { bytes: Uint8Array }).bytes.buffer)[SUBMISSION_SIZE_WORD],
    64 + 5 * 128,
  );
});

test('two submissions are in flight once they hold a megabyte', () => {
  const { log, device } = open(new TestMedium());
  for (let slot = 0; slot < 4; slot++) {
    appendVote(log, slot, LARGEST);
    log.submit(false);
  }
  assert.is(device.submissions, 2);
  device.complete();
  log.poll();
  log.submit(false);
  assert.is(device.submissions, 3);
});

test('a device that is full is asked again, with the same bytes', () => {
  const { log, device } = open(new TestMedium());
  device.refusals = 2;
  appendVote(log, 1, 'a');
  assert.is(log.submit(true), 0);
  assert.is(log.submit(true), 0);
  appendVote(log, 2, 'b');
  assert.is(log.submit(true), 2);
  device.completeAll();
  log.poll();
  assert.is(log.durablePosition, log.appendedPosition);
});

test('records beyond SUBMISSION_BYTES_MAX go to further submissions, split at record boundaries', () => {
  const fixture = open(new TestMedium());
  const { log, device, medium } = fixture;
  for (let slot = 0; slot < 10; slot++) assert.ok(appendVote(log, slot, LARGEST) > 0);
  while (log.isBusy) {
    log.submit(false);
    for (const { bytes } of device.inFlight) assert.ok(bytes.length <= SUBMISSION_BYTES_MAX);
    device.completeAll();
    log.poll();
  }
  assert.is(device.submissions, 4, '3 + 3 + 3 + 1 records');
  assert.equal(slotsOf(recover(medium).records), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('records never cross a segment; the next segment is opened before its first submission', () => {
  const fixture = open(new TestMedium());
  const { device, medium } = fixture;
  const positions: number[] = [];
  for (let slot = 0; slot < 40; slot++) positions.push(appendDurably(fixture, slot, LARGEST));
  for (const position of positions) {
    const end = (position % LOG_SEGMENT_BYTES) + ENTRY_HEADER_BYTES + LARGEST.length;
    assert.ok(end <= LOG_SEGMENT_BYTES);
  }
  assert.equal(
    device.openedBases,
    [0, 1, 2, 3].map((segment) => segment * LOG_SEGMENT_BYTES),
    'and the one behind',
  );
  assert.equal(slotsOf(recover(medium).records), [...positions.keys()]);
});

test('the next segment is opened when half of this one is filled, not before', () => {
  const fixture = open(new TestMedium());
  const { log, device } = fixture;
  for (let slot = 0; log.appendedPosition < LOG_SEGMENT_BYTES / 2; slot++) {
    assert.equal(device.openedBases, [0]);
    appendDurably(fixture, slot, LARGEST);
  }
  log.submit(true);
  assert.equal(device.openedBases, [0, LOG_SEGMENT_BYTES]);
});

test('submissions wait for a segment that is not open yet; those before it do not', () => {
  const { log, device, medium } = open(new TestMedium());
  device.isPrompt = true;
  device.delays = 1000;
  let slot = 0;
  const drain = (): void => {
    while (log.submit(false) > 0) log.poll();
  };
  for (; appendVote(log, slot, LARGEST) < LOG_SEGMENT_BYTES; slot++) drain();
  drain();
  log.poll();
  assert.ok(log.durablePosition > LOG_SEGMENT_BYTES - 2 * VALUE_BYTES_MAX && log.durablePosition <= LOG_SEGMENT_BYTES);
  device.delays = 0;
  drain();
  assert.is(recover(medium).records.length, slot + 1);
});

test('S14: a full disk refuses values, takes records without value, loses nothing, and goes on when there is space', () => {
  const fixture = open(new TestMedium());
  const { log, device, medium } = fixture;
  device.isDiskFull = true;
  let slot = 0;
  while (!log.isFull) appendDurably(fixture, slot++, LARGEST);
  assert.ok(log.appendedPosition < LOG_SEGMENT_BYTES / 2 + 2 * VALUE_BYTES_MAX, 'a reserve is left');
  assert.is(log.stage(1), -1);
  for (let index = 0; index < 500; index++) {
    appendPromise(log, slot++);
    log.submit(true);
    device.completeAll();
    log.poll();
  }
  assert.is(log.durablePosition, log.appendedPosition, 'hard state becomes durable');
  device.isDiskFull = false;
  log.submit(false);
  assert.ok(log.isFull, 'a full medium is not asked every turn');
  for (let tick = 0; tick < SPACE_RETRY_TICKS; tick++) log.tick();
  log.submit(false);
  assert.not(log.isFull);
  while (log.appendedPosition < LOG_SEGMENT_BYTES + VALUE_BYTES_MAX) appendDurably(fixture, slot++, LARGEST);
  assert.is(recover(medium).records.length, slot);
});

test('the tail is full while it would overwrite bytes that are not durable, and moves on when they are', () => {
  const fixture = open(new TestMedium());
  const { log, device } = fixture;
  const count = fillTail(fixture);
  assert.ok(count > (ENTRY_CHUNKS - 1) * 15 && count <= ENTRY_CHUNKS * 15, `${count} values fit`);
  assert.is(log.stage(LARGEST.length), -1);
  while (log.isBusy) {
    device.completeAll();
    log.poll();
    log.submit(false);
  }
  assert.ok(appendVote(log, count, LARGEST) >= ENTRY_CHUNKS * LOG_SEGMENT_BYTES);
});

test('records without value find room in a full tail, thousands of them', () => {
  const fixture = open(new TestMedium());
  const { log } = fixture;
  let slot = fillTail(fixture);
  while (appendVote(log, slot, 'small') >= 0) slot++;
  for (let index = 0; index < 4000; index++) assert.ok(appendPromise(log, slot + index) > 0);
  assert.is(log.stage(0), -1);
  assert.throws(
    () => {
      for (;;) appendPromise(log, slot);
    },
    (error: { code: string; retryable: boolean }) => error.code === 'ERR_SYNOD_FULL' && error.retryable,
  );
});

test('a latched device gets nothing more, and its reserve ends in ERR_SYNOD_LOG_FAILED', () => {
  const fixture = open(new TestMedium());
  const { log, device } = fixture;
  fillTail(fixture);
  device.errno = 5;
  const before = device.submissions;
  assert.is(log.submit(true), 0);
  assert.is(device.submissions, before);
  assert.throws(
    () => {
      for (;;) appendPromise(log, 1);
    },
    (error: { code: string }) => error.code === 'ERR_SYNOD_LOG_FAILED',
  );
});

test('records in the tail are found in place, evicted ones are read back and verified', () => {
  const fixture = open(new TestMedium());
  const { log, device, medium } = fixture;
  const text = 'kept'.repeat(3000);
  const small = appendDurably(fixture, 0, 'tiny');
  const longer = appendDurably(fixture, 1, text);
  const show = (position: number, length: number): string => {
    log.locate(position);
    return Buffer.from(log.readBytes.slice(log.readOffset + 64, log.readOffset + 64 + length)).toString();
  };
  assert.is(show(longer, text.length), text);
  assert.is(device.reads, 0);
  for (let slot = 2; log.appendedPosition < ENTRY_CHUNKS * LOG_SEGMENT_BYTES + 2 ** 21; slot++) {
    appendDurably(fixture, slot, LARGEST);
  }
  assert.is(show(longer, text.length), text);
  assert.is(show(small, 4), 'tiny');
  assert.ok(device.reads > 0);
  const isDamaged = (error: { code: string; message: string }): boolean =>
    error.code === 'ERR_SYNOD_LOG_DAMAGED' && error.message.includes(`${longer}`);
  for (const at of [0, 20, 63, 64, 64 + text.length - 1]) {
    medium.flip(longer + at);
    assert.throws(() => log.locate(longer), isDamaged, `byte ${at}`);
    medium.flip(longer + at);
  }
  assert.is(show(longer, text.length), text);
});

test('bytes in flight never change, whatever is appended meanwhile', () => {
  const { log, device } = open(new TestMedium());
  for (let slot = 0; slot < 300; slot++) {
    appendVote(log, slot, 'x'.repeat(slot * 13));
    if (slot % 3 === 0) log.submit(false);
    if (slot % 5 === 0 && device.inFlight.length > 0) device.complete();
    log.poll();
    for (const submission of device.inFlight) assert.not(device.hasChanged(submission));
  }
});

test('a floor record is written once when the log is idle and owes one', () => {
  const fixture = open(new TestMedium());
  const { log, device } = fixture;
  assert.not(log.writeFloor(), 'nothing to cover');
  appendVote(log, 1, 'a');
  assert.not(log.writeFloor(), 'not idle: open');
  log.submit(true);
  assert.not(log.writeFloor(), 'not idle: in flight');
  device.completeAll();
  log.poll();
  assert.ok(log.writeFloor());
  log.submit(true);
  device.completeAll();
  log.poll();
  assert.not(log.writeFloor(), 'floors need no floor');
  assert.equal(slotsOf(recover(fixture.medium).records), [1]);
});

test('positions and serials beyond 2^32 are written, found and counted', () => {
  const medium = new TestMedium();
  const device = new TestDevice(medium, chunks());
  const base = (2 ** 44 / LOG_SEGMENT_BYTES) * LOG_SEGMENT_BYTES;
  const start = {
    identity: IDENTITY,
    incarnation: 2 ** 33,
    generation: 2 ** 34,
    base,
    firstBase: base,
    aheadOffset: LOG_SEGMENT_BYTES,
    cut: base - 4096,
    isForgotten: false,
  };
  const log = new LogWriter(device, new EntryStore(chunks(), true), softwareChecksum, start);
  log.open();
  const fixture = { medium, device, log, report: recover(medium).report, records: [], losses: [] };
  const position = appendDurably(fixture, 2 ** 40, 'far');
  assert.is(position, base + LOG_BLOCK_BYTES + 64);
  const { report, records } = recover(medium);
  assert.is(records[0].position, position);
  assert.is(records[0].value, 'far');
  assert.is(report.lastIncarnation, 2 ** 33);
  assert.is(report.endPosition, log.durablePosition);
});

test('staging again moves nothing; a header-only record and submit end the staging', () => {
  const { log } = open(new TestMedium());
  const at = log.stage(10);
  assert.is(at % 64, 0);
  assert.is(log.stage(5000), at);
  appendPromise(log, 1);
  assert.is(log.stage(10), at + 64);
  assert.is(appendVote(log, 2, 'ok') % 64, 0);
});

test('what was staged before submit must be staged again', () => {
  const { log } = open(new TestMedium());
  appendPromise(log, 1);
  log.stage(10);
  log.submit(false);
  const header = new Float64Array(HEADER_FIELDS);
  header[HEADER_KIND] = KIND_VOTE;
  header[HEADER_VALUE_LENGTH] = 10;
  assert.throws(() => log.append(header), /stage comes before/);
  log.stage(9);
  assert.throws(() => log.append(header), /fits what was staged/);
});

test('small submissions pipeline again once the large ones are durable', () => {
  const fixture = open(new TestMedium());
  const { log, device } = fixture;
  for (let slot = 0; slot < 4; slot++) appendDurably(fixture, slot, LARGEST);
  const before = device.submissions;
  for (let slot = 4; slot < 9; slot++) {
    appendVote(log, slot, 'x');
    log.submit(false);
  }
  assert.is(device.submissions, before + 5);
});

test('nothing is handed to a latched device that has room', () => {
  const { log, device } = open(new TestMedium());
  appendVote(log, 1, 'a');
  device.errno = 28;
  assert.is(log.submit(true), 0);
  assert.is(device.submissions, 0);
});

test.run();
