/** What a worker alone in its cluster is born with: one group, a volatile log, the counter machine. */
import type { MessagePort } from 'node:worker_threads';
import { ENTRY_CHUNKS, LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import { alignedMemory } from '../../src/memory/aligned-memory.ts';
import { DOORBELL_WORDS, SNAPSHOT_TURN_BYTES, WORKER_WORDS } from '../../src/memory/descriptor.ts';
import { createStatusBlock } from '../../src/memory/status-block.ts';
import type { GroupData, HostedLog, WorkerData } from '../../workers/worker-data.ts';
import { TIMING } from './core.ts';

/** A volatile log and its groups. */
export function makeHostedLog(logNumber: number, groups: GroupData[]): HostedLog {
  const log: HostedLog['log'] = {
    logNumber,
    directory: '',
    durability: 'memory',
    clusterId: 1,
    nodeId: 1,
    chunks: Array.from({ length: ENTRY_CHUNKS }, () => alignedMemory(LOG_SEGMENT_BYTES)),
    volatileControl: new SharedArrayBuffer(4096),
    isForgotten: false,
  };
  return { log, groups };
}

export function makeWorkerData(control: MessagePort, overrides: Partial<WorkerData> = {}): WorkerData {
  const { heartbeatTicks, electionTimeoutTicks, electionJitterTicks, windowSlotsMax } = TIMING;
  return {
    ownerEpoch: 1,
    memberIndex: 0,
    laneReplica: 0,
    forwards: false,
    memberNodeIds: [1],
    block: new SharedArrayBuffer(WORKER_WORDS * 4),
    clientDoorbell: new SharedArrayBuffer(DOORBELL_WORDS * 4),
    control,
    snapshots: {
      directory: '',
      everyBytes: 0,
      everyMs: 0,
      kept: 2,
      sendBytesPerSecond: 0,
      turn: { block: new SharedArrayBuffer(SNAPSHOT_TURN_BYTES), worker: 0 },
    },
    logs: [makeHostedLog(0, [{ groupId: 0, preferredMember: 0, status: createStatusBlock(), lanes: [] }])],
    peers: [],
    machine: 'counter',
    seed: 1,
    native: 'off',
    tuning: {
      tickMs: 10,
      heartbeatTicks,
      electionTimeoutTicks,
      electionJitterTicks,
      leaseMs: 100,
      clockDriftPpm: 1000,
      windowSlotsMax,
      batchBytesTarget: 1 << 14,
      payloadBytesMax: 1 << 12,
    },
    ...overrides,
  };
}
