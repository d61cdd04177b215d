/**
 * One simulated replica: the production log writer, recovery, drivers, hosts and sessions over a simulated disk and network. Its
 * disk outlives its crashes; everything else is made anew at each start. All its groups share one log, as those of a worker do.
 */
import { SynodError } from '../../src/base/errors.ts';
import type { Prng } from '../../src/base/prng.ts';
import type { GroupId, MemberIndex, Slot } from '../../src/base/types.ts';
import { LOG_BLOCK_BYTES } from '../../src/limits.ts';
import type { RecoveredRecord } from '../../src/log/log.ts';
import type { LogWriter } from '../../src/log/log-writer.ts';
import { openLog } from '../../src/log/open-log.ts';
import { makePortableBulk } from '../../src/memory/portable-bulk.ts';
import { Configuration } from '../../src/paxos/configuration.ts';
import type { LeaseTerms } from '../../src/paxos/lease.ts';
import { LEADER } from '../../src/paxos/replica-state.ts';
import { Applier, makeReplyMemory } from '../../src/runtime/applier.ts';
import type { ForwardDesk } from '../../src/runtime/forward-desk.ts';
import { GroupDriver } from '../../src/runtime/group-driver.ts';
import { GroupHost } from '../../src/runtime/group-host.ts';
import type { GroupObserver } from '../../src/runtime/group-observer.ts';
import { recoverLoss, recoverRecord } from '../../src/runtime/group-recovery.ts';
import { LogFailure, ReplicaHost } from '../../src/runtime/replica-host.ts';
import { SessionTable } from '../../src/runtime/session-table.ts';
import { crc32c, softwareChecksum } from '../../src/wire/crc32c.ts';
import { MonotonyChecker } from './checkers.ts';
import { visitRecords } from './durable-records.ts';
import type { FaultCounts } from './fault-counts.ts';
import { CrashPoints, PowerLoss } from './fault-crash-points.ts';
import type { FaultMix } from './faults.ts';
import { leaseTerms, MemberClock, TIMING } from './member-clock.ts';
import { addLanes, makeDesk } from './member-lanes.ts';
import { chunksOf, outboxOf } from './member-memory.ts';
import { MemberSnapshots } from './member-snapshots.ts';
import type { SimClient } from './sim-client.ts';
import { SimDevice, SimDisk, SimSegmentReader } from './sim-disk.ts';
import { SimMachine } from './sim-machine.ts';
import { type SimNetwork, SimTransport } from './sim-network.ts';

/** An idle log has covered its last records by then (S11). */
const IDLE_TICKS = 4;

const replyMemory = makeReplyMemory();

/** What a member shows to the simulator. */
export interface MemberEvents {
  onApplied(member: MemberIndex, group: GroupId, watermark: number, digest: number): void;
  onLeader(member: MemberIndex, group: GroupId, ballot: number): void;
  /** A life begins: what it holds is shown by onRecord, from its recovery on. */
  onStart(member: MemberIndex): void;
  /** A record is durable, and everything before it. */
  onRecord(member: MemberIndex, record: RecoveredRecord): void;
  onRecovered(member: MemberIndex, life: Life): void;
  onCommit(member: MemberIndex, group: GroupId, watermark: Slot): void;
  /** The member must go down now: its power went at a persist point, or its worker could not go on. */
  onDown(member: MemberIndex, why: string): void;
  onViolation(text: string): void;
}

/** A group before its log is open. */
interface MadeGroup {
  machine: SimMachine;
  sessions: SessionTable;
  driver: GroupDriver;
}

/** One group of a living member. */
export interface LifeGroup {
  host: GroupHost;
  driver: GroupDriver;
  machine: SimMachine;
  /** Undefined where all members live in one process. */
  desk: ForwardDesk | undefined;
  monotony: MonotonyChecker;
}

export interface Life {
  device: SimDevice;
  host: ReplicaHost;
  groups: LifeGroup[];
  hasFailed: boolean;
}

