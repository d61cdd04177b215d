/** Batches: whole runs of commands from several lanes, once and in lane order. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { align, fromWords } from '../../../src/base/bits.ts';
import { LOG_SEGMENT_BYTES } from '../../../src/limits.ts';
import { EntryStore } from '../../../src/log/entry-store.ts';
import type { Log } from '../../../src/log/log.ts';
import { MemoryDevice } from '../../../src/log/memory-device.ts';
import { VOLATILE_CONTROL_BYTES, VolatileLog } from '../../../src/log/volatile-log.ts';
import type { Bulk } from '../../../src/memory/bulk.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_LOG_TIME_WORD,
  BATCH_MAGIC,
  COMMAND_HEADER_BYTES,
  LANE_WRITES,
  RECORD_TYPE_SHIFT,
  TYPE_COMMAND,
} from '../../../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../../../src/memory/lane.ts';
import { LaneReader } from '../../../src/memory/lane-reader.ts';
import { BatchBuilder } from '../../../src/runtime/batch-builder.ts';
import { portableBulk } from '../../support/in-thread-cluster.ts';
import { put } from '../../support/lane-kit.ts';

const SERIAL = 1;
const TARGET = 1024;
const NOW = Float64Array.of(2 ** 40 + 5);

interface Ends {
  writer: LaneWriter;
  reader: LaneReader;
}

function lane(nonce: number): Ends {
  const memory = createLane(1 << 14, LANE_WRITES, nonce);
  const ends = { writer: new LaneWriter(memory), reader: new LaneReader(memory) };
  ends.writer.route(0, SERIAL);
  ends.reader.refresh(0, SERIAL);
  return ends;
}

function volatileLog(): Log {
  const store = new EntryStore([new SharedArrayBuffer(LOG_SEGMENT_BYTES)], false);
  return new VolatileLog(new MemoryDevice(), store, new SharedArrayBuffer(VOLATILE_CONTROL_BYTES));
}

/** A log without room until `isFull` is taken back. */
class FullLog {
  isFull = true;
  readonly #log = volatileLog();
  stage(bytes: number): number {
    return this.isFull ? -1 : this.#log.stage(bytes);
  }
  get stagedBytes(): Uint8Array {
    return this.#log.stagedBytes;
  }
  get stagedWords(): Int32Array {
    return this.#log.stagedWords;
  }
}

/** First words of the commands in the built value; every record must lie inside it. */
function commands(log: Log, builder: BatchBuilder, length: number): number[] {
  if (length === 0) return [];
  const words = log.stagedWords;
  const end = builder.offset + length;
  const found: number[] = [];
  let at = builder.offset + BATCH_HEADER_BYTES;
  while (at < end) {
    const word = at >> 2;
    const size = words[word] as number;
    assert.ok(size >= 8 && at + size <= end, 'a record lies inside its value');
    if ((words[word + 1] as number) >>> RECORD_TYPE_SHIFT === TYPE_COMMAND) found.push(words[word + 4] as number);
    at += align(size, 8);
  }
  assert.is(at, end);
  return found;
}

function make(laneCount: number, bulk: Bulk = portableBulk) {
  const log = volatileLog();
  const lanes = Array.from({ length: laneCount }, (_, n) => lane(n + 1));
  const builder = new BatchBuilder(log, bulk, TARGET);
  const readers = lanes.map(({ reader }) => reader);
  const build = (): number[] => commands(log, builder, builder.build(readers, NOW));
  return { log, lanes, builder, readers, build };
}

const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, n) => from + n);

const test = suite('runtime/batch-builder');

test('where nothing waits there is no batch', () => {
  const { builder, readers } = make(2);
  assert.is(builder.build(readers, NOW), 0);
  assert.is(builder.build([], NOW), 0);
});

test('a batch says what it is, and its log time beyond 2^32', () => {
  const { log, lanes, builder, readers } = make(1);
  put(lanes[0]!.writer, 42);
  const length = builder.build(readers, NOW);
  const word = builder.offset >> 2;
  assert.is(log.stagedWords[word], BATCH_MAGIC);
  const time = word + BATCH_LOG_TIME_WORD;
  assert.is(fromWords(log.stagedWords[time]!, log.stagedWords[time + 1]!), NOW[0]);
  assert.equal(commands(log, builder, length), [42]);
});

test('runs of all lanes are in it, each in the order of its lane', () => {
  const { lanes, build } = make(3);
  for (let n = 0; n < 5; n++) for (let l = 0; l < 3; l++) put(lanes[l]!.writer, 100 * l + n);
  assert.equal(build(), [...numbers(0, 5), ...numbers(100, 5), ...numbers(200, 5)]);
  assert.equal(build(), [], 'and none of them is there again');
});

