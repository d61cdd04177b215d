/**
 * All memory that the threads of one node share. The application thread owns it, so that it outlives every worker (S22).
 *
 *   per node             client doorbell, turn to take a snapshot, transport worker block, link status
 *   per worker           worker block; per log that it hosts: chunks of its in-memory tail
 *   per group            status block
 *   per worker and peer  one bulk and one control ring each way, between the group worker and the transport worker
 */
import type { TransportLink } from '../../workers/worker-data.ts';
import type { NodeConfig } from '../config.ts';
import { DOORBELL_WORDS, SNAPSHOT_TURN_BYTES, WORKER_WORDS } from '../memory/descriptor.ts';
import { createStatusBlock } from '../memory/status-block.ts';
import { createLinkStatus } from '../transport/link-status.ts';
import type { Hosting } from './placement.ts';
import { makePairRings, makeWorkers, type WorkerMemory } from './shared-memory.ts';

export class NodeMemory {
  readonly clientDoorbell = new SharedArrayBuffer(DOORBELL_WORDS * 4);
  readonly snapshotTurn = new SharedArrayBuffer(SNAPSHOT_TURN_BYTES);
  readonly transportBlock = new SharedArrayBuffer(WORKER_WORDS * 4);
  readonly linkStatus = createLinkStatus();
  /** By worker. */
  readonly workers: readonly WorkerMemory[];
  /** By group. */
  readonly status: readonly SharedArrayBuffer[];
  /** By worker: one link per other member. */
  readonly links: readonly (readonly TransportLink[])[];

  constructor(config: NodeConfig, hosting: Hosting, self: number) {
    this.workers = makeWorkers(config, hosting);
    this.status = Array.from({ length: config.shards }, () => createStatusBlock());
    const peers = config.members.map((_, member) => member).filter((member) => member !== self);
    this.links = Array.from({ length: hosting.workers }, () => peers.map(makeLink));
  }
}

function makeLink(memberIndex: number): TransportLink {
  const outbound = makePairRings();
  const inbound = makePairRings();
  return {
    memberIndex,
    outboundBulk: outbound.bulk,
    outboundControl: outbound.control,
    inboundBulk: inbound.bulk,
    inboundControl: inbound.control,
  };
}
