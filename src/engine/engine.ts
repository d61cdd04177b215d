/**
 * What the user's handles have in common, be it a cluster in one process (cluster.ts) or one node of several (node.ts): routes
 * commands to groups, promises to lanes, and watches over the workers of the replicas that live in this process.
 *
 *   propose, read ─▶ proposals ─▶ lane ─▶ (router: which replica here serves it) ─▶ worker ─▶ completions ─▶ pump ─▶ promise
 */
import { EventEmitter } from 'node:events';
import type { LaneData, WorkerMessage } from '../../workers/worker-data.ts';
import { SynodError } from '../base/errors.ts';
import type { GroupId } from '../base/types.ts';
import { LANES_PER_GROUP_MAX } from '../limits.ts';
import { LANE_READS_STALE, LANE_WRITES } from '../memory/descriptor.ts';
import { createLane } from '../memory/lane.ts';
import { createRing } from '../memory/ring.ts';
import { Allocations } from './allocations.ts';
import { laneKindOf } from './consistency.ts';
import { mintId } from './directory-files.ts';
import { closed, publishedBefore, tooLarge, unknown } from './engine-errors.ts';
import type { LaneOptions, ReadOptions, SessionOptions } from './engine-options.ts';
import type { EngineConfig, EngineEvents, EngineParts, LaneRouter, WorkerAllocation } from './engine-parts.ts';
import { type Inspection, Inspections } from './inspections.ts';
import { Lane, type LaneHost } from './lane.ts';
import { LaneClient } from './lane-client.ts';
import { LaneEndings } from './lane-endings.ts';
import { groupOfKey, type Hosting, workerOfGroup } from './placement.ts';
import { Proposals, type ProposeOptions } from './proposals.ts';
import { Pump } from './pump.ts';
import { parseToken, Session, type SessionHost, sessionToken } from './session.ts';
import type { Supervisor, WorkerSlot } from './supervisor.ts';

/** What is still to be told to the log at close is told so long at most: the rest expires. */
const ENDING_MS = 500;

export abstract class Engine<R extends LaneRouter> extends EventEmitter<EngineEvents> implements LaneHost, SessionHost {
  protected readonly router: R;
  protected readonly hosting: Hosting;
  protected supervisor: Supervisor | undefined;
  readonly #config: EngineConfig;
  readonly #replicas: number;
  readonly #release: () => void;
  readonly #pump: Pump;
  /** By kind of lane, then by group. */
  readonly #tables: readonly (Proposals | undefined)[][] = Array.from({ length: LANE_READS_STALE + 1 }, () => []);
  /** Per group the highest watermark that this handle was answered at. */
  readonly #seen: Float64Array<ArrayBuffer>[] = [];
  readonly #active: Proposals[] = [];
  readonly #lanes = new Map<number, LaneClient>();
  readonly #inspections = new Inspections();
  readonly #allocations = new Allocations();
  readonly #endings = new LaneEndings((lane) => this.#removeLane(lane));
  /** Lanes of sessions that outlive this process. */
  readonly #kept = new Set<LaneClient>();
  #nextLane = 1;
  #closing: Promise<void> | undefined;

  constructor(parts: EngineParts<R>) {
    super();
    this.#config = parts.config;
    this.#replicas = parts.replicas;
    this.hosting = parts.hosting;
    this.#release = parts.release;
    this.router = parts.makeRouter({
      onLeader: (shard, replica) => this.tell('leader', { shard, replica, node: this.nodeIdOf(replica) }),
      onGroupError: (shard, replica, error) => this.#onGroupError(shard, replica, error),
      slot: (replica, group) => this.slot(replica, group),
    });
    this.#pump = new Pump(parts.sleeper, () => this.#turn());
  }

  /** Called once, when all workers are ready. */
  begin(supervisor: Supervisor): void {
    this.supervisor = supervisor;
    this.#pump.start();
  }

  // --- commands -----------------------------------------------------------------------------------------------------

  /**
   * Resolves with the machine's reply once the command is durable on a majority and applied. Waits for room.
   * Rejects with a SynodError; after ERR_SYNOD_OUTCOME_UNKNOWN the command may or may not take effect.
   */
  propose(key: string, command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    const proposals = this.#proposalsOf(LANE_WRITES, key, command);
    if (proposals instanceof SynodError) return Promise.reject(proposals);
    return proposals.propose(command, options);
  }

