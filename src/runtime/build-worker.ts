/**
 * Builds one worker from what it received at birth: its logs (hosted-log), a driver per group, transport, and the leaves that the duty
 * cycle needs. Recovery happens here; nothing votes before it is over.
 */
import { join } from 'node:path';
import type { GroupData, HostedLog, LaneData, WakeKind, WorkerData, WorkerMessage } from '../../workers/worker-data.ts';
import { Prng } from '../base/prng.ts';
import type { GroupId } from '../base/types.ts';
import { RETRY_TICKS } from '../limits.ts';
import type { Log } from '../log/log.ts';
import { snapshotChecksum } from '../log/snapshot-checksum.ts';
import { FileSnapshots } from '../log/snapshot-files.ts';
import type { Crc } from '../log/snapshot-format.ts';
import type { Bulk } from '../memory/bulk.ts';
import {
  GROUP_ERROR_INVARIANT,
  GROUP_ERROR_LOG,
  GROUP_ERROR_MACHINE,
  GROUP_ERROR_NONDETERMINISTIC,
  ROLE_FOLLOWER,
  ROLE_REJOINING,
  WORKER_DOORBELL_WORD,
} from '../memory/descriptor.ts';
import { AtomicsWaker, Doorbell, Sleeper, type Waker } from '../memory/doorbell.ts';
import { makeNativeBulk, NativeWaker } from '../memory/native-memory.ts';
import { makePortableBulk } from '../memory/portable-bulk.ts';
import { StatusReader, StatusWriter } from '../memory/status-block.ts';
import { loadNative, type NativeBinding } from '../native-binding.ts';
import { Configuration } from '../paxos/configuration.ts';
import { MemoryTransport } from '../transport/memory-transport.ts';
import { crc32c } from '../wire/crc32c.ts';
import { Applier, MachineFailure, makeReplyMemory } from './applier.ts';
import type { DriverClock } from './driver-clock.ts';
import { ForwardDesk } from './forward-desk.ts';
import { type AgentPorts, CLOCK_INDEX } from './group-agent.ts';
import { GroupDriver } from './group-driver.ts';
import { GroupHost } from './group-host.ts';
import { GroupSnapshots } from './group-snapshots.ts';
import { openHostedLog, readyMessage } from './hosted-log.ts';
import { LaneTap } from './lane-tap.ts';
import { loadMachine, type MachineFactory } from './load-machine.ts';
import { LogReporter } from './log-reporter.ts';
import { DeviatingReplies, type DutyHost, LogFailure, type ReplicaHost } from './replica-host.ts';
import { SessionTable } from './session-table.ts';
import { SnapshotTurn } from './snapshot-turn.ts';
import { StartProgress } from './start-progress.ts';
import { StatusObserver } from './status-observer.ts';
import { WorkerHost } from './worker-host.ts';

export interface BuiltWorker {
  host: DutyHost;
  /** As WorkerData says. */
  forwards: boolean;
  ports: Omit<AgentPorts, 'onControl'>;
  ready: WorkerMessage;
  close(): void;
}

interface WorkerClock extends DriverClock {
  /** False for a clock that stands still with the machine: no lease may rest on it (S21). */
  countsSuspend: boolean;
}

/** Answers to an earlier life of the worker name nothing of this one. */
const PUBLISH_IDS_PER_LIFE = 2 ** 20;

type Post = (message: WorkerMessage) => void;

export async function buildWorker(data: WorkerData, post: Post): Promise<BuiltWorker> {
  const createMachine = await loadMachine(data.machine);
  const binding = loadNative(data.native).binding;
  const bulk = binding === undefined ? makePortableBulk(crc32c) : makeNativeBulk(binding);
  const wakerOf = (block: SharedArrayBuffer, kind: WakeKind = 'thread'): Waker =>
    binding === undefined || kind === 'eventLoop' ? new AtomicsWaker(block) : new NativeWaker(binding, block);
  const transport = new MemoryTransport(data.peers, wakerOf);
  const clientDoorbell = new Doorbell(data.clientDoorbell, 0, new AtomicsWaker(data.clientDoorbell));
  const ringClient = (): void => void clientDoorbell.ring();
  const clock = makeClock(binding, data.block);
  const progress = new StartProgress(post);
  const builder = new GroupBuilder(data, transport, bulk, clock, createMachine, ringClient, post, progress, binding);
  const logs = data.logs.map((hosted, index) => openHostedLog(data, hosted, index, binding, builder, transport, post));
  const hosts = logs.map(({ host }) => host);
  const [only] = hosts;
  const host: DutyHost = hosts.length === 1 && only !== undefined ? only : new WorkerHost(transport, hosts);
  return {
    host,
    forwards: data.forwards,
    ports: {
      block: data.block,
      sleeper: new Sleeper(data.block, WORKER_DOORBELL_WORD, wakerOf(data.block)),
      readClock: clock.read,
      clockMs: clock.ms,
      ringClient,
      report: () => builder.report(hosts),
      tickMs: data.tuning.tickMs,
      idleTurns: 0,
    },
    ready: readyMessage(logs, binding !== undefined),
    close: () => {
      for (const log of logs) log.close();
    },
  };
}

