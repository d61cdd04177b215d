/**
 * The consuming thread of the two-thread ring cases. It spins: parking is measured by the limits suite.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { RingConsumer } from '../src/memory/ring.ts';
import { RecordReader } from './ring-records.ts';

/** Records polled so far, wrapping; written by this thread. */
export const POLLED_WORD = 0;
/** 1 = return; written by the other thread. */
export const STOP_WORD = 32;
export const CONTROL_WORDS = 64;

const POLL_LIMIT = 256;

function consume(ring: SharedArrayBuffer, control: Int32Array): void {
  const consumer = new RingConsumer(ring);
  const reader = new RecordReader();
  let polled = 0;
  while (Atomics.load(control, STOP_WORD) === 0) {
    const count = consumer.poll(reader.onRecord, POLL_LIMIT);
    if (count === 0) continue;
    polled = (polled + count) | 0;
    Atomics.store(control, POLLED_WORD, polled);
  }
}

if (!isMainThread) {
  parentPort?.postMessage('ready');
  consume(workerData.ring as SharedArrayBuffer, new Int32Array(workerData.control as SharedArrayBuffer));
}
