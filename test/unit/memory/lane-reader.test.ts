/** A reader that can take again what it passed on; the rest of its behaviour is in lane.test, lane-route.test and the properties. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LANE_WRITES, TYPE_COMMAND } from '../../../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../../../src/memory/lane.ts';
import { LaneReader } from '../../../src/memory/lane-reader.ts';
import { put } from '../../support/lane-kit.ts';

const SERIAL = 3;

function make(capacity = 4096): { writer: LaneWriter; reader: LaneReader } {
  const lane = createLane(capacity, LANE_WRITES, 1);
  const writer = new LaneWriter(lane);
  const reader = new LaneReader(lane);
  writer.route(0, SERIAL);
  reader.refresh(0, SERIAL);
  return { writer, reader };
}

/** First words of all payloads in the next run. */
function takeAll(reader: LaneReader): number[] {
  const words: number[] = [];
  while (reader.take(1)) {
    words.push(reader.words[(reader.runOffset >> 2) + 4] as number);
    reader.confirm();
  }
  return words;
}

const test = suite('memory/lane-reader');

test('what was taken and not settled is outstanding, and comes again after a rewind', () => {
  const { writer, reader } = make();
  for (let n = 1; n <= 3; n++) put(writer, n);
  assert.equal(takeAll(reader), [1, 2, 3]);
  assert.is(reader.outstanding, 3 * 24);
  reader.settleBelow(2);
  assert.is(reader.outstanding, 2 * 24);
  reader.rewind();
  assert.is(reader.outstanding, 0);
  assert.equal(takeAll(reader), [2, 3]);
});

test('settling goes no further than what was taken', () => {
  const { writer, reader } = make();
  put(writer, 1);
  put(writer, 2);
  reader.take(1);
  reader.confirm();
  reader.settleBelow(100);
  assert.is(reader.outstanding, 0);
  assert.equal(takeAll(reader), [2]);
});

test('settling passes the padding at the end of the ring', () => {
  const { writer, reader } = make(256);
  let taken = 0;
  for (let n = 1; n <= 40; n++) {
    const bytes = n % 3 === 0 ? 40 : 8;
    put(writer, n, TYPE_COMMAND, bytes);
    reader.take(1);
    assert.is(reader.words[(reader.runOffset >> 2) + 4], n);
    reader.confirm();
    reader.rewind();
    reader.take(1);
    assert.is(reader.words[(reader.runOffset >> 2) + 4], n, 'a rewind finds the same record again');
    reader.confirm();
    reader.settleBelow(n + 1);
    assert.is(reader.outstanding, 0);
    writer.free(1);
    taken += 1;
  }
  assert.is(taken, 40);
});

test('a new route begins with nothing outstanding', () => {
  const { writer, reader } = make();
  put(writer, 1);
  put(writer, 2);
  takeAll(reader);
  writer.free(1);
  writer.route(0, SERIAL);
  reader.refresh(0, SERIAL);
  assert.is(reader.outstanding, 0);
  assert.equal(takeAll(reader), [2]);
});

test.run();
