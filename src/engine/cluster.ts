/**
 * A cluster in one process: the user's handle. Routes commands to groups, promises to lanes, and watches over the workers.
 */
import { EventEmitter } from 'node:events';
import type { LaneData, WorkerMessage } from '../../workers/worker-data.ts';
import { SynodError } from '../base/errors.ts';
import type { GroupId } from '../base/types.ts';
import type { Config } from '../config.ts';
import { LANES_PER_GROUP_MAX } from '../limits.ts';
import { LANE_READS, LANE_WRITES, REPLY_OK } from '../memory/descriptor.ts';
import { createLane } from '../memory/lane.ts';
import { createRing } from '../memory/ring.ts';
import { mintId } from './directory.ts';
import { Lane, type LaneHost } from './lane.ts';
import { LaneClient } from './lane-client.ts';
import { groupOfKey, workerOfGroup } from './placement.ts';
import { Proposals, type ProposeOptions } from './proposals.ts';
import { Pump } from './pump.ts';
import { Router } from './router.ts';
import type { SharedMemory } from './shared-memory.ts';
import { type ClusterStatus, describeCluster } from './status.ts';
import type { Supervisor, WorkerSlot } from './supervisor.ts';
import type { Sleeper } from '../memory/doorbell.ts';

export interface ReadOptions extends ProposeOptions {
  /** 'linearizable': at least everything acknowledged before the call. */
  consistency?: 'linearizable';
}

/** Bytes a worker allocated per command between start and stop. */
export interface WorkerAllocation {
  replica: number;
  worker: number;
  bytes: number;
  commands: number;
}

/** What a replica's own machine answered, and how far it had applied. */
export interface Inspection {
  applied: number;
  reply: Uint8Array;
}

interface ClusterEvents {
  /** A shard has a (new) leader. */
  leader: [{ shard: number; replica: number }];
  /** A worker went down and is being restarted. */
  down: [{ replica: number; worker: number; error: unknown }];
  /** A worker is up again. */
  restart: [{ replica: number; worker: number }];
  /** A replica's part of a shard stopped; the shard goes on while a quorum does. */
  stopped: [{ shard: number; replica: number; error: SynodError }];
  warning: [string];
}

export interface ClusterParts {
  config: Config;
  workers: number;
  memory: SharedMemory;
  sleeper: Sleeper;
  release(): void;
}

export class Cluster extends EventEmitter<ClusterEvents> implements LaneHost {
  readonly #config: Config;
  readonly #workers: number;
  readonly #release: () => void;
  readonly #router: Router;
  readonly #pump: Pump;
  readonly #proposals: (Proposals | undefined)[] = [];
  readonly #reads: (Proposals | undefined)[] = [];
  readonly #active: Proposals[] = [];
  readonly #lanes = new Map<number, LaneClient>();
  readonly #inspections = new Map<number, (message: Extract<WorkerMessage, { kind: 'inspected' }>) => void>();
  #allocations: ((message: WorkerAllocation) => void)[] = [];
  #supervisor: Supervisor | undefined;
  #nextLane = 1;
  #nextRequest = 1;
  #closing: Promise<void> | undefined;

  constructor(parts: ClusterParts) {
    super();
    this.#config = parts.config;
    this.#workers = parts.workers;
    this.#release = parts.release;
    const isAlive = (replica: number, group: GroupId): boolean => this.#slot(replica, group).isUp;
    const events = {
      onLeader: (shard: number, replica: number) => this.emit('leader', { shard, replica }),
      onGroupError: (shard: number, replica: number, error: SynodError) => this.#onGroupError(shard, replica, error),
    };
    this.#router = new Router(parts.memory.status, events, isAlive);
    this.#pump = new Pump(parts.sleeper, () => this.#turn());
  }

  /** Called once by `openCluster`, when all workers are ready. */
  begin(supervisor: Supervisor): void {
    this.#supervisor = supervisor;
    this.#pump.start();
  }

  // --- commands -----------------------------------------------------------------------------------------------------

  /**
   * Resolves with the machine's reply once the command is durable on a majority and applied. Waits for room.
   * Rejects with a SynodError; after ERR_SYNOD_OUTCOME_UNKNOWN the command may or may not take effect.
   */
  propose(key: string, command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    const proposals = this.#writesOf(key, command);
    if (proposals instanceof SynodError) return Promise.reject(proposals);
    return proposals.propose(command, options);
  }

  /** As `propose`, but undefined when there is no room at once. */
  tryPropose(key: string, command: Uint8Array): Promise<Uint8Array> | undefined {
    const proposals = this.#writesOf(key, command);
    if (proposals instanceof SynodError) return Promise.reject(proposals);
    return proposals.tryPropose(command);
  }

  /** Resolves with the machine's answer, which reflects at least everything acknowledged before the call. */
  read(key: string, query: Uint8Array, options?: ReadOptions): Promise<Uint8Array> {
    const group = this.#admit(key, query);
    if (group instanceof SynodError) return Promise.reject(group);
    const reads = this.#reads[group] ?? this.#open(this.#reads, group, true);
    return reads.propose(query, options?.timeout === undefined && options?.signal === undefined ? undefined : options);
  }