/** Monotonic milliseconds into the worker block; through the addon without a box, and counting while the machine is suspended. */
function makeClock(binding: NativeBinding | undefined, block: SharedArrayBuffer): WorkerClock {
  const ms = new Float64Array(block, CLOCK_INDEX * 8, 1);
  if (binding === undefined) {
    const read = (): void => {
      ms[0] = performance.now();
    };
    return { ms, read, countsSuspend: false };
  }
  const id = binding.attach(new Uint8Array(block));
  return { ms, read: () => binding.clockMs(id, CLOCK_INDEX), countsSuspend: true };
}

/** The worker's end of a lane. */
export function makeTap({ laneId, lane, completions }: LaneData, forwards: boolean): LaneTap {
  return new LaneTap(laneId, lane, completions, forwards);
}

/** Makes the groups of one worker. */
export class GroupBuilder {
  readonly #data: WorkerData;
  readonly #transport: MemoryTransport;
  readonly #bulk: Bulk;
  readonly #clock: WorkerClock;
  readonly #createMachine: MachineFactory;
  readonly #ringClient: () => void;
  readonly #post: Post;
  readonly #progress: StartProgress;
  readonly #replyMemory = makeReplyMemory();
  readonly #turn: SnapshotTurn;
  readonly #checksum: Crc;
  #publishIds = 0;
  readonly #status = new Map<GroupId, StatusWriter>();
  readonly #sessions = new Map<GroupId, SessionTable>();

  constructor(
    data: WorkerData,
    transport: MemoryTransport,
    bulk: Bulk,
    clock: WorkerClock,
    createMachine: MachineFactory,
    ringClient: () => void,
    post: Post,
    progress: StartProgress,
    binding: NativeBinding | undefined,
  ) {
    this.#progress = progress;
    this.#data = data;
    this.#turn = new SnapshotTurn(clock.ms, data.snapshots.sendBytesPerSecond, undefined, data.snapshots.turn);
    this.#checksum = snapshotChecksum(binding);
    this.#transport = transport;
    this.#bulk = bulk;
    this.#clock = clock;
    this.#createMachine = createMachine;
    this.#ringClient = ringClient;
    this.#post = post;
  }

