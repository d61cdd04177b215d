/**
 * A group without threads, consensus and disk: what the workers of all its replicas do with lanes, on one thread. Batches of
 * the leader go into one list, every replica applies the list in order with the production applier and session table.
 *
 *   LaneClient ─ lane ─▶ LaneTap of the leader ─▶ values ─▶ Applier of every replica ─▶ LaneTap ─ completion ring ─▶ LaneClient
 */

import { LaneClient } from '../../../src/engine/lane-client.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  GROUP_ERROR_MACHINE,
  LANE_READS,
  LANE_READS_SESSION,
  LANE_WRITES,
  ROLE_FOLLOWER,
  ROLE_LEADER,
  WORKER_DOORBELL_WORD,
  WORKER_WORDS,
} from '../../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell } from '../../../src/memory/doorbell.ts';
import { createLane } from '../../../src/memory/lane.ts';
import { makePortableBulk } from '../../../src/memory/portable-bulk.ts';
import { createRing } from '../../../src/memory/ring.ts';
import { createStatusBlock, StatusWriter } from '../../../src/memory/status-block.ts';
import { Applier } from '../../../src/runtime/applier.ts';
import type { GroupDriver } from '../../../src/runtime/group-driver.ts';
import { LaneTap } from '../../../src/runtime/lane-tap.ts';
import { ReadQueue } from '../../../src/runtime/read-queue.ts';
import { SessionTable } from '../../../src/runtime/session-table.ts';
import type { Command, Reply, StateMachine } from '../../../src/runtime/state-machine.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';

const RUN_BYTES_MAX = 1 << 16;
const PAYLOAD_BYTES_MAX = 4096;

/** Answers a command with its own bytes and remembers how often each first word was applied; a query with their number. */
export class EchoMachine implements StateMachine {
  readonly applied = new Map<number, number>();
  apply(command: Command, reply: Reply): void {
    const first = command.length >= 4 ? command.words[command.offset >> 2]! : -1;
    this.applied.set(first, (this.applied.get(first) ?? 0) + 1);
    reply.bytes.set(command.bytes.subarray(command.offset, command.offset + command.length), reply.offset);
    reply.length = command.length;
  }
  query(query: Command, reply: Reply): void {
    if (query.length === 0) throw new Error('an empty query');
    reply.words[reply.offset >> 2] = this.applied.size;
    reply.length = 4;
  }
  snapshot(): Iterable<Uint8Array> {
    return [];
  }
  restore(): void {}
}

class FakeReplica {
  readonly machine = new EchoMachine();
  readonly sessions = new SessionTable();
  readonly applier = new Applier(this.machine, this.sessions);
  readonly statusBlock = createStatusBlock();
  readonly status = new StatusWriter(this.statusBlock);
  readonly block = new SharedArrayBuffer(WORKER_WORDS * 4);
  readonly taps: LaneTap[] = [];
  readonly reads: ReadQueue[] = [];
  applied = 0;
}

export class FakeGroup {
  readonly replicas: FakeReplica[];
  readonly doorbells: Doorbell[];
  leader = -1;
  serial = 0;
  readonly #values: Int32Array[] = [];
  readonly #bulk = makePortableBulk(crc32c);
  #lanes = 0;

  constructor(count = 3) {
    this.replicas = Array.from({ length: count }, () => new FakeReplica());
    this.doorbells = this.replicas.map(
      ({ block }) => new Doorbell(block, WORKER_DOORBELL_WORD, new AtomicsWaker(block)),
    );
  }

  /** Status blocks as the router takes them, [replica][group], of this only group. */
  get statuses(): SharedArrayBuffer[][] {
    return this.replicas.map(({ statusBlock }) => [statusBlock]);
  }

  lane(kind: 'writes' | 'reads' | 'sessionReads' = 'writes', laneBytes = 1 << 16, resumes = 0): LaneClient {
    this.#lanes += 1;
    const isReads = kind !== 'writes';
    const laneKind = kind === 'sessionReads' ? LANE_READS_SESSION : isReads ? LANE_READS : LANE_WRITES;
    const lane = createLane(laneBytes, laneKind, resumes || this.#lanes, this.#lanes);
    const rings = this.replicas.map((_, replica) => {
      const ring = createRing(1 << 16);
      this.addTap(replica, this.#lanes, lane, ring);
      return ring;
    });
    return new LaneClient(this.#lanes, 0, lane, rings, this.doorbells, isReads, PAYLOAD_BYTES_MAX);
  }

  /** A replica's end of a lane. */
  addTap(replica: number, laneId: number, lane: SharedArrayBuffer, completions: SharedArrayBuffer): void {
    const member = this.replicas[replica]!;
    const tap = new LaneTap(laneId, lane, completions);
    member.taps.push(tap);
    if (tap.isReads) member.reads.push(new ReadQueue(tap, this.#driver(member), this.#bulk, PAYLOAD_BYTES_MAX));
  }

  /** Makes a replica the leader; the one before does not hear of it. */
  elect(replica: number): void {
    if (this.leader >= 0) this.replicas[this.leader]!.status.setRole(ROLE_FOLLOWER);
    this.leader = replica;
    this.serial += 1;
    const status = this.replicas[replica]!.status;
    status.setBallot(this.serial);
    status.setLeadership(this.serial);
    status.setRole(ROLE_LEADER);
  }

  /** The machine of a replica threw. */
  breakMachine(replica: number, slot: number): void {
    this.replicas[replica]!.status.setError(GROUP_ERROR_MACHINE, slot, -1);
    if (this.leader === replica) this.leader = -1;
  }

  /** Everything that the leader's worker would do until nothing is left. */
  work(): void {
    if (this.leader < 0) return;
    const replica = this.replicas[this.leader]!;
    for (const tap of replica.taps) {
      if (!tap.refresh(this.leader, this.serial)) continue;
      if (!tap.isReads) this.#order(tap);
    }
    for (const member of this.replicas) this.#apply(member);
    for (const tap of replica.taps)
      if (tap.isActive && !tap.isReads) tap.complete(replica.sessions, true, replica.applied);
    for (const queue of replica.reads) while (queue.work() > 0);
  }

  #order(tap: LaneTap): void {
    const { reader } = tap;
    while (reader.take(RUN_BYTES_MAX)) {
      const words = new Int32Array((BATCH_HEADER_BYTES + reader.runSize) / 4);
      words[0] = BATCH_MAGIC;
      words.set(
        reader.words.subarray(reader.runOffset >> 2, (reader.runOffset + reader.runSize) >> 2),
        BATCH_HEADER_BYTES / 4,
      );
      if (reader.confirm()) this.#values.push(words);
    }
  }

  #apply(replica: FakeReplica): void {
    for (; replica.applied < this.#values.length; replica.applied += 1) {
      const words = this.#values[replica.applied]!;
      replica.applier.applyValue(new Uint8Array(words.buffer), words, 0, words.byteLength, replica.applied);
    }
  }

  /** What a read queue asks of its driver: every round is confirmed at once. */
  #driver(replica: FakeReplica): GroupDriver {
    const driver = {
      applier: replica.applier,
      replica: {
        confirmedRound: 1,
        readIndex: 0,
        isLeader: true,
        holdsLease: true,
        state: { leadershipSerial: 1, hasState: true },
      },
      checkLease: () => true,
      beginReadRound: () => 1,
      get appliedWatermark() {
        return replica.applied;
      },
    };
    return driver as unknown as GroupDriver;
  }
}
