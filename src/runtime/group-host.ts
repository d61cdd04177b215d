/**
 * One group on its worker: driver, lanes, batches, reads, completions. Knows when to do what; the driver knows how.
 *
 *   all replicas in one process: lanes come to the leader's worker           one node of several: lanes stay with the local replica
 *   lanes ─▶ batch ─▶ slot ─▶ applied ─▶ completions                         it leads: as on the left, and what others forward
 *                                                                            it follows: lanes ─▶ FORWARD ─▶ leader; applied ─▶ completions
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { GroupId, MemberIndex, Slot } from '../base/types.ts';
import type { Log } from '../log/log.ts';
import type { Bulk } from '../memory/bulk.ts';
import { BATCH_HEADER_BYTES } from '../memory/descriptor.ts';
import { BatchBuilder, type RunSource } from './batch-builder.ts';
import type { ForwardDesk } from './forward-desk.ts';
import type { GroupDriver } from './group-driver.ts';
import type { GroupSnapshots } from './group-snapshots.ts';
import type { LaneTap } from './lane-tap.ts';
import { ReadQueue } from './read-queue.ts';
import type { SessionTable } from './session-table.ts';

/** Slots proposed and applied per duty cycle at most: no source starves the others. */
const PROPOSALS_PER_CYCLE = 4;
const APPLIES_PER_CYCLE = 32;

export interface GroupHostOptions {
  driver: GroupDriver;
  sessions: SessionTable;
  log: Log;
  bulk: Bulk;
  /** Index by which the routes of lanes name this replica. */
  self: MemberIndex;
  batchBytesTarget: number;
  payloadBytesMax: number;
  /** Monotonic milliseconds, written by the agent once per cycle. */
  clockMs: Float64Array;
  /** Undefined where the log is volatile. */
  snapshots?: GroupSnapshots | undefined;
  /** One node of several: the lanes of this process stay here, whoever leads. */
  desk?: ForwardDesk | undefined;
}

export class GroupHost {
  readonly groupId: GroupId;
  readonly driver: GroupDriver;
  /** False once the group stopped on this replica: it takes no part any more. */
  isRunning = true;
  /** Commands completed since the host last looked: the client's doorbell is due. */
  completed = 0;
  readonly snapshots: GroupSnapshots | undefined;
  readonly #log: Log;
  readonly #sessions: SessionTable;
  readonly #batch: BatchBuilder;
  readonly #bulk: Bulk;
  readonly #self: MemberIndex;
  readonly #batchBytes: number;
  readonly #payloadBytesMax: number;
  readonly #clockMs: Float64Array;
  readonly #taps: LaneTap[] = [];
  readonly #desk: ForwardDesk | undefined;
  readonly #sources: RunSource[] = [];
  readonly #writers: LaneTap[] = [];
  readonly #reads: ReadQueue[] = [];
  /** Log time of the next batch, log time when the leadership began, clock at that moment (S19). */
  readonly #logTime = new Float64Array(3);
  #timedSerial = 0;

  constructor(options: GroupHostOptions) {
    this.driver = options.driver;
    this.groupId = options.driver.groupId;
    this.snapshots = options.snapshots;
    this.#log = options.log;
    this.#sessions = options.sessions;
    this.#bulk = options.bulk;
    this.#self = options.self;
    this.#batch = new BatchBuilder(options.log, options.bulk, options.batchBytesTarget);
    this.#batchBytes = options.batchBytesTarget + BATCH_HEADER_BYTES;
    this.#payloadBytesMax = options.payloadBytesMax;
    this.#clockMs = options.clockMs;
    this.#desk = options.desk;
    if (this.#desk !== undefined) this.#sources.push(...this.#desk.sources);
  }

  addLane(tap: LaneTap): void {
    this.#taps.push(tap);
    if (tap.isReads) this.#reads.push(new ReadQueue(tap, this.driver, this.#bulk, this.#payloadBytesMax));
    else {
      this.#writers.push(tap);
      this.#sources.push(tap.reader);
    }
  }

  removeLane(laneId: number): void {
    const at = this.#taps.findIndex((tap) => tap.laneId === laneId);
    if (at < 0) return;
    const [tap] = this.#taps.splice(at, 1);
    const writer = this.#writers.indexOf(tap as LaneTap);
    if (writer >= 0) {
      this.#writers.splice(writer, 1);
      this.#sources.splice(this.#sources.indexOf((tap as LaneTap).reader), 1);
    }
    const reads = this.#reads.findIndex((queue) => queue.serves(tap as LaneTap));
    if (reads >= 0) this.#reads.splice(reads, 1);
  }

  /** One turn: routes, proposals, applies, completions, reads; returns the work done. */
  work(): number {
    if (!this.isRunning) return 0;
    const driver = this.driver;
    let work = 0;
    this.#desk?.attend(this.#writers);
    if (driver.replica.isLeader) work += this.#lead();
    else if (this.#desk !== undefined) work += this.#follow(this.#desk);
    work += driver.applyChosen(APPLIES_PER_CYCLE);
    if (driver.replica.isLeader || this.#desk !== undefined) {
      const answered = this.#complete() + this.#read();
      this.completed += answered;
      work += answered;
    }
    if (this.snapshots !== undefined) work += this.snapshots.work(this.#log.appendedPosition, this.#log.firstPosition);
    return work;
  }

  #lead(): number {
    const driver = this.driver;
    this.#followRoutes();
    let proposed = 0;
    while (proposed < PROPOSALS_PER_CYCLE && driver.canPropose(this.#batchBytes)) {
      this.#updateLogTime();
      const length = this.#batch.build(this.#sources, this.#logTime);
      if (length === 0) break;
      driver.propose(this.#batch.offset, length);
      proposed += 1;
    }
    this.#desk?.announce(proposed);
    return proposed;
  }

  #follow(desk: ForwardDesk): number {
    this.#followRoutes();
    return desk.follow(this.#writers);
  }

  #followRoutes(): void {
    const serial = this.#desk?.serial ?? this.driver.replica.state.leadershipSerial;
    for (let i = 0; i < this.#taps.length; i++) (this.#taps[i] as LaneTap).refresh(this.#self, serial);
  }

  /** Log time goes on from the last applied batch by this leader's own monotonic clock. */
  #updateLogTime(): void {
    const time = this.#logTime;
    const serial = this.driver.replica.state.leadershipSerial;
    if (serial !== this.#timedSerial) {
      this.#timedSerial = serial;
      time[1] = this.driver.applier.logTimeMs;
      time[2] = this.#clockMs[0] as number;
    }
    time[0] = Math.floor((time[1] as number) + (this.#clockMs[0] as number) - (time[2] as number));
    assert((time[0] as number) >= 0, 'log time is never negative');
  }

  /** A leader judges sessions only once everything that was ever acknowledged is applied here: an unknown one is gone then. */
  #complete(): number {
    const { isLeader, recoveryEnd, state } = this.driver.replica;
    const applied = this.driver.appliedWatermark;
    if (!state.hasState || (isLeader && applied < recoveryEnd)) return 0;
    let completed = 0;
    for (let i = 0; i < this.#taps.length; i++) {
      const tap = this.#taps[i] as LaneTap;
      if (tap.isActive) completed += tap.complete(this.#sessions, isLeader, applied);
    }
    return completed;
  }

  #read(): number {
    let answered = 0;
    for (let i = 0; i < this.#reads.length; i++) answered += (this.#reads[i] as ReadQueue).work();
    return answered;
  }

  /** Slot at which a stopped group stands. */
  get stoppedAt(): Slot {
    return this.driver.appliedWatermark;
  }
}