  makeDriver(group: GroupData): GroupDriver {
    const data = this.#data;
    const { groupId } = group;
    const sessions = new SessionTable();
    this.#sessions.set(groupId, sessions);
    const { heartbeatTicks, electionTimeoutTicks, electionJitterTicks, windowSlotsMax } = data.tuning;
    const { leaseMs, clockDriftPpm: driftPpm } = data.tuning;
    return new GroupDriver({
      groupId,
      configuration: new Configuration(1, data.memberNodeIds, data.memberIndex),
      timing: { heartbeatTicks, electionTimeoutTicks, electionJitterTicks, retryTicks: RETRY_TICKS, windowSlotsMax },
      lease: { leaseMs, driftPpm, countsSuspend: this.#clock.countsSuspend },
      clock: this.#clock,
      prng: new Prng(data.seed).fork(`group ${groupId} member ${data.memberIndex} epoch ${data.ownerEpoch}`),
      isPreferred: group.preferredMember === data.memberIndex,
      transport: this.#transport,
      bulk: this.#bulk,
      applier: new Applier(
        this.#createMachine({ groupId, replicaIndex: data.memberIndex }),
        sessions,
        this.#replyMemory,
      ),
      observer: this.#observer(groupId, group.status),
    });
  }

  /** Recovery is over: leaderships won by an earlier life of this worker are never taken for new ones. */
  makeHost(group: GroupData, driver: GroupDriver, log: Log, clusterId: number): GroupHost {
    const { tuning } = this.#data;
    const serial = new StatusReader(group.status).leadership;
    const status = this.#status.get(group.groupId) as StatusWriter;
    status.clear();
    status.setRole(driver.replica.state.isRejoining ? ROLE_REJOINING : ROLE_FOLLOWER);
    driver.attachLog(log);
    driver.finishRecovery(serial);
    const snapshots = this.#makeSnapshots(group, driver, clusterId);
    snapshots?.start();
    const host = new GroupHost({
      driver,
      sessions: this.#sessions.get(group.groupId) as SessionTable,
      log,
      bulk: this.#bulk,
      self: this.#data.laneReplica,
      batchBytesTarget: tuning.batchBytesTarget,
      payloadBytesMax: tuning.payloadBytesMax,
      clockMs: this.#clock.ms,
      snapshots,
      desk: this.#data.forwards ? this.#makeDesk(driver) : undefined,
    });
    for (const lane of group.lanes) host.addLane(makeTap(lane, this.#data.forwards));
    return host;
  }

  #makeDesk(driver: GroupDriver): ForwardDesk {
    const { memberIndex, memberNodeIds, ownerEpoch } = this.#data;
    return new ForwardDesk({
      groupId: driver.groupId,
      self: memberIndex,
      epoch: driver.replica.state.configuration.epoch,
      transport: this.#transport,
      bulk: this.#bulk,
      clockMs: this.#clock.ms,
      driver,
      memberCount: memberNodeIds.length,
      serial: ownerEpoch,
    });
  }

  #makeSnapshots(group: GroupData, driver: GroupDriver, clusterId: number): GroupSnapshots | undefined {
    const { snapshots, memberNodeIds, memberIndex, ownerEpoch } = this.#data;
    if (snapshots.directory === '') return undefined;
    const { groupId } = group;
    const nextId = (): number => {
      this.#publishIds += 1;
      return ownerEpoch * PUBLISH_IDS_PER_LIFE + this.#publishIds;
    };
    const directory = join(snapshots.directory, `group-${groupId}`);
    const medium = new FileSnapshots(directory, clusterId, groupId, nextId, (task) =>
      this.#post({ kind: 'publish', task }),
    );
    return new GroupSnapshots({
      driver,
      medium,
      settle: (id, failure) => void medium.settle(id, failure),
      clusterId,
      crc: this.#checksum,
      configuration: new Configuration(1, memberNodeIds, memberIndex),
      transport: this.#transport,
      bulk: this.#bulk,
      everyBytes: snapshots.everyBytes,
      everyMs: snapshots.everyMs,
      kept: snapshots.kept,
      turn: this.#turn,
      prng: new Prng(this.#data.seed).fork(`snapshots ${groupId} member ${memberIndex} epoch ${ownerEpoch}`),
      warn: (message) => this.#post({ kind: 'warning', message }),
      onRestoring: (bytes, total) => this.#progress.tell('snapshot', bytes, total),
      onFailure: (reason) => this.#status.get(groupId)?.setSnapshotFailure(reason),
    });
  }

  #observer(groupId: GroupId, block: SharedArrayBuffer): StatusObserver {
    const status = new StatusWriter(block);
    this.#status.set(groupId, status);
    return new StatusObserver(
      status,
      this.#data.memberNodeIds.length,
      this.#data.memberIndex,
      this.#ringClient,
      (member, slot) => {
        if (member === this.#data.memberIndex) throw new DeviatingReplies(slot);
        this.#post({ kind: 'deviates', groupId, memberIndex: member, slot });
      },
    );
  }

  stopped(group: GroupHost, error: unknown): void {
    const status = this.#status.get(group.groupId) as StatusWriter;
    const slot = group.stoppedAt;
    if (error instanceof MachineFailure) status.setError(GROUP_ERROR_MACHINE, slot, -1);
    else if (error instanceof LogFailure) status.setError(GROUP_ERROR_LOG, slot, -1);
    else if (error instanceof DeviatingReplies) {
      status.setError(GROUP_ERROR_NONDETERMINISTIC, error.slot, this.#data.memberIndex);
    } else status.setError(GROUP_ERROR_INVARIANT, slot, -1);
    const message = error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error);
    this.#post({
      kind: 'warning',
      message: `shard ${group.groupId} stopped on replica ${this.#data.memberIndex} at slot ${slot}: ${message}`,
    });
    this.#ringClient();
  }

  makeLogReporter({ log, groups }: HostedLog): LogReporter {
    const { memberIndex, tuning } = this.#data;
    const name = `replica ${memberIndex} (${log.directory === '' ? 'in memory' : log.directory})`;
    const statuses = groups.map(({ groupId }) => this.#status.get(groupId) as StatusWriter);
    return new LogReporter(statuses, name, tuning.tickMs, (message) => this.#post({ kind: 'warning', message }));
  }

  get progress(): StartProgress {
    return this.#progress;
  }

  /** For the status blocks, once per tick. */
  report(hosts: readonly ReplicaHost[]): void {
    for (let i = 0; i < hosts.length; i++) this.#reportLog(hosts[i] as ReplicaHost);
  }

  /** Log and snapshots, and the leader that a follower hears without a change of its own role. */
  #reportLog({ log, groups }: ReplicaHost): void {
    for (let i = 0; i < groups.length; i++) {
      const { groupId, driver, snapshots } = groups[i] as GroupHost;
      const status = this.#status.get(groupId) as StatusWriter;
      status.setLog(log.submissions, log.appendedPosition);
      status.setLogKept(log.appendedPosition - log.firstPosition);
      if (snapshots !== undefined) status.setSnapshots(snapshots.figures);
      status.setLeaderHint(driver.replica.state.leaderHint);
    }
  }
}
