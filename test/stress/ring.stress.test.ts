/**
 * Ring between two real threads: more than a million records: their order, sizes and bytes, over both wraps of positions.
 *
 * Allowed outcomes: each record once, in order, whole. Everything else (lost, doubled, torn, out of order, an endless wait)
 * makes one of the threads throw.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../src/base/prng.ts';
import { RING_HEAD_WORD, RING_TAIL_WORD, TYPE_COMMAND } from '../../src/memory/descriptor.ts';
import { createRing, type RecordAlignment, RingConsumer, RingProducer } from '../../src/memory/ring.ts';
import { Patience, runThreads } from './threads.ts';

interface Task {
  role: 'produce' | 'poll' | 'next';
  ring: SharedArrayBuffer;
  alignment: RecordAlignment;
  records: number;
  sizeMax: number;
  seed: number;
}

interface Result {
  records: number;
  checksum: number;
}

function mix(checksum: number, word: number): number {
  return Math.imul(checksum ^ word, 0x85ebca6b) | 0;
}

/** The contents of record `sequence`, known to both threads. */
function wordOf(sequence: number, index: number): number {
  return Math.imul(sequence + 1, 0x9e3779b1) ^ index;
}

/** Sizes follow from the seed, so that the consumer knows them too. */
class Sizes {
  private readonly prng: Prng;
  private readonly sizeMax: number;

  constructor({ seed, sizeMax }: Task) {
    this.prng = new Prng(seed);
    this.sizeMax = sizeMax;
  }

  next(): number {
    return 8 + 4 * this.prng.range(0, this.sizeMax / 4);
  }
}

function produce(task: Task): Result {
  const producer = new RingProducer(task.ring, task.alignment);
  const sizes = new Sizes(task);
  const prng = new Prng(task.seed + 1);
  const patience = new Patience();
  let checksum = 0;
  for (let sequence = 0; sequence < task.records; sequence += 1) {
    const size = sizes.next();
    if ((sequence & 255) === 0) abandonOne(producer, size);
    let offset = producer.claim(size, TYPE_COMMAND);
    while (offset < 0) {
      producer.publish();
      patience.idle();
      offset = producer.claim(size, TYPE_COMMAND);
    }
    patience.progress();
    for (let index = 2; index < size / 4; index += 1) {
      const word = wordOf(sequence, index);
      producer.words[offset / 4 + index] = word;
      checksum = mix(checksum, word);
    }
    if (prng.range(0, 6) === 0) producer.publish();
  }
  producer.publish();
  return { records: task.records, checksum };
}

/** A claim filled with garbage and given up: nobody may ever see it. */
function abandonOne(producer: RingProducer, size: number): void {
  producer.publish();
  const offset = producer.claim(size, TYPE_COMMAND);
  if (offset >= 0) producer.words.fill(-1, offset / 4, (offset + size) / 4);
  producer.abandon();
}

function consume(task: Task): Result {
  const consumer = new RingConsumer(task.ring, task.alignment);
  const sizes = new Sizes(task);
  const patience = new Patience();
  const result: Result = { records: 0, checksum: 0 };
  const check = (words: Int32Array, _bytes: Uint8Array, offset: number, size: number): void => {
    if (size !== sizes.next()) throw new Error(`record ${result.records} has size ${size}`);
    for (let index = 2; index < size / 4; index += 1) {
      const word = words[offset / 4 + index]!;
      if (word !== wordOf(result.records, index)) throw new Error(`record ${result.records} is torn at word ${index}`);
      result.checksum = mix(result.checksum, word);
    }
    result.records += 1;
  };
  while (result.records < task.records) {
    const before = result.records;
    if (task.role === 'poll') {
      consumer.poll(check, 64);
    } else {
      for (let offset = consumer.next(), n = 0; offset >= 0; offset = ++n < 64 ? consumer.next() : -1) {
        check(consumer.words, consumer.bytes, offset, consumer.words[offset / 4]!);
      }
      consumer.release();
    }
    if (result.records === before) patience.idle();
    else patience.progress();
  }
  assert.ok(consumer.isEmpty(), 'nothing comes behind the last record');
  return result;
}

if (isMainThread) {
  const test = suite('stress/ring');
  const cases: {
    role: 'poll' | 'next';
    alignment: RecordAlignment;
    capacity: number;
    sizeMax: number;
    start: number;
  }[] = [
    { role: 'poll', alignment: 8, capacity: 1 << 16, sizeMax: 64, start: 2 ** 31 - 2 ** 22 },
    { role: 'next', alignment: 8, capacity: 256, sizeMax: 120, start: 2 ** 32 - 2 ** 20 },
    { role: 'next', alignment: 64, capacity: 1 << 15, sizeMax: 512, start: 2 ** 32 - 2 ** 20 },
  ];
  for (const [index, { role, alignment, capacity, sizeMax, start }] of cases.entries()) {
    const records = index === 0 ? 1_000_000 : 60_000;
    test(`${records} records through ${capacity} bytes, aligned to ${alignment}, read by ${role}`, async () => {
      const ring = createRing(capacity);
      const words = new Int32Array(ring);
      words[RING_TAIL_WORD] = start | 0;
      words[RING_HEAD_WORD] = start | 0;
      const task: Task = { role, ring, alignment, records, sizeMax, seed: 8123 + index };
      const [produced, consumed] = await runThreads<Result>(import.meta.url, [{ ...task, role: 'produce' }, task]);
      assert.equal(consumed, produced);
      assert.is(consumed!.records, records);
      const end = words[RING_TAIL_WORD]! >>> 0;
      assert.ok(start < 2 ** 31 ? end > 2 ** 31 : end < 2 ** 31, 'positions crossed the wrap');
    });
  }
  test.run();
} else {
  const task = workerData as Task;
  parentPort!.postMessage(task.role === 'produce' ? produce(task) : consume(task));
}
