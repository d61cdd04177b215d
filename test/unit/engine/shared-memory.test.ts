/** Every worker, group and link has memory of its own, of the size that its reader expects. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { validateOptions } from '../../../src/config.ts';
import { SharedMemory } from '../../../src/engine/shared-memory.ts';
import { ENTRY_CHUNKS, LOG_SEGMENT_BYTES, PEER_CONTROL_RING_BYTES, PEER_RING_BYTES } from '../../../src/limits.ts';
import {
  DOORBELL_WORDS,
  RING_DATA_BYTES,
  STATUS_WORDS,
  WORKER_WORDS,
  workerWords,
} from '../../../src/memory/descriptor.ts';

const WORKERS = 2;
const test = suite('shared-memory');

const make = (options: object): SharedMemory =>
  new SharedMemory(validateOptions({ directory: '/d', replicas: 3, shards: 4, ...options }), {
    logs: WORKERS,
    workers: WORKERS,
  });

test('blocks, status and doorbell have the sizes of their layouts', () => {
  const memory = make({});
  assert.is(memory.clientDoorbell.byteLength, DOORBELL_WORDS * 4);
  assert.equal(
    memory.workers.map((row) => row.length),
    [WORKERS, WORKERS, WORKERS],
  );
  assert.equal(
    memory.status.map((row) => row.length),
    [4, 4, 4],
  );
  for (const row of memory.workers) for (const { block } of row) assert.is(block.byteLength, WORKER_WORDS * 4);
  for (const row of memory.status) for (const block of row) assert.is(block.byteLength, STATUS_WORDS * 4);
});

test('a durable log has its tail, a volatile one all the memory that was allowed', () => {
  const chunksOf = (memory: SharedMemory): number[] =>
    memory.workers.flatMap((row) => row.flatMap(({ logs }) => logs.map(({ chunks }) => chunks.length)));
  assert.equal(chunksOf(make({})), new Array(6).fill(ENTRY_CHUNKS));
  const volatile = make({ durability: 'memory', memoryLogBytes: 3 * LOG_SEGMENT_BYTES });
  assert.equal(chunksOf(volatile), new Array(6).fill(3));
  for (const row of volatile.workers) {
    for (const { logs } of row)
      for (const { chunks } of logs) for (const chunk of chunks) assert.is(chunk.byteLength, LOG_SEGMENT_BYTES);
  }
});

test('a worker of several logs has memory for each, and a line of its block', () => {
  const config = validateOptions({ directory: '/d', replicas: 1, shards: 8 });
  const [row] = new SharedMemory(config, { logs: 5, workers: 2 }).workers;
  assert.equal(
    row!.map(({ logs }) => logs.map(({ logNumber }) => logNumber)),
    [
      [0, 2, 4],
      [1, 3],
    ],
  );
  assert.equal(
    row!.map(({ block }) => block.byteLength),
    [workerWords(3) * 4, workerWords(2) * 4],
  );
});

test('each direction between two replicas has its two rings, per worker, shared with nothing else', () => {
  const memory = make({});
  const seen = new Set<SharedArrayBuffer>();
  for (let worker = 0; worker < WORKERS; worker += 1) {
    for (const [from, to] of [
      [0, 1],
      [1, 0],
      [0, 2],
      [2, 0],
      [1, 2],
      [2, 1],
    ] as const) {
      const { bulk, control } = memory.rings(worker, from, to);
      assert.is(bulk.byteLength, RING_DATA_BYTES + PEER_RING_BYTES);
      assert.is(control.byteLength, RING_DATA_BYTES + PEER_CONTROL_RING_BYTES);
      assert.is(memory.rings(worker, from, to).bulk, bulk);
      seen.add(bulk).add(control);
    }
  }
  assert.is(seen.size, WORKERS * 6 * 2);
});

test.run();