  /** As `propose`, but undefined when there is no room at once. */
  tryPropose(key: string, command: Uint8Array): Promise<Uint8Array> | undefined {
    const proposals = this.#proposalsOf(LANE_WRITES, key, command);
    if (proposals instanceof SynodError) return Promise.reject(proposals);
    return proposals.tryPropose(command);
  }

  /** Resolves with the machine's answer, which reflects what `consistency` says: at least everything acknowledged before the call, if nothing. */
  read(key: string, query: Uint8Array, options?: ReadOptions): Promise<Uint8Array> {
    let kind: number;
    try {
      kind = laneKindOf(options?.consistency);
    } catch (error) {
      return Promise.reject(error);
    }
    const reads = this.#proposalsOf(kind, key, query);
    if (reads instanceof SynodError) return Promise.reject(reads);
    return reads.propose(query, options?.timeout === undefined && options?.signal === undefined ? undefined : options);
  }

  /** The fast lane to the shard of `key`: of commands, or of reads of one consistency. */
  lane(key: string, options?: LaneOptions): Lane {
    if (this.#closing !== undefined) throw closed();
    const kind = options?.reads === undefined ? LANE_WRITES : laneKindOf(options.reads);
    return new Lane(this.#makeLane(groupOfKey(key, this.#config.shards), kind), this);
  }

  /** A session to the shard of `key` that outlives this process; with a `token`, the one that it names goes on. */
  async session({ key = '', token, timeout = this.#config.timeoutMs }: SessionOptions): Promise<Session> {
    if (this.#closing !== undefined) throw closed();
    const { shards } = this.#config;
    const place = token === undefined ? { shard: groupOfKey(key, shards), nonce: mintId() } : parseToken(token, shards);
    const lane = this.#makeLane(place.shard, LANE_WRITES, place.nonce, token === undefined ? place.nonce : mintId());
    this.#kept.add(lane);
    const session = new Session(sessionToken(place.shard, place.nonce), this.#attach(lane), this);
    return session.opened(timeout === 0 ? Number.POSITIVE_INFINITY : timeout);
  }

  closeSession(proposals: Proposals, isOver: boolean): void {
    this.#active.splice(this.#active.indexOf(proposals), 1);
    proposals.fail(unknown('session'), closed());
    this.#kept.delete(proposals.lane);
    if (isOver) this.closeLane(proposals.lane);
    else this.#removeLane(proposals.lane);
  }

  /** The shard of a key. */
  shardOf(key: string): number {
    return groupOfKey(key, this.#config.shards);
  }

  /** The worker of each replica here that hosts a shard. */
  workerOf(shard: number): number {
    return workerOfGroup(shard, this.hosting);
  }

  /** Where the calls of a key go, or why one cannot be taken. */
  #proposalsOf(kind: number, key: string, bytes: Uint8Array): Proposals | SynodError {
    if (this.#closing !== undefined) return closed();
    if (bytes.length > this.#config.payloadBytesMax) return tooLarge(bytes.length, this.#config.payloadBytesMax);
    try {
      const group = groupOfKey(key, this.#config.shards);
      const refusal = kind === LANE_WRITES ? this.router.refusalOf?.(group) : undefined;
      const failure = this.router.failureOf(group) ?? refusal;
      if (failure !== undefined) return failure;
      const proposals = this.#tables[kind]?.[group];
      if (proposals !== undefined && !proposals.isOver) return proposals;
      if (proposals !== undefined) this.#discard(proposals);
      return this.#open(kind, group);
    } catch (error) {
      return error as SynodError;
    }
  }

  /** Its session ended or its shard had failed: the next call begins a new session. */
  #discard(proposals: Proposals): void {
    this.#active.splice(this.#active.indexOf(proposals), 1);
    this.closeLane(proposals.lane);
  }

  #open(kind: number, group: GroupId): Proposals {
    const proposals = this.#attach(this.#makeLane(group, kind));
    (this.#tables[kind] as Proposals[])[group] = proposals;
    return proposals;
  }

  #attach(lane: LaneClient): Proposals {
    const proposals = new Proposals(lane, this.#config.timeoutMs, this.#config.waitersMax);
    this.#active.push(proposals);
    return proposals;
  }

  // --- lanes --------------------------------------------------------------------------------------------------------

  #makeLane(group: GroupId, kind: number, nonce = mintId(), attempt = nonce): LaneClient {
    const mine = [...this.#lanes.values()].filter((lane) => lane.shard === group).length;
    if (mine >= LANES_PER_GROUP_MAX) {
      throw new SynodError(
        'ERR_SYNOD_FULL',
        `Shard ${group} has ${LANES_PER_GROUP_MAX} lanes already: close one first.`,
      );
    }
    const { laneBytes, completionBytes, payloadBytesMax } = this.#config;
    const replicas = this.#replicas;
    const lane = createLane(laneBytes, kind, nonce, attempt);
    const rings = Array.from({ length: replicas }, () => createRing(completionBytes));
    const doorbells = Array.from({ length: replicas }, (_, replica) => this.slot(replica, group).doorbell);
    const client = new LaneClient(
      this.#nextLane++,
      group,
      lane,
      rings,
      doorbells,
      kind !== LANE_WRITES,
      payloadBytesMax,
    );
    this.#seen[group] ??= new Float64Array(1);
    client.seen = this.#seen[group];
    this.#lanes.set(client.laneId, client);
    for (let replica = 0; replica < replicas; replica++) {
      this.supervisor?.post(this.slot(replica, group), { kind: 'lane', lane: laneData(client, replica) });
    }
    this.router.addLane(client);
    return client;
  }

  /** Lanes of a group as the worker of `replica` gets them at birth. */
  lanesOf(replica: number, group: GroupId): LaneData[] {
    return [...this.#lanes.values()].filter((lane) => lane.shard === group).map((lane) => laneData(lane, replica));
  }

  /** Ends its session too. */
  closeLane(lane: LaneClient): void {
    this.#endings.add(lane);
  }

  #removeLane(lane: LaneClient): void {
    this.router.removeLane(lane);
    this.#lanes.delete(lane.laneId);
    for (let replica = 0; replica < this.#replicas; replica++) {
      this.supervisor?.post(this.slot(replica, lane.shard), { kind: 'closeLane', laneId: lane.laneId });
    }
  }

  failureOf(shard: number): SynodError | undefined {
    return this.#closing === undefined ? this.router.failureOf(shard) : closed();
  }

  nextWake(): Promise<void> {
    return this.#pump.nextWake();
  }

  // --- the pump -----------------------------------------------------------------------------------------------------

  #turn(): number {
    let work = this.router.check();
    for (const proposals of this.#active) work += proposals.poll();
    return work + this.#endings.poll();
  }

  protected slot(replica: number, group: GroupId): WorkerSlot {
    const supervisor = this.supervisor;
    if (supervisor === undefined) throw new SynodError('ERR_SYNOD_CLOSED', 'The cluster is not open yet.');
    return supervisor.slots[replica * this.hosting.workers + this.workerOf(group)] as WorkerSlot;
  }

  // --- what the supervisor reports ----------------------------------------------------------------------------------

  onWorkerMessage(slot: WorkerSlot, message: WorkerMessage): void {
    if (message.kind === 'inspected') this.#inspections.settle(message);
    else if (message.kind === 'warning') this.warn(message.message);
    else if (message.kind === 'progress') this.#onProgress(slot, message);
    else if (message.kind === 'deviates') this.onDeviates(message.groupId, message.memberIndex, message.slot);
    else if (message.kind === 'allocation') {
      this.#allocations.settle(slot, message);
    }
  }

  protected abstract nodeIdOf(memberIndex: number): number;

  #onProgress({ replica, worker }: WorkerSlot, message: Extract<WorkerMessage, { kind: 'progress' }>): void {
    const { what, bytes, total } = message;
    this.#config.logger?.info({ replica, worker, what, bytes, total }, 'a worker reads what it had written');
    this.tell('progress', { replica, worker, what, bytes, total });
  }

  /** The replies of a member of the group differ from those of most others. */
  protected abstract onDeviates(shard: number, memberIndex: number, slot: number): void;

  onWorkerDown(slot: WorkerSlot, error: unknown): void {
    this.tell('down', { replica: slot.replica, worker: slot.worker, error });
    this.#inspections.fail(slot);
    this.#suspect(slot);
    this.router.check();
  }

  /** The worker leads nothing any more: the other replicas need not wait for its silence. */
  #suspect(slot: WorkerSlot): void {
    for (const other of this.supervisor?.slots ?? []) {
      if (other.worker === slot.worker && other.replica !== slot.replica) {
        this.supervisor?.post(other, { kind: 'suspect', memberIndex: slot.replica });
      }
    }
  }

  onWorkerUp(slot: WorkerSlot): void {
    if (slot.restarts === 0) return;
    for (let group = 0; group < this.#config.shards; group++)
      if (this.workerOf(group) === slot.worker) this.router.forget(slot.replica, group);
    this.tell('restart', { replica: slot.replica, worker: slot.worker });
  }

  warn(text: string): void {
    this.#config.logger?.warn({}, text);
    this.tell('warning', text);
  }

  /** In a job of its own: a listener that throws must not end the pump or a restart. */
  protected tell<Name extends keyof EngineEvents>(event: Name, ...details: EngineEvents[Name]): void {
    queueMicrotask(() => (this as EventEmitter).emit(event, ...details));
  }

  #onGroupError(shard: number, replica: number, error: SynodError): void {
    this.#config.logger?.error({ shard, replica, code: error.code }, error.message);
    this.tell('stopped', { shard, replica, error });
    if (error.code === 'ERR_SYNOD_LOG_FAILED' && this.#replicas > 1) this.#suspect(this.slot(replica, shard));
    const failure = this.router.failureOf(shard) ?? (this.#wouldBeFatal(error) ? error : undefined);
    if (failure === undefined) return;
    setImmediate(() => this.#failShard(shard));
  }

  #wouldBeFatal(error: SynodError): boolean {
    return error.code === 'ERR_SYNOD_NONDETERMINISTIC' || error.code === 'ERR_SYNOD_MACHINE_FAILED';
  }

  #failShard(shard: number): void {
    const failure = this.router.failureOf(shard);
    if (failure === undefined) return;
    for (const one of this.#active)
      if (one.lane.shard === shard) one.fail(one.lane.isReads ? failure : publishedBefore(failure), failure);
  }

  // --- operations ---------------------------------------------------------------------------------------------------

  /** Asks the machine of one replica in this process, whatever it has applied. */
  protected inspectLocal(shard: number, replica: number, query: Uint8Array): Promise<Inspection> {
    if (this.isClosing) return Promise.reject(closed());
    const slot = this.slot(replica, shard);
    return this.#inspections.ask(slot, (requestId) => {
      this.supervisor?.post(slot, { kind: 'inspect', requestId, groupId: shard, query });
    });
  }

  /** Every replica of the shard in this process takes a snapshot as soon as it can. */
  protected snapshotLocal(shard: number): void {
    for (let replica = 0; replica < this.#replicas; replica++)
      this.supervisor?.post(this.slot(replica, shard), { kind: 'snapshot', groupId: shard });
  }

  protected get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Ends a worker's thread as a crash would: for drills. Supervision brings it back. */
  protected terminateLocal(replica: number, worker: number): void {
    const slot = this.supervisor?.slot(replica, worker);
    if (slot !== undefined) this.supervisor?.terminate(slot);
  }

  /** Starts or ends the measurement of bytes allocated inside the workers; the end resolves with one figure per worker. */
  measureAllocation(phase: 'start' | 'stop'): Promise<WorkerAllocation[]> {
    const slots = (this.supervisor?.slots ?? []).filter((slot) => slot.isUp);
    return this.#allocations.measure(slots, phase, (slot) =>
      this.supervisor?.post(slot, { kind: 'allocation', phase }),
    );
  }

  /** Takes no more commands, waits a bounded time for those in flight, then stops the workers. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  protected async stopWorkers(): Promise<void> {
    await this.supervisor?.close();
  }

  async #close(): Promise<void> {
    const deadline = performance.now() + this.#config.closeTimeoutMs;
    while (this.#active.some((proposals) => proposals.pending > 0) && performance.now() < deadline)
      await this.#pump.nextWake();
    for (const proposals of this.#active) proposals.fail(unknown('handle'), closed());
    for (const lane of [...this.#lanes.values()]) if (!this.#kept.has(lane)) this.#endings.add(lane);
    const last = Math.min(deadline, performance.now() + ENDING_MS);
    while (this.#endings.count > 0 && performance.now() < last) await this.#pump.nextWake();
    await this.#pump.stop();
    await this.stopWorkers();
    this.#release();
  }
}

function laneData(client: LaneClient, replica: number): LaneData {
  return {
    laneId: client.laneId,
    groupId: client.shard,
    lane: client.lane,
    completions: client.rings[replica] as SharedArrayBuffer,
  };
}