test('source and destination of every copy agree modulo 64', () => {
  const offsets: number[] = [];
  const spy: Bulk = {
    ...portableBulk,
    copy(source, from, target, to, size) {
      offsets.push((from - to) % 64);
      portableBulk.copy(source, from, target, to, size);
    },
  };
  const { lanes, build } = make(2, spy);
  for (let n = 0; n < 20; n++) {
    put(lanes[0]!.writer, n, TYPE_COMMAND, 8 * (1 + (n % 5)));
    put(lanes[1]!.writer, n, TYPE_COMMAND, 24);
    assert.equal(build(), [n, n]);
  }
  assert.equal(new Set(offsets), new Set([0]));
});

test('it closes at its target, and the next one goes on where it ended', () => {
  const { log, lanes, builder, readers } = make(1);
  for (let n = 0; n < 200; n++) put(lanes[0]!.writer, n);
  const found: number[] = [];
  const lengths: number[] = [];
  for (;;) {
    const length = builder.build(readers, NOW);
    if (length === 0) break;
    lengths.push(length);
    found.push(...commands(log, builder, length));
  }
  assert.equal(found, numbers(0, 200));
  assert.ok(Math.max(...lengths) <= TARGET + BATCH_HEADER_BYTES + 64);
  assert.ok(lengths.length <= 6, 'and is well filled');
});

test('a command larger than the target has a batch of its own', () => {
  const { lanes, build } = make(1);
  put(lanes[0]!.writer, 1, TYPE_COMMAND, 2 * TARGET);
  put(lanes[0]!.writer, 2);
  assert.equal(build()[0], 1);
  put(lanes[0]!.writer, 3);
  assert.equal(build().at(-1), 3);
});

test('a busy lane does not starve the next one', () => {
  const { lanes, build } = make(2);
  for (let n = 0; n < 200; n++) put(lanes[0]!.writer, n);
  put(lanes[1]!.writer, 1000);
  const two = [...build(), ...build()];
  assert.ok(two.includes(1000), 'the second batch begins with the second lane');
});

test('while the tail of the log is full the commands stay in their lane', () => {
  const log = new FullLog();
  const { writer, reader } = lane(1);
  const builder = new BatchBuilder(log as unknown as Log, portableBulk, TARGET);
  put(writer, 7);
  assert.is(builder.build([reader], NOW), 0);
  log.isFull = false;
  const length = builder.build([reader], NOW);
  assert.equal(commands(log as unknown as Log, builder, length), [7]);
});

test('a copy during which the route went elsewhere is dropped', () => {
  let onCopy = (): void => {};
  const rerouting: Bulk = {
    ...portableBulk,
    copy(source, from, target, to, size) {
      portableBulk.copy(source, from, target, to, size);
      onCopy();
    },
  };
  const { lanes, build, builder, readers } = make(2, rerouting);
  put(lanes[0]!.writer, 1);
  put(lanes[1]!.writer, 2);
  onCopy = () => {
    lanes[0]!.writer.route(1, SERIAL);
    onCopy = () => {};
  };
  assert.equal(build(), [2]);
  put(lanes[0]!.writer, 3);
  assert.is(builder.build(readers, NOW), 0, 'the lane is another one to read');
});

test('a batch takes its commands with their whole headers', () => {
  const { log, lanes, builder, readers } = make(1);
  lanes[0]!.writer.setSession(77);
  put(lanes[0]!.writer, 5);
  builder.build(readers, NOW);
  const { runOffset } = readers[0]!;
  const record = log.stagedBytes.slice(builder.offset, builder.offset + 256);
  const source = readers[0]!.bytes.slice(runOffset, runOffset + COMMAND_HEADER_BYTES + 8);
  assert.ok(Buffer.from(record).includes(Buffer.from(source)));
});

test('the same commands are the same value, whatever stood in the memory before', () => {
  const values = [0, 0x5a].map((stale) => {
    const { log, lanes, builder, readers } = make(3);
    log.stagedBytes.fill(stale);
    for (const [n, { writer }] of lanes.entries()) {
      for (let i = 0; i <= n; i++) put(writer, 10 * n + i);
      writer.publish();
    }
    const length = builder.build(readers, NOW);
    return [...log.stagedBytes.slice(builder.offset, builder.offset + length)];
  });
  assert.equal(values[0], values[1]);
});

test.run();