export class SimMember {
  readonly index: MemberIndex;
  readonly disk: SimDisk;
  readonly points: CrashPoints;
  readonly snapshots: MemberSnapshots;
  /** Its directory was lost, and the operator said that it may come back. */
  isWiped = false;
  /** Its directory was lost, and it may not. */
  isOut = false;
  /** It may have forgotten votes, and is not through its way back. */
  isForgetful = false;
  /** Position that must be durable before it is through. */
  #rejoinedAt = -1;
  /** Groups that ended their last life on their way back: nothing can have ended it since. */
  readonly #onWayBack: boolean[];
  life: Life | undefined;
  restartTick = 0;
  pausedUntil = 0;
  lives = 0;
  readonly clock: MemberClock;
  readonly #lease: LeaseTerms;
  readonly #memberCount: number;
  readonly #network: SimNetwork;
  readonly #prng: Prng;
  readonly #faults: () => FaultMix;
  readonly #counts: FaultCounts;
  readonly #now: () => number;
  readonly #events: MemberEvents;
  readonly #chunks: SharedArrayBuffer[];
  readonly #transport: SimTransport;
  /** Ticks of this life in which its log had nothing to write. */
  #idleTicks = 0;
  #submissions = 0;
  readonly #leadershipSerials: number[];

  constructor(
    index: MemberIndex,
    memberCount: number,
    groupCount: number,
    network: SimNetwork,
    prng: Prng,
    faults: () => FaultMix,
    counts: FaultCounts,
    now: () => number,
    events: MemberEvents,
  ) {
    this.index = index;
    this.clock = new MemberClock(index);
    this.#lease = leaseTerms(faults());
    this.#memberCount = memberCount;
    this.#leadershipSerials = new Array<number>(groupCount).fill(0);
    this.#onWayBack = new Array<boolean>(groupCount).fill(false);
    this.disk = new SimDisk(counts);
    this.points = new CrashPoints(counts);
    this.snapshots = new MemberSnapshots(groupCount, prng.fork('snapshots'), counts, this.points, now);
    this.#network = network;
    this.#chunks = chunksOf(index);
    this.#transport = new SimTransport(network, index);
    this.#prng = prng;
    this.#faults = faults;
    this.#counts = counts;
    this.#now = now;
    this.#events = events;
  }

  get isUp(): boolean {
    return this.life !== undefined;
  }

  get isRunning(): boolean {
    return this.life !== undefined && this.pausedUntil <= this.#now();
  }

