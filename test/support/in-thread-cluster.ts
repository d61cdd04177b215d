/**
 * A whole group of replicas in one thread: the production host, driver, log writer and rings; only threads and devices are
 * left out. `turn()` gives every replica one turn of its duty cycle.
 */
import { Prng } from '../../src/base/prng.ts';
import { LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import { EntryStore } from '../../src/log/entry-store.ts';
import type { Log, LogDevice } from '../../src/log/log.ts';
import { VOLATILE_CONTROL_BYTES, VolatileLog } from '../../src/log/volatile-log.ts';
import { type Bulk, equalBytes } from '../../src/memory/bulk.ts';
import { LANE_READS, LANE_WRITES, WORKER_WORDS } from '../../src/memory/descriptor.ts';
import { AtomicsWaker } from '../../src/memory/doorbell.ts';
import { createLane, LaneWriter } from '../../src/memory/lane.ts';
import { createRing, RingConsumer } from '../../src/memory/ring.ts';
import { Configuration } from '../../src/paxos/configuration.ts';
import { Applier } from '../../src/runtime/applier.ts';
import { ForwardDesk } from '../../src/runtime/forward-desk.ts';
import { GroupDriver } from '../../src/runtime/group-driver.ts';
import { GroupHost } from '../../src/runtime/group-host.ts';
import type { GroupObserver } from '../../src/runtime/group-observer.ts';
import { LaneTap } from '../../src/runtime/lane-tap.ts';
import { ReplicaHost } from '../../src/runtime/replica-host.ts';
import { SessionTable } from '../../src/runtime/session-table.ts';
import type { StateMachine } from '../../src/runtime/state-machine.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { crc32c } from '../../src/wire/crc32c.ts';

/** Routes of lanes name a node's worker by this. */
export const NODE_SERIAL = 1;

export const TIMING = {
  heartbeatTicks: 5,
  electionTimeoutTicks: 40,
  electionJitterTicks: 30,
  retryTicks: 10,
  windowSlotsMax: 64,
};

export const portableBulk: Bulk = {
  isNative: false,
  copy(source, from, target, to, size) {
    target.set(source.subarray(from, from + size), to);
  },
  crc32c: (bytes, offset, size) => crc32c(bytes, offset, size, 0),
  equal: equalBytes,
};

const volatileDevice: LogDevice = {
  name: 'memory',
  durable: false,
  submit: () => true,
  durableCount: () => 0,
  error: () => 0,
  read: () => {},
  openSegment: () => {},
  openAhead: () => true,
  retireSegment: () => {},
  close: () => {},
};

function makeVolatileLog(_member: number): Log {
  const chunks = Array.from({ length: 8 }, () => new SharedArrayBuffer(LOG_SEGMENT_BYTES));
  const control = new SharedArrayBuffer(VOLATILE_CONTROL_BYTES);
  return new VolatileLog(volatileDevice, new EntryStore(chunks, false), control);
}

export interface Member {
  host: ReplicaHost;
  driver: GroupDriver;
  sessions: SessionTable;
  machine: StateMachine;
  role: number;
  errors: unknown[];
}

export class InThreadCluster {
  readonly members: Member[] = [];
  readonly clockMs = new Float64Array(1);
  readonly #links = new Map<string, SharedArrayBuffer>();
  readonly #blocks: SharedArrayBuffer[] = [];
  readonly #count: number;

  readonly #asNodes: boolean;
  readonly #makeLog: (member: number) => Log;

  /** `asNodes`: every member is a node of its own, whose clients' lanes stay with it (ForwardDesk). */
  constructor(count: number, makeMachine: () => StateMachine, seed = 1, asNodes = false, makeLog = makeVolatileLog) {
    this.#count = count;
    this.#asNodes = asNodes;
    this.#makeLog = makeLog;
    const prng = new Prng(seed);
    for (let m = 0; m < count; m++) this.#blocks.push(new SharedArrayBuffer(WORKER_WORDS * 4));
    for (let m = 0; m < count; m++) this.members.push(this.#makeMember(m, makeMachine(), prng));
  }

  #ring(name: string, capacity: number): SharedArrayBuffer {
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const ring = createRing(capacity);
    this.#links.set(name, ring);
    return ring;
  }

  #makeMember(m: number, machine: StateMachine, prng: Prng): Member {
    const links = [];
    for (let p = 0; p < this.#count; p++) {
      if (p === m) continue;
      links.push({
        memberIndex: p,
        outboundBulk: this.#ring(`${m}>${p}b`, 1 << 22),
        outboundControl: this.#ring(`${m}>${p}c`, 1 << 18),
        inboundBulk: this.#ring(`${p}>${m}b`, 1 << 22),
        inboundControl: this.#ring(`${p}>${m}c`, 1 << 18),
        peerBlock: this.#blocks[p] as SharedArrayBuffer,
      });
    }
    const transport = new MemoryTransport(links, (block) => new AtomicsWaker(block));
    const log = this.#makeLog(m);
    const sessions = new SessionTable();
    const member = { machine, sessions, role: 1, errors: [] as unknown[] } as unknown as Member;
    const observer: GroupObserver = {
      onRole: (role) => {
        member.role = role;
      },
      onCommit: () => {},
      onApplied: () => {},
      onDigest: (other, slot, isEqual) => {
        if (!isEqual) member.errors.push(`member ${other} deviates below slot ${slot}`);
      },
    };
    const nodeIds = Array.from({ length: this.#count }, (_, i) => i + 1);
    const driver = new GroupDriver({
      groupId: 0,
      configuration: new Configuration(1, nodeIds, m),
      timing: TIMING,
      prng: prng.fork(`member ${m}`),
      isPreferred: m === 0,
      transport,
      bulk: portableBulk,
      applier: new Applier(machine, sessions),
      observer,
    });
    driver.attachLog(log);
    driver.finishRecovery(0);
    const group = new GroupHost({
      driver,
      sessions,
      log,
      bulk: portableBulk,
      self: m,
      batchBytesTarget: 1 << 16,
      payloadBytesMax: 1 << 16,
      clockMs: this.clockMs,
      desk: this.#asNodes ? this.#makeDesk(m, driver, transport) : undefined,
    });
    member.driver = driver;
    member.host = new ReplicaHost(log, transport, [group], (_group, error) => member.errors.push(error));
    return member;
  }

  #makeDesk(m: number, driver: GroupDriver, transport: MemoryTransport): ForwardDesk {
    return new ForwardDesk({
      groupId: 0,
      self: m,
      epoch: 1,
      transport,
      bulk: portableBulk,
      clockMs: this.clockMs,
      driver,
      memberCount: this.#count,
      serial: NODE_SERIAL,
    });
  }

  /** A lane of a client at node `m`, routed there. */
  laneAt(m: number, nonce = 7): TestLane {
    const lane = createLane(1 << 16, LANE_WRITES, nonce);
    const ring = createRing(1 << 16);
    (this.members[m] as Member).host.groups[0]?.addLane(new LaneTap(nonce, lane, ring, true));
    const writer = new LaneWriter(lane);
    writer.route(m, NODE_SERIAL);
    return { writer, rings: [new RingConsumer(ring)] };
  }

  /** One turn for every member not in `down`; returns the work done. */
  turn(down: ReadonlySet<number> = new Set()): number {
    let work = 0;
    for (let m = 0; m < this.#count; m++) if (!down.has(m)) work += (this.members[m] as Member).host.doWork();
    return work;
  }

  /** Lets time pass: `ticks` ticks, with turns until nothing moves after each. */
  ticks(ticks: number, down: ReadonlySet<number> = new Set()): void {
    for (let t = 0; t < ticks; t++) {
      this.clockMs[0] = (this.clockMs[0] as number) + 10;
      for (let m = 0; m < this.#count; m++) if (!down.has(m)) (this.members[m] as Member).host.tick();
      this.settle(down);
    }
  }

  settle(down: ReadonlySet<number> = new Set()): void {
    for (let i = 0; i < 1000 && this.turn(down) > 0; i++);
  }

  /** The only leader among the members not in `down`, or -1. */
  leader(down: ReadonlySet<number> = new Set()): number {
    const leaders = this.members
      .map((member, m) => (member.driver.replica.isLeader && !down.has(m) ? m : -1))
      .filter((m) => m >= 0);
    return leaders.length === 1 ? (leaders[0] as number) : -1;
  }

  /** A lane that every member sees, with a completion ring per member. */
  lane(kind: 'writes' | 'reads', nonce = 7): TestLane {
    const lane = createLane(1 << 16, kind === 'writes' ? LANE_WRITES : LANE_READS, nonce);
    const rings = this.members.map((member) => {
      const ring = createRing(1 << 16);
      member.host.groups[0]?.addLane(new LaneTap(nonce, lane, ring));
      return new RingConsumer(ring);
    });
    return { writer: new LaneWriter(lane), rings };
  }
}

export interface TestLane {
  writer: LaneWriter;
  rings: RingConsumer[];
}
