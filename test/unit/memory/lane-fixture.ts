/** A lane with both ends, and readers of what they exchange. */
import * as assert from 'uvu/assert';
import { fromWords } from '../../../src/base/bits.ts';
import { LANE_TAIL_WORD, LANE_WRITES, TYPE_COMMAND } from '../../../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../../../src/memory/lane.ts';
import { LaneReader } from '../../../src/memory/lane-reader.ts';

export const NONCE = 2 ** 52 + 12345;
export const ALL = 1 << 20;

interface Record {
  type: number;
  number: number;
  session: number;
  size: number;
}

export interface Fixture {
  lane: SharedArrayBuffer;
  words: Int32Array;
  writer: LaneWriter;
  reader: LaneReader;
}

/** A lane whose positions start at `start`, routed to replica 0 in leadership 1. */
export function make(capacity = 512, start = 0, firstNumber = 1): Fixture {
  const lane = createLane(capacity, LANE_WRITES, NONCE);
  const words = new Int32Array(lane);
  words[LANE_TAIL_WORD] = start;
  const writer = new LaneWriter(lane, firstNumber);
  const reader = new LaneReader(lane);
  writer.route(0, 1);
  assert.ok(reader.refresh(0, 1));
  return { lane, words, writer, reader };
}

export function send(writer: LaneWriter, ...payloads: number[]): void {
  for (const bytes of payloads) assert.ok(writer.claim(bytes, TYPE_COMMAND) > 0);
  writer.publish();
}

/** The records of the run found by `take`. */
export function run(reader: LaneReader): Record[] {
  const records: Record[] = [];
  const end = reader.runOffset + reader.runSize;
  let offset = reader.runOffset;
  while (offset < end) {
    const word = offset >> 2;
    const size = reader.words[word]!;
    const high = reader.words[word + 1]! & 0x1fffff;
    records.push({
      type: reader.words[word + 1]! >>> 24,
      number: fromWords(reader.words[word + 2]!, high),
      session: reader.words[word + 3]!,
      size,
    });
    offset += (size + 7) & ~7;
  }
  assert.is(offset, end, 'a run consists of whole records');
  return records;
}

export function takeNumbers(reader: LaneReader, maxBytes = ALL): number[] {
  if (!reader.take(maxBytes)) return [];
  const numbers = run(reader).map((record) => record.number);
  assert.ok(reader.confirm());
  return numbers;
}
