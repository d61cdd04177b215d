/**
 * What a record costs in the shared rings: ring and lane from one thread (the instructions), ring between two threads (the
 * cache lines too). Plain functions; bench/main prints them.
 */
import { Worker } from 'node:worker_threads';
import { LANE_WRITES, TYPE_COMMAND } from '../src/memory/descriptor.ts';
import { createLane, LaneReader, LaneWriter } from '../src/memory/lane.ts';
import { createRing, RingConsumer, RingProducer } from '../src/memory/ring.ts';

const RING_BYTES = 1 << 16;
const PAYLOAD_BYTES = 64;
const RECORD_BYTES = 80;

export interface RingSample {
  name: string;
  /** Records per publish, and per poll. */
  batch: number;
  records: number;
  nsPerRecord: number;
  /** Growth of the heap, collections excluded: run with a semi-space large enough for none, or with --trace-gc. */
  heapBytesPerRecord: number;
}

function measure(name: string, batch: number, records: number, run: (records: number) => void): RingSample {
  run(records >> 2);
  const heap = process.memoryUsage().heapUsed;
  const start = process.hrtime.bigint();
  run(records);
  const ns = Number(process.hrtime.bigint() - start);
  const grown = process.memoryUsage().heapUsed - heap;
  return { name, batch, records, nsPerRecord: ns / records, heapBytesPerRecord: grown / records };
}

/** claim, two stores, publish per batch; next and release per batch. */
export function benchRing(batch: number, records: number): RingSample {
  const ring = createRing(RING_BYTES);
  const producer = new RingProducer(ring);
  const consumer = new RingConsumer(ring);
  return measure('ring claim/publish/next/release', batch, records, (count) => {
    for (let done = 0; done < count; done += batch) {
      for (let n = 0; n < batch; n += 1) producer.words[(producer.claim(RECORD_BYTES, TYPE_COMMAND) >> 2) + 2] = n;
      producer.publish();
      while (consumer.next() >= 0);
      consumer.release();
    }
  });
}

/** The same with `poll` and a handler. */
export function benchRingPoll(batch: number, records: number): RingSample {
  const ring = createRing(RING_BYTES);
  const producer = new RingProducer(ring);
  const consumer = new RingConsumer(ring);
  let sum = 0;
  const handler = (words: Int32Array, _bytes: Uint8Array, offset: number): void => {
    sum = (sum + words[(offset >> 2) + 2]!) | 0;
  };
  return measure('ring claim/publish/poll', batch, records, (count) => {
    for (let done = 0; done < count; done += batch) {
      for (let n = 0; n < batch; n += 1) producer.words[(producer.claim(RECORD_BYTES, TYPE_COMMAND) >> 2) + 2] = n;
      producer.publish();
      consumer.poll(handler, batch);
    }
  });
}

/** claim and publish at the client, take and confirm at the worker, free at the client; without the copy. */
export function benchLane(batch: number, records: number): RingSample {
  const lane = createLane(RING_BYTES, LANE_WRITES, 1);
  const writer = new LaneWriter(lane);
  const reader = new LaneReader(lane);
  writer.route(0, 1);
  return measure('lane claim/publish/take/confirm/free', batch, records, (count) => {
    for (let done = 0; done < count; done += batch) {
      for (let n = 0; n < batch; n += 1) writer.claim(PAYLOAD_BYTES, TYPE_COMMAND);
      writer.publish();
      reader.refresh(0, 1);
      while (reader.take(RING_BYTES)) reader.confirm();
      writer.free(batch);
    }
  });
}

/** A thread that consumes until it has seen `records`, spinning. */
const CONSUMER = (ringUrl: string): string => `
  import { workerData, parentPort } from 'node:worker_threads';
  import { RingConsumer } from ${JSON.stringify(ringUrl)};
  const consumer = new RingConsumer(workerData.ring);
  parentPort.postMessage('ready');
  let seen = 0;
  while (seen < workerData.records) {
    while (consumer.next() >= 0) seen += 1;
    consumer.release();
  }
  parentPort.postMessage('done');
`;

/** One thread produces, another consumes, both spinning: needs two free cores. */
export async function benchRingThreads(batch: number, records: number): Promise<RingSample> {
  const ring = createRing(RING_BYTES);
  const source = CONSUMER(new URL('../src/memory/ring.js', import.meta.url).href);
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { ring, records },
  });
  await new Promise((resolve) => worker.once('message', resolve));
  const done = new Promise((resolve) => worker.once('message', resolve));
  const producer = new RingProducer(ring);
  const start = process.hrtime.bigint();
  for (let sent = 0; sent < records; sent += 1) {
    let offset = producer.claim(RECORD_BYTES, TYPE_COMMAND);
    while (offset < 0) {
      producer.publish();
      offset = producer.claim(RECORD_BYTES, TYPE_COMMAND);
    }
    producer.words[(offset >> 2) + 2] = sent;
    if (sent % batch === batch - 1) producer.publish();
  }
  producer.publish();
  await done;
  const ns = Number(process.hrtime.bigint() - start);
  return { name: 'ring between two threads', batch, records, nsPerRecord: ns / records, heapBytesPerRecord: 0 };
}

/** All of them, at the batch sizes that matter. */
export async function benchRings(records: number): Promise<RingSample[]> {
  const samples: RingSample[] = [];
  for (const batch of [1, 32]) {
    samples.push(benchRing(batch, records), benchRingPoll(batch, records), benchLane(batch, records));
    samples.push(await benchRingThreads(batch, records));
  }
  return samples;
}