  /** Recovers and begins a life; a full disk or a crash in recovery leaves the member down. */
  start(clients: readonly SimClient[]): void {
    this.lives += 1;
    const device = new SimDevice(
      this.disk,
      this.#chunks,
      this.#prng.fork(`disk ${this.lives}`),
      this.#faults(),
      this.#counts,
      this.points,
      this.#now,
      (position, bytes) => visitRecords(position, bytes, (record) => this.#events.onRecord(this.index, record)),
    );
    try {
      this.#begin(device, clients);
    } catch (error) {
      device.crash();
      this.#goDown(error);
    }
  }

  #begin(device: SimDevice, clients: readonly SimClient[]): void {
    const groups = this.#leadershipSerials.map((_, group) => this.#makeGroup(group));
    this.disk.damage.isMisdirecting = false;
    this.#events.onStart(this.index);
    const { log } = openLog({
      device,
      reader: new SimSegmentReader(this.disk),
      chunks: this.#chunks,
      checksum: softwareChecksum,
      identity: { clusterId: 1, nodeId: this.index + 1, logNumber: 0 },
      visitor: (record) => {
        this.#events.onRecord(this.index, record);
        recoverRecord((groups[record.group] as MadeGroup).driver, record);
      },
      onForgotten: () => {
        for (const { driver } of groups) recoverLoss(driver);
      },
      mayRejoin: this.#memberCount > 2,
      isForgotten: this.isWiped,
      aheadOffset: LOG_BLOCK_BYTES,
    });
    this.isWiped = false;
    const living = groups.map((made) => this.#makeHost(made, log, clients));
    const host = new ReplicaHost(
      log,
      this.#transport,
      living.map((group) => group.host),
      (_group, error) => this.#onStopped(error),
      { onState: (state) => this.#counts.onLogState(state), onFlush: () => {} },
    );
    this.life = { device, host, groups: living, hasFailed: false };
    this.#requireWayBack(living);
    this.#rejoinedAt = -1;
    this.#idleTicks = 0;
    if (living.some(({ driver }) => driver.replica.state.isRejoining)) {
      this.isForgetful = true;
      this.#counts.rejoin += 1;
    }
    this.#events.onRecovered(this.index, this.life);
  }

  /** Who had forgotten when it went down has not remembered in between (S12). */
  #requireWayBack(groups: readonly LifeGroup[]): void {
    for (const { driver } of groups)
      if (this.#onWayBack[driver.groupId] === true && !driver.replica.state.isRejoining)
        this.#events.onViolation(`member ${this.index} forgot that it had forgotten`);
  }

  #makeGroup(group: GroupId): MadeGroup {
    const machine = new SimMachine();
    const sessions = new SessionTable();
    return { machine, sessions, driver: this.#makeDriver(group, machine, sessions) };
  }

  #makeHost({ driver, machine, sessions }: MadeGroup, log: LogWriter, clients: readonly SimClient[]): LifeGroup {
    driver.attachLog(log);
    driver.finishRecovery(this.#leadershipSerials[driver.groupId] as number);
    const snapshots = this.snapshots.begin(driver, this.#transport, this.lives, this.#faults(), this.clock.ms);
    const desk = clients.some(({ home }) => home >= 0)
      ? makeDesk(driver, this.#transport, this.clock.ms, this.lives)
      : undefined;
    const host = new GroupHost({
      driver,
      desk,
      sessions,
      log,
      bulk: makePortableBulk(crc32c),
      self: this.index,
      batchBytesTarget: 1 << 12,
      payloadBytesMax: 1024,
      clockMs: this.clock.ms,
      snapshots,
    });
    for (const client of clients) if (client.group === driver.groupId) addLanes(host, this.index, client);
    return { host, driver, machine, desk, monotony: new MonotonyChecker() };
  }

  #makeDriver(group: GroupId, machine: SimMachine, sessions: SessionTable): GroupDriver {
    const observer: GroupObserver = {
      onRole: (role, serial) => this.#onRole(group, role, serial),
      onCommit: (watermark) => this.#events.onCommit(this.index, group, watermark),
      onApplied: (watermark, digest) => this.#events.onApplied(this.index, group, watermark, digest),
      onDigest: (member, slot, isEqual) => {
        if (!isEqual)
          this.#events.onViolation(`member ${this.index} finds member ${member} deviating below slot ${slot}`);
      },
    };
    return new GroupDriver({
      groupId: group,
      configuration: new Configuration(
        1,
        Array.from({ length: this.#memberCount }, (_, i) => i + 1),
        this.index,
      ),
      timing: TIMING,
      lease: this.#lease,
      clock: this.clock,
      outbox: outboxOf(this.index, group),
      prng: this.#prng.fork(group === 0 ? `life ${this.lives}` : `life ${this.lives} of group ${group}`),
      isPreferred: this.index === group % this.#memberCount,
      transport: this.#transport,
      bulk: makePortableBulk(crc32c),
      applier: new Applier(machine, sessions, replyMemory),
      observer,
    });
  }

  #onRole(group: GroupId, role: number, serial: number): void {
    this.#leadershipSerials[group] = Math.max(this.#leadershipSerials[group] as number, serial);
    const driver = this.life?.groups[group]?.driver;
    if (role === LEADER && driver !== undefined)
      this.#events.onLeader(this.index, group, driver.replica.state.promisedBallot);
  }

  /** A failed or damaged log ends the life, as a supervisor would; anything else that stops a group is a violation. */
  #onStopped(error: unknown): void {
    if (this.life !== undefined) this.life.hasFailed = true;
    const isDamage = error instanceof SynodError && error.code === 'ERR_SYNOD_LOG_DAMAGED';
    if (error instanceof LogFailure || (isDamage && this.disk.damage.isPending)) return;
    this.#events.onViolation(`member ${this.index} stopped: ${error instanceof Error ? error.stack : String(error)}`);
  }

  /** What may end a life from within; anything else is a violation, and ends the run. */
  #goDown(error: unknown): void {
    const isFull = error instanceof SynodError && error.code === 'ERR_SYNOD_DISK_FULL';
    if (!isFull && !(error instanceof PowerLoss)) throw error;
    this.#events.onDown(this.index, error.message);
  }

  crash(restartTick: number): void {
    this.life?.device.crash();
    this.snapshots.crash(this.life?.groups);
    for (const { driver, desk } of this.life?.groups ?? []) {
      this.#onWayBack[driver.groupId] = driver.replica.state.isRejoining;
      this.#counts.forwardedRun += desk?.forwarder.sent ?? 0;
      this.#counts.forwardRewind += desk?.forwarder.rewinds ?? 0;
    }
    this.life = undefined;
    this.restartTick = restartTick;
    this.#network.drop(this.index);
  }

  /** Something durable rots, of an idle log perhaps the newest; false where nothing is yet that recovery could miss. */
  rot(prng: Prng, mayStrikeIdle: boolean): boolean {
    // A clock that stands still brings no floor: what was written since the last tick is not covered.
    const isStill = this.life?.host.log.submissions === this.#submissions;
    const isIdle = isStill && this.#idleTicks >= IDLE_TICKS;
    this.isForgetful = this.disk.rot(prng, mayStrikeIdle && isIdle);
    return this.isForgetful;
  }

  /** One of the next writes lands at the place of an older one. */
  misdirect(): void {
    this.disk.damage.isMisdirecting = true;
    this.isForgetful = true;
  }

  /** The directory is lost while the member is down; without the operator's leave it stays out (S13). */
  wipe(mayRejoin: boolean): void {
    this.disk.wipe();
    this.snapshots.wipe();
    this.isForgetful = true;
    this.isWiped = mayRejoin;
    this.isOut = !mayRejoin;
  }

  /** One turn of the duty cycle; returns the work done. */
  turn(): number {
    const life = this.life as Life;
    this.clock.beginTurn();
    const work = this.#live(() => {
      life.device.advance();
      return this.points.passSnapshot(life.host.doWork());
    });
    for (const { driver, monotony, machine } of life.groups) {
      monotony.onEvent(this.index, driver.replica.state);
      if (monotony.violation !== '') this.#events.onViolation(monotony.violation);
      if (machine.violation !== '') this.#events.onViolation(`member ${this.index}: ${machine.violation}`);
    }
    this.snapshots.count(life.groups);
    if (this.isForgetful) this.#seeRejoined(life);
    return work;
  }

  /** A part of the life, which may end in it. */
  #live(part: () => number): number {
    try {
      return part();
    } catch (error) {
      this.#goDown(error);
      return 1;
    }
  }

  /** It is through once the promises that ended its way back are durable in every group. */
  #seeRejoined({ host, groups }: Life): void {
    if (groups.some(({ driver }) => driver.replica.state.isRejoining)) return;
    if (this.#rejoinedAt < 0) this.#rejoinedAt = host.log.appendedPosition;
    if (host.log.durablePosition >= this.#rejoinedAt) this.isForgetful = this.disk.damage.isComing;
  }

  /** Virtual time passes at the member's own rate. */
  passTick(): void {
    this.clock.debt += this.clock.rate;
    const { device, host } = this.life as Life;
    while (this.life !== undefined && this.clock.takeTick()) {
      this.#idleTicks = device.isIdle && host.log.submissions === this.#submissions ? this.#idleTicks + 1 : 0;
      this.#submissions = host.log.submissions;
      this.#live(() => {
        host.tick();
        return 1;
      });
    }
  }
}
