/**
 * All memory that threads share, made and owned by the coordinator, so that it outlives any worker (S22).
 *
 *   per process                   client doorbell, turn to take a snapshot
 *   per worker (replica, index)   worker block; per log that it hosts: log chunks, volatile control
 *   per (replica, group)          status block
 *   per worker index and ordered pair of replicas   one bulk and one control ring
 */
import type { CommonConfig, Config } from '../config.ts';
import { ENTRY_CHUNKS, LOG_SEGMENT_BYTES, PEER_CONTROL_RING_BYTES, PEER_RING_BYTES } from '../limits.ts';
import { alignedMemory } from '../memory/aligned-memory.ts';
import { DOORBELL_WORDS, SNAPSHOT_TURN_BYTES, workerWords } from '../memory/descriptor.ts';
import { createRing } from '../memory/ring.ts';
import { createStatusBlock } from '../memory/status-block.ts';
import { type Hosting, logsOfWorker } from './placement.ts';

export interface WorkerMemory {
  block: SharedArrayBuffer;
  logs: LogMemory[];
}

/** Of one log. */
export interface LogMemory {
  logNumber: number;
  chunks: SharedArrayBuffer[];
  volatileControl: SharedArrayBuffer;
}

/** Both lanes of one direction between two workers. */
export interface PairRings {
  bulk: SharedArrayBuffer;
  control: SharedArrayBuffer;
}

export class SharedMemory {
  readonly clientDoorbell = new SharedArrayBuffer(DOORBELL_WORDS * 4);
  readonly snapshotTurn = new SharedArrayBuffer(SNAPSHOT_TURN_BYTES);
  /** [replica][worker index]. */
  readonly workers: WorkerMemory[][] = [];
  /** [replica][group]. */
  readonly status: SharedArrayBuffer[][] = [];
  /** [worker index][from][to]. */
  readonly #pairs: PairRings[][][] = [];

  constructor(config: Config, { logs, workers }: Hosting) {
    for (let replica = 0; replica < config.replicas; replica++) {
      this.workers.push(makeWorkers(config, { logs, workers }));
      this.status.push(Array.from({ length: config.shards }, () => createStatusBlock()));
    }
    for (let worker = 0; worker < workers; worker++) this.#pairs.push(makePairs(config.replicas));
  }

  /** Rings from one replica's worker to the same worker of another. */
  rings(worker: number, from: number, to: number): PairRings {
    return this.#pairs[worker]?.[from]?.[to] as PairRings;
  }
}

/** Memory of all workers of a replica. */
export function makeWorkers(config: CommonConfig, { logs, workers }: Hosting): WorkerMemory[] {
  return Array.from({ length: workers }, (_, worker) => {
    const numbers = logsOfWorker(worker, logs, workers);
    return {
      block: new SharedArrayBuffer(workerWords(numbers.length) * 4),
      logs: numbers.map((logNumber) => makeLogMemory(config, logNumber)),
    };
  });
}

function makeLogMemory(config: CommonConfig, logNumber: number): LogMemory {
  const volatileChunks = Math.max(2, Math.floor(config.memoryLogBytes / LOG_SEGMENT_BYTES));
  const chunks = config.durability === 'memory' ? volatileChunks : ENTRY_CHUNKS;
  return {
    logNumber,
    chunks: Array.from({ length: chunks }, () => alignedMemory(LOG_SEGMENT_BYTES)),
    volatileControl: new SharedArrayBuffer(4096),
  };
}

function makePairs(replicas: number): PairRings[][] {
  return Array.from({ length: replicas }, () => Array.from({ length: replicas }, makePairRings));
}

export function makePairRings(): PairRings {
  return { bulk: createRing(PEER_RING_BYTES), control: createRing(PEER_CONTROL_RING_BYTES) };
}