  /** The fast lane to the shard of `key`. */
  lane(key: string): Lane {
    if (this.#closing !== undefined) throw closed();
    return new Lane(this.#makeLane(groupOfKey(key, this.#config.shards), false), this);
  }

  /** The shard of a key. */
  shardOf(key: string): number {
    return groupOfKey(key, this.#config.shards);
  }

  #writesOf(key: string, command: Uint8Array): Proposals | SynodError {
    const group = this.#admit(key, command);
    if (group instanceof SynodError) return group;
    return this.#proposals[group] ?? this.#open(this.#proposals, group, false);
  }

  /** The group of a key, or why the call cannot be taken. */
  #admit(key: string, bytes: Uint8Array): GroupId | SynodError {
    if (this.#closing !== undefined) return closed();
    if (bytes.length > this.#config.payloadBytesMax) return tooLarge(bytes.length, this.#config.payloadBytesMax);
    try {
      const group = groupOfKey(key, this.#config.shards);
      return this.#router.failureOf(group) ?? group;
    } catch (error) {
      return error as SynodError;
    }
  }

  #open(table: (Proposals | undefined)[], group: GroupId, isReads: boolean): Proposals {
    const { timeoutMs, waitersMax } = this.#config;
    const proposals = new Proposals(this.#makeLane(group, isReads), timeoutMs, waitersMax);
    table[group] = proposals;
    this.#active.push(proposals);
    return proposals;
  }

  // --- lanes --------------------------------------------------------------------------------------------------------

  #makeLane(group: GroupId, isReads: boolean): LaneClient {
    const mine = [...this.#lanes.values()].filter((lane) => lane.shard === group).length;
    if (mine >= LANES_PER_GROUP_MAX) {
      throw new SynodError('ERR_SYNOD_FULL', `Shard ${group} has ${LANES_PER_GROUP_MAX} lanes already: close one first.`);
    }
    const { laneBytes, completionBytes, payloadBytesMax, replicas } = this.#config;
    const lane = createLane(laneBytes, isReads ? LANE_READS : LANE_WRITES, mintId());
    const rings = Array.from({ length: replicas }, () => createRing(completionBytes));
    const doorbells = Array.from({ length: replicas }, (_, replica) => this.#slot(replica, group).doorbell);
    const client = new LaneClient(this.#nextLane++, group, lane, rings, doorbells, isReads, payloadBytesMax);
    this.#lanes.set(client.laneId, client);
    for (let replica = 0; replica < replicas; replica++) {
      this.#supervisor?.post(this.#slot(replica, group), { kind: 'lane', lane: laneData(client, replica) });
    }
    this.#router.addLane(client);
    return client;
  }

  /** Lanes of a group as the worker of `replica` gets them at birth. */
  lanesOf(replica: number, group: GroupId): LaneData[] {
    return [...this.#lanes.values()].filter((lane) => lane.shard === group).map((lane) => laneData(lane, replica));
  }

  closeLane(lane: LaneClient): void {
    this.#router.removeLane(lane);
    this.#lanes.delete(lane.laneId);
    for (let replica = 0; replica < this.#config.replicas; replica++) {
      this.#supervisor?.post(this.#slot(replica, lane.shard), { kind: 'closeLane', laneId: lane.laneId });
    }
  }

  failureOf(shard: number): SynodError | undefined {
    return this.#closing === undefined ? this.#router.failureOf(shard) : closed();
  }

  nextWake(): Promise<void> {
    return this.#pump.nextWake();
  }

  // --- the pump -----------------------------------------------------------------------------------------------------

  #turn(): number {
    let work = this.#router.check();
    for (const proposals of this.#active) work += proposals.poll();
    return work;
  }

  #slot(replica: number, group: GroupId): WorkerSlot {
    const supervisor = this.#supervisor;
    if (supervisor === undefined) throw new SynodError('ERR_SYNOD_CLOSED', 'The cluster is not open yet.');
    return supervisor.slots[replica * this.#workers + workerOfGroup(group, this.#workers)] as WorkerSlot;
  }

  // --- what the supervisor reports ----------------------------------------------------------------------------------

  onWorkerMessage(slot: WorkerSlot, message: WorkerMessage): void {
    if (message.kind === 'inspected') this.#inspections.get(message.requestId)?.(message);
    else if (message.kind === 'warning') this.warn(message.message);
    else if (message.kind === 'allocation') {
      this.#allocations.shift()?.({ replica: slot.replica, worker: slot.worker, bytes: message.bytes, commands: message.commands });
    }
  }

  onWorkerDown(slot: WorkerSlot, error: unknown): void {
    this.emit('down', { replica: slot.replica, worker: slot.worker, error });
    for (const other of this.#supervisor?.slots ?? []) {
      if (other.worker === slot.worker && other.replica !== slot.replica) {
        this.#supervisor?.post(other, { kind: 'suspect', memberIndex: slot.replica });
      }
    }
    for (let group = slot.worker; group < this.#config.shards; group += this.#workers) this.#router.forget(slot.replica, group);
    this.#router.check();
  }

  onWorkerUp(slot: WorkerSlot): void {
    if (slot.restarts > 0) this.emit('restart', { replica: slot.replica, worker: slot.worker });
  }

  warn(text: string): void {
    this.#config.logger?.warn({}, text);
    this.emit('warning', text);
  }

  #onGroupError(shard: number, replica: number, error: SynodError): void {
    this.#config.logger?.error({ shard, replica, code: error.code }, error.message);
    this.emit('stopped', { shard, replica, error });
    const failure = this.#router.failureOf(shard) ?? (this.#wouldBeFatal(error) ? error : undefined);
    if (failure === undefined) return;
    setImmediate(() => this.#failShard(shard));
  }

  #wouldBeFatal(error: SynodError): boolean {
    return error.code === 'ERR_SYNOD_NONDETERMINISTIC' || error.code === 'ERR_SYNOD_MACHINE_FAILED';
  }

  #failShard(shard: number): void {
    const failure = this.#router.failureOf(shard);
    if (failure === undefined) return;
    this.#proposals[shard]?.fail(failure, failure);
    this.#reads[shard]?.fail(failure, failure);
  }

  // --- operations ---------------------------------------------------------------------------------------------------

  status(): ClusterStatus {
    return describeCluster(this.#config, this.#workers, this.#router, this.#supervisor?.slots ?? []);
  }

  /** Asks the leader of a shard to hand over to `replica`. */
  transferLeadership(shard: number, replica: number): void {
    const leader = this.#router.leaderOf(shard);
    if (leader < 0) throw new SynodError('ERR_SYNOD_NO_LEADER', `Shard ${shard} has no leader now: try again.`);
    this.#supervisor?.post(this.#slot(leader, shard), { kind: 'transfer', groupId: shard, memberIndex: replica });
  }

  /** Ends a worker's thread as a crash would: for drills. Supervision brings it back. */
  terminateWorker(replica: number, worker: number): void {
    const slot = this.#supervisor?.slot(replica, worker);
    if (slot !== undefined) this.#supervisor?.terminate(slot);
  }

  /** Asks one replica's own machine, whatever it has applied: for audits. */
  inspect(shard: number, replica: number, query: Uint8Array): Promise<Inspection> {
    const requestId = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      this.#inspections.set(requestId, (message) => {
        this.#inspections.delete(requestId);
        if (message.status === REPLY_OK) resolve({ applied: message.applied, reply: message.reply });
        else reject(new SynodError('ERR_SYNOD_MACHINE_FAILED', `The query threw: ${new TextDecoder().decode(message.reply)}`));
      });
      this.#supervisor?.post(this.#slot(replica, shard), { kind: 'inspect', requestId, groupId: shard, query });
    });
  }

  /** Starts or ends the measurement of bytes allocated inside the workers; the end resolves with one figure per worker. */
  async measureAllocation(phase: 'start' | 'stop'): Promise<WorkerAllocation[]> {
    const slots = (this.#supervisor?.slots ?? []).filter((slot) => slot.isUp);
    const answers = slots.map(
      (slot) =>
        new Promise<WorkerAllocation>((resolve) => {
          if (phase === 'stop') this.#allocations.push(resolve);
          this.#supervisor?.post(slot, { kind: 'allocation', phase });
          if (phase === 'start') resolve({ replica: slot.replica, worker: slot.worker, bytes: 0, commands: 0 });
        }),
    );
    return Promise.all(answers);
  }

  /** Takes no more commands, waits a bounded time for those in flight, then stops the workers. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const deadline = performance.now() + this.#config.closeTimeoutMs;
    while (this.#active.some((proposals) => proposals.pending > 0) && performance.now() < deadline) await this.#pump.nextWake();
    const unknown = new SynodError('ERR_SYNOD_OUTCOME_UNKNOWN', 'The cluster was closed before the command was answered: it may or may not take effect.');
    for (const proposals of this.#active) proposals.fail(unknown, closed());
    await this.#pump.stop();
    await this.#supervisor?.close();
    this.#release();
  }
}

function laneData(client: LaneClient, replica: number): LaneData {
  return { laneId: client.laneId, groupId: client.shard, lane: client.lane, completions: client.rings[replica] as SharedArrayBuffer };
}

function closed(): SynodError {
  return new SynodError('ERR_SYNOD_CLOSED', 'The cluster is closed: open it again.');
}

function tooLarge(length: number, max: number): SynodError {
  return new SynodError('ERR_SYNOD_PAYLOAD_TOO_LARGE', `${length} bytes are more than payloadBytesMax (${max}): send less, or raise it at every replica.`);
}
