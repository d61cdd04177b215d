/** Opening segments: in order, with growing generations, patient with a device that is slow or full. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { LOG_SEGMENT_BYTES, SPACE_RETRY_TICKS } from '../../../src/limits.ts';
import { readSegmentHeader, type SegmentHeader } from '../../../src/log/record-header.ts';
import { SegmentOpener } from '../../../src/log/segment-opener.ts';
import { chunks, IDENTITY } from '../../support/log-fixture.ts';
import { TestDevice, TestMedium } from '../../support/test-device.ts';

const test = suite('log/segment-opener');

function make(isForgotten = false) {
  const medium = new TestMedium();
  const device = new TestDevice(medium, chunks());
  const opener = new SegmentOpener(device, {
    identity: IDENTITY,
    incarnation: 4,
    generation: 9,
    cut: 100,
    isForgotten,
  });
  const headerOf = (segment: number): SegmentHeader | undefined =>
    readSegmentHeader(new Int32Array(medium.segments.get(segment * LOG_SEGMENT_BYTES)!.slice().buffer));
  return { device, opener, headerOf };
}

const FIRST = 3 * LOG_SEGMENT_BYTES;

test('every header says incarnation, cut and the next generation; only the first one that something is forgotten', () => {
  const { opener, headerOf } = make(true);
  opener.openFirst(FIRST);
  assert.ok(opener.ensure(FIRST + LOG_SEGMENT_BYTES));
  const expected = { ...IDENTITY, version: 1, incarnation: 4, cut: 100 };
  assert.equal(headerOf(3), { ...expected, generation: 10, base: FIRST, isForgotten: true });
  assert.equal(headerOf(4), { ...expected, generation: 11, base: FIRST + LOG_SEGMENT_BYTES, isForgotten: false });
});

test('an open segment is not opened again, and none is skipped', () => {
  const { device, opener } = make();
  opener.openFirst(FIRST);
  assert.ok(opener.ensure(FIRST));
  assert.is(opener.openedSegment, FIRST / LOG_SEGMENT_BYTES);
  assert.equal(device.openedBases, [FIRST]);
  assert.throws(() => opener.ensure(FIRST + 2 * LOG_SEGMENT_BYTES), /in order/);
  assert.throws(() => opener.openFirst(FIRST), /once/);
});

test('a device that is still at it is asked again, for the same header', () => {
  const { device, opener, headerOf } = make();
  opener.openFirst(FIRST);
  device.delays = 2;
  assert.not(opener.ensure(FIRST + LOG_SEGMENT_BYTES));
  assert.not(opener.ensure(FIRST + LOG_SEGMENT_BYTES));
  assert.not(opener.isFull);
  assert.ok(opener.ensure(FIRST + LOG_SEGMENT_BYTES));
  assert.is(headerOf(4)?.generation, 11);
});

test('goOn stays one segment ahead of the one being filled', () => {
  const { device, opener } = make();
  opener.openFirst(FIRST);
  for (let times = 0; times < 3; times++) opener.goOn(FIRST);
  assert.equal(device.openedBases, [FIRST, FIRST + LOG_SEGMENT_BYTES]);
});

test('a full medium is a state, asked again after SPACE_RETRY_TICKS', () => {
  const { device, opener } = make();
  opener.openFirst(FIRST);
  device.isDiskFull = true;
  const next = FIRST + LOG_SEGMENT_BYTES;
  assert.not(opener.ensure(next));
  assert.ok(opener.isFull);
  device.isDiskFull = false;
  for (let tick = 0; tick < SPACE_RETRY_TICKS; tick++) {
    assert.not(opener.ensure(next), `asked in tick ${tick}`);
    opener.tick();
  }
  assert.ok(opener.ensure(next));
  assert.not(opener.isFull);
});

test('a latched device is no full one; what is no refusal goes through', () => {
  const { device, opener } = make();
  opener.openFirst(FIRST);
  device.errno = 5;
  device.isDiskFull = true;
  assert.not(opener.ensure(FIRST + LOG_SEGMENT_BYTES));
  assert.not(opener.isFull);
  const broken = make();
  broken.opener.openFirst(FIRST);
  broken.device.openAhead = () => {
    throw new Error('the power is lost');
  };
  assert.throws(
    () => broken.opener.ensure(FIRST + LOG_SEGMENT_BYTES),
    (error: unknown) => !(error instanceof SynodError),
  );
});

test.run();
