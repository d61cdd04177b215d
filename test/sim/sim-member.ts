/**
 * One simulated replica: the production log writer, recovery, driver, host and sessions over a simulated disk and network. Its
 * disk outlives its crashes; everything else is made anew at each start.
 */
import type { Prng } from '../../src/base/prng.ts';
import type { MemberIndex } from '../../src/base/types.ts';
import { LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import { openLog } from '../../src/log/open-log.ts';
import { makePortableBulk } from '../../src/memory/portable-bulk.ts';
import { Configuration } from '../../src/paxos/configuration.ts';
import { LEADER } from '../../src/paxos/replica-state.ts';
import { Applier, makeReplyMemory } from '../../src/runtime/applier.ts';
import { GroupDriver, type GroupObserver } from '../../src/runtime/group-driver.ts';
import { GroupHost } from '../../src/runtime/group-host.ts';
import { recoverLoss, recoverRecord } from '../../src/runtime/group-recovery.ts';
import { LaneTap } from '../../src/runtime/lane-tap.ts';
import { LogFailure, ReplicaHost } from '../../src/runtime/replica-host.ts';
import { SessionTable } from '../../src/runtime/session-table.ts';
import { crc32c, softwareChecksum } from '../../src/wire/crc32c.ts';
import { MonotonyChecker } from './checkers.ts';
import type { FaultCounts } from './fault-counts.ts';
import type { FaultMix } from './faults.ts';
import type { SimClient } from './sim-client.ts';
import { SimDevice, SimDisk, SimSegmentReader } from './sim-disk.ts';
import { SimMachine } from './sim-machine.ts';
import { type SimNetwork, SimTransport } from './sim-network.ts';

const TIMING = {
  heartbeatTicks: 5,
  electionTimeoutTicks: 40,
  electionJitterTicks: 30,
  retryTicks: 10,
  windowSlotsMax: 32,
};
const CHUNKS = 2;

/** Chunks of 16 MiB are made once per process and member: nothing in them is read before it was written. */
const chunkPool: SharedArrayBuffer[][] = [];
const replyMemory = makeReplyMemory();

function chunksOf(index: MemberIndex): SharedArrayBuffer[] {
  chunkPool[index] ??= Array.from({ length: CHUNKS }, () => new SharedArrayBuffer(LOG_SEGMENT_BYTES));
  return chunkPool[index];
}

/** What a member shows to the simulator. */
export interface MemberEvents {
  onApplied(member: MemberIndex, watermark: number, digest: number): void;
  onLeader(member: MemberIndex, ballot: number): void;
  onRecovered(member: MemberIndex, life: Life): void;
  onViolation(text: string): void;
}

export interface Life {
  device: SimDevice;
  host: ReplicaHost;
  group: GroupHost;
  driver: GroupDriver;
  machine: SimMachine;
  monotony: MonotonyChecker;
  hasFailed: boolean;
}

export class SimMember {
  readonly index: MemberIndex;
  readonly disk = new SimDisk();
  life: Life | undefined;
  restartTick = 0;
  pausedUntil = 0;
  /** Ticks of this member per virtual tick, and what is owed to it. */
  rate = 1;
  debt = 0;
  lives = 0;
  readonly clockMs = new Float64Array(1);
  readonly #memberCount: number;
  readonly #network: SimNetwork;
  readonly #prng: Prng;
  readonly #faults: () => FaultMix;
  readonly #counts: FaultCounts;
  readonly #now: () => number;
  readonly #events: MemberEvents;
  readonly #chunks: SharedArrayBuffer[];
  readonly #transport: SimTransport;
  #leadershipSerial = 0;

  constructor(
    index: MemberIndex,
    memberCount: number,
    network: SimNetwork,
    prng: Prng,
    faults: () => FaultMix,
    counts: FaultCounts,
    now: () => number,
    events: MemberEvents,
  ) {
    this.index = index;
    this.#memberCount = memberCount;
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

  start(clients: readonly SimClient[]): void {
    this.lives += 1;
    const machine = new SimMachine();
    const sessions = new SessionTable();
    const device = new SimDevice(
      this.disk,
      this.#chunks,
      this.#prng.fork(`disk ${this.lives}`),
      this.#faults(),
      this.#counts,
      this.#now,
    );
    const driver = this.#makeDriver(machine, sessions);
    const { log } = openLog({
      device,
      reader: new SimSegmentReader(this.disk),
      chunks: this.#chunks,
      checksum: softwareChecksum,
      identity: { clusterId: 1, nodeId: this.index + 1, logNumber: 0 },
      visitor: (record) => recoverRecord(driver, record),
      onForgotten: () => recoverLoss(driver),
      mayRejoin: this.#memberCount > 2,
    });
    driver.attachLog(log);
    driver.finishRecovery(this.#leadershipSerial);
    const group = new GroupHost({
      driver,
      sessions,
      log,
      bulk: makePortableBulk(crc32c),
      self: this.index,
      batchBytesTarget: 1 << 12,
      payloadBytesMax: 1024,
      clockMs: this.clockMs,
    });
    for (const client of clients) {
      for (const lane of [client.writes, client.reads]) {
        group.addLane(new LaneTap(lane.laneId, lane.lane, lane.rings[this.index] as SharedArrayBuffer));
      }
    }
    const host = new ReplicaHost(log, this.#transport, [group], (_group, error) => this.#onStopped(error));
    this.life = { device, host, group, driver, machine, monotony: new MonotonyChecker(), hasFailed: false };
    this.#events.onRecovered(this.index, this.life);
  }

  #makeDriver(machine: SimMachine, sessions: SessionTable): GroupDriver {
    const observer: GroupObserver = {
      onRole: (role, serial) => this.#onRole(role, serial),
      onCommit: () => {},
      onApplied: (watermark, digest) => this.#events.onApplied(this.index, watermark, digest),
      onDigest: (member, slot, isEqual) => {
        if (!isEqual)
          this.#events.onViolation(`member ${this.index} finds member ${member} deviating below slot ${slot}`);
      },
    };
    return new GroupDriver({
      groupId: 0,
      configuration: new Configuration(
        1,
        Array.from({ length: this.#memberCount }, (_, i) => i + 1),
        this.index,
      ),
      timing: TIMING,
      prng: this.#prng.fork(`life ${this.lives}`),
      isPreferred: this.index === 0,
      transport: this.#transport,
      bulk: makePortableBulk(crc32c),
      applier: new Applier(machine, sessions, replyMemory),
      observer,
    });
  }

  #onRole(role: number, serial: number): void {
    this.#leadershipSerial = Math.max(this.#leadershipSerial, serial);
    if (role === LEADER && this.life !== undefined)
      this.#events.onLeader(this.index, this.life.driver.replica.state.promisedBallot);
  }

  /** A failed log ends the life, as a supervisor would; anything else that stops a group is a violation. */
  #onStopped(error: unknown): void {
    if (this.life !== undefined) this.life.hasFailed = true;
    if (!(error instanceof LogFailure))
      this.#events.onViolation(`member ${this.index} stopped: ${error instanceof Error ? error.stack : String(error)}`);
  }

  crash(restartTick: number): void {
    if (this.life === undefined) return;
    this.life.device.crash();
    this.life = undefined;
    this.restartTick = restartTick;
    this.#network.drop(this.index);
  }

  /** One turn of the duty cycle; returns the work done. */
  turn(): number {
    const life = this.life as Life;
    life.device.advance();
    const work = life.host.doWork();
    life.monotony.onEvent(this.index, life.driver.replica.state);
    if (life.monotony.violation !== '') this.#events.onViolation(life.monotony.violation);
    if (life.machine.violation !== '') this.#events.onViolation(`member ${this.index}: ${life.machine.violation}`);
    return work;
  }

  /** Virtual time passes at the member's own rate. */
  passTick(): void {
    this.debt += this.rate;
    while (this.debt >= 1) {
      this.debt -= 1;
      this.clockMs[0] = (this.clockMs[0] as number) + 10;
      (this.life as Life).host.tick();
    }
  }
}
