/** Headers of bursts: what one end writes the other accepts, and nothing else. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BURST_BYTES_MAX, CONTROL_BURST_BYTES_MAX, NOTE_BYTES_MAX } from '../../../src/limits.ts';
import {
  BURST_DATA,
  BURST_GOODBYE,
  BURST_HEADER_BYTES,
  BURST_NOTE,
  BURST_PING,
  BurstHeaders,
  BurstJudge,
} from '../../../src/transport/burst.ts';
import { LANE_BULK, LANE_CONTROL } from '../../../src/transport/channel.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';

const test = suite('transport/burst');
const LINK = 0xdead_beef;

function judged(judge: BurstJudge, headers: BurstHeaders, at: number) {
  judge.bytes.set(headers.bytes.subarray(at, at + BURST_HEADER_BYTES));
  return judge.violation();
}

/** The verdict on one header, after `change`. */
function verdict(kind: number, length: number, lane: number, change: (view: DataView) => void = () => {}) {
  const headers = new BurstHeaders(2, LINK, lane);
  const judge = new BurstJudge(LINK, lane);
  const at = headers.write(kind, length, 0, 0);
  judge.bytes.set(headers.bytes.subarray(at, at + BURST_HEADER_BYTES));
  change(new DataView(judge.bytes.buffer));
  return judge.violation();
}

/** A change that a checksum would not find. */
function rewrite(offset: number, value: number): (view: DataView) => void {
  return (view) => {
    view.setInt32(offset, value, true);
    view.setInt32(28, crc32c(new Uint8Array(view.buffer), 0, 28, 0), true);
  };
}

test('a header is read as it was written', () => {
  const headers = new BurstHeaders(4, LINK, LANE_BULK);
  const judge = new BurstJudge(LINK, LANE_BULK);
  assert.is(judged(judge, headers, headers.write(BURST_DATA, 640, 123, 0)), undefined);
  assert.is(judge.kind, BURST_DATA);
  assert.is(judge.length, 640);
  assert.is(judge.bodyCrc, 123);
  assert.is(judged(judge, headers, headers.write(BURST_PING, 0, 0, -9)), undefined);
  assert.is(judge.stamp, -9);
});

test('any flipped bit is found', () => {
  for (let bit = 0; bit < BURST_HEADER_BYTES * 8; bit++) {
    const found = verdict(BURST_DATA, 64, LANE_BULK, (view) =>
      view.setUint8(bit >> 3, view.getUint8(bit >> 3) ^ (1 << (bit & 7))),
    );
    assert.ok(found !== undefined, `bit ${bit}`);
  }
});

test('lengths stay within the limit of their kind and lane', () => {
  const wide = BURST_BYTES_MAX - (BURST_BYTES_MAX % 64);
  assert.is(verdict(BURST_DATA, wide, LANE_BULK), undefined);
  assert.is(verdict(BURST_DATA, wide + 64, LANE_BULK), 'tooLong');
  assert.is(verdict(BURST_DATA, CONTROL_BURST_BYTES_MAX, LANE_CONTROL), undefined);
  assert.is(verdict(BURST_DATA, CONTROL_BURST_BYTES_MAX + 64, LANE_CONTROL), 'tooLong');
  assert.is(verdict(BURST_NOTE, NOTE_BYTES_MAX + 1, LANE_CONTROL), 'tooLong');
  assert.is(verdict(BURST_DATA, 64, LANE_BULK, rewrite(8, -64)), 'tooLong', 'no length is small by being negative');
});

test('data consists of whole frames, a note comes on the control lane, a ping has no body', () => {
  for (const length of [0, 1, 63, 65, 100]) assert.is(verdict(BURST_DATA, length, LANE_BULK), 'malformed');
  assert.is(verdict(BURST_NOTE, 10, LANE_BULK), 'malformed');
  assert.is(verdict(BURST_NOTE, 0, LANE_CONTROL), 'malformed');
  assert.is(verdict(BURST_PING, 64, LANE_CONTROL), 'malformed');
  assert.is(verdict(BURST_GOODBYE + 1, 0, LANE_CONTROL), 'malformed');
});

test('a burst of another link, lane or version is refused', () => {
  assert.is(verdict(BURST_DATA, 64, LANE_BULK, rewrite(12, 1)), 'wrongLink');
  assert.is(verdict(BURST_DATA, 64, LANE_BULK, rewrite(4, (1 << 24) | (BURST_DATA << 16) | (1 << 8))), 'malformed');
  assert.is(verdict(BURST_DATA, 64, LANE_BULK, rewrite(4, (9 << 24) | (BURST_DATA << 16))), 'wireVersion');
  assert.is(verdict(BURST_DATA, 64, LANE_BULK, rewrite(0, 0x2054_4547)), 'notSynod');
});

test('a burst that comes twice, or is missing, is refused', () => {
  const headers = new BurstHeaders(4, LINK, LANE_BULK);
  const judge = new BurstJudge(LINK, LANE_BULK);
  const first = headers.write(BURST_PING, 0, 0, 0);
  assert.is(judged(judge, headers, first), undefined);
  assert.is(judged(judge, headers, first), 'wrongSequence');
  headers.write(BURST_PING, 0, 0, 0);
  assert.is(judged(judge, headers, headers.write(BURST_PING, 0, 0, 0)), 'wrongSequence');
});

test('headers are overwritten only when as many others were written', () => {
  const headers = new BurstHeaders(2, LINK, LANE_BULK);
  const places = [0, 1, 2].map(() => headers.write(BURST_PING, 0, 0, 0));
  assert.equal(places, [0, BURST_HEADER_BYTES, 0]);
});

test.run();
