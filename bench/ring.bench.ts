/**
 * The shared rings alone: records of `--payload` bytes claimed, written, published, polled and read, word by word.
 *
 *   one thread    producer and consumer take turns, `batch` records at a time: the instructions
 *   lane          client and worker end of a lane in one thread: claim, publish, take, confirm, free; no bytes are copied
 *   two threads   this thread produces, ring-thread consumes, both spinning: the cache lines too; needs two free cores
 */
import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { LANE_WRITES, RECORD_HEADER_BYTES, TYPE_COMMAND } from '../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../src/memory/lane.ts';
import { LaneReader } from '../src/memory/lane-reader.ts';
import { createRing, RingConsumer, RingProducer } from '../src/memory/ring.ts';
import { type BenchCase, type Context, type Subject, windowed } from './harness.ts';
import { RecordReader, writeRecord } from './ring-records.ts';
import { CONTROL_WORDS, POLLED_WORD, STOP_WORD } from './ring-thread.ts';
import type { Figures } from './row.ts';

const RING_BYTES = 1 << 20;
/** Long enough that what a window itself allocates vanishes beside its records. */
const WINDOW_RECORDS = 1 << 19;

export function ringCases(): BenchCase[] {
  const batches = [1, 32];
  return [
    ...batches.map((batch) => windowed('ring', `one-thread-batch-${batch}`, (context) => oneThread(context, batch))),
    ...batches.map((batch) => windowed('ring', `lane-batch-${batch}`, (context) => lane(context, batch))),
    ...batches.map((batch) => windowed('ring', `two-threads-batch-${batch}`, (context) => twoThreads(context, batch))),
  ];
}

function figures(payload: number, batch: number): (records: number, seconds: number) => Figures {
  return (records, seconds) => ({ payloadBytes: payload, batch, nsPerRecord: (seconds * 1e9) / records });
}

function oneThread({ settings }: Context, batch: number): Subject {
  const ring = createRing(RING_BYTES);
  const producer = new RingProducer(ring);
  const consumer = new RingConsumer(ring);
  const reader = new RecordReader();
  const size = RECORD_HEADER_BYTES + settings.payload;
  return {
    operation: 'records',
    window() {
      for (let sent = 0; sent < WINDOW_RECORDS; sent += batch) {
        for (let i = 0; i < batch; i++) writeRecord(producer.words, producer.claim(size, TYPE_COMMAND), size, sent + i);
        producer.publish();
        consumer.poll(reader.onRecord, batch);
      }
      return WINDOW_RECORDS;
    },
    hash: () => reader.hash,
    figures: figures(settings.payload, batch),
  };
}

function lane({ settings }: Context, batch: number): Subject {
  const memory = createLane(RING_BYTES, LANE_WRITES, settings.seed);
  const writer = new LaneWriter(memory);
  const reader = new LaneReader(memory);
  writer.route(0, 1);
  return {
    operation: 'records',
    window() {
      for (let sent = 0; sent < WINDOW_RECORDS; sent += batch) {
        for (let i = 0; i < batch; i++) writer.claim(settings.payload, TYPE_COMMAND);
        writer.publish();
        reader.refresh(0, 1);
        while (reader.take(RING_BYTES)) reader.confirm();
        writer.free(batch);
      }
      return WINDOW_RECORDS;
    },
    hash: () => writer.nextNumber,
    figures: figures(settings.payload, batch),
  };
}

async function twoThreads({ settings }: Context, batch: number): Promise<Subject> {
  const ring = createRing(RING_BYTES);
  const control = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * 4));
  const url = new URL(`./ring-thread${extname(import.meta.url)}`, import.meta.url);
  const thread = new Worker(url, { workerData: { ring, control: control.buffer } });
  await once(thread, 'message');
  const producer = new RingProducer(ring);
  const size = RECORD_HEADER_BYTES + settings.payload;
  let total = 0;
  return {
    operation: 'records',
    window() {
      for (let sent = 0; sent < WINDOW_RECORDS; sent++) {
        let offset = producer.claim(size, TYPE_COMMAND);
        while (offset < 0) {
          producer.publish();
          offset = producer.claim(size, TYPE_COMMAND);
        }
        writeRecord(producer.words, offset, size, sent);
        if (sent % batch === batch - 1) producer.publish();
      }
      producer.publish();
      total = (total + WINDOW_RECORDS) | 0;
      while (Atomics.load(control, POLLED_WORD) !== total);
      return WINDOW_RECORDS;
    },
    figures: figures(settings.payload, batch),
    async close() {
      Atomics.store(control, STOP_WORD, 1);
      await once(thread, 'exit');
    },
  };
}
