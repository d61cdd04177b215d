/** One group driver alone: its log is durable on command, its peers are frames that the test writes and reads. */
import { Prng } from '../../src/base/prng.ts';
import type { GroupId, MemberIndex, Slot } from '../../src/base/types.ts';
import { BATCH_MAGIC, RECORD_SIZE_WORD, RECORD_TYPE_SHIFT, TYPE_FRAME } from '../../src/memory/descriptor.ts';
import { Configuration } from '../../src/paxos/configuration.ts';
import * as M from '../../src/paxos/message.ts';
import { Applier } from '../../src/runtime/applier.ts';
import { GroupDriver } from '../../src/runtime/group-driver.ts';
import type { GroupObserver } from '../../src/runtime/group-observer.ts';
import { SessionTable } from '../../src/runtime/session-table.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES } from '../../src/wire/frame.ts';
import { type Fields, LEASE, message, TIMING } from './core.ts';
import { portableBulk } from './in-thread-cluster.ts';
import { ListMachine } from './lane-kit.ts';
import { type Fixture, open } from './log-fixture.ts';
import { TestMedium } from './test-device.ts';

export const GROUP: GroupId = 6;
const FRAME_BYTES_MAX = 1 << 17;

export interface SentFrame {
  to: MemberIndex;
  kind: string;
  ballot: number;
  slot: number;
  aux: number;
  bulk: boolean;
  value: string;
}

/** Keeps what is published; `full` members have no room. */
export class FrameRecorder implements Transport {
  readonly outBytes = new Uint8Array(FRAME_BYTES_MAX);
  readonly outWords = new Int32Array(this.outBytes.buffer);
  readonly full = new Set<MemberIndex>();
  #sent: SentFrame[] = [];
  #claim = { to: 0, size: 0, bulk: false };

  claim(to: MemberIndex, size: number, bulk: boolean): number {
    if (this.full.has(to)) return -1;
    this.#claim = { to, size, bulk };
    return 0;
  }

  publish(): void {
    const { to, size, bulk } = this.#claim;
    const found = new Float64Array(M.MESSAGE_FIELDS);
    decodeFrame(this.outWords, 0, to, found);
    this.#sent.push({
      to,
      kind: M.kindName(found[M.M_KIND] as number),
      ballot: found[M.M_BALLOT] as number,
      slot: found[M.M_SLOT] as number,
      aux: found[M.M_AUX] as number,
      bulk,
      value: Buffer.from(this.outBytes.slice(FRAME_HEADER_BYTES, size)).toString('latin1'),
    });
  }

  hasRoom(member: MemberIndex): boolean {
    return !this.full.has(member);
  }

  abandon(): void {}
  poll = (): number => 0;
  hasInbound = (): boolean => false;
  flush(): void {}

  /** Takes everything sent since the last call. */
  take(): SentFrame[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }
}

/** Writes down what the driver reports. */
export class ObserverRecorder implements GroupObserver {
  roles: number[] = [];
  commits: Slot[] = [];
  applied: Slot[] = [];
  digests: [MemberIndex, Slot, boolean][] = [];
  onRole(role: number): void {
    this.roles.push(role);
  }
  onCommit(commitWatermark: Slot): void {
    this.commits.push(commitWatermark);
  }
  onApplied(appliedWatermark: Slot): void {
    this.applied.push(appliedWatermark);
  }
  onDigest(member: MemberIndex, watermark: Slot, isEqual: boolean): void {
    this.digests.push([member, watermark, isEqual]);
  }
}

/** A value that holds no command, told apart by its text. */
export function batchOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(48);
  const words = new Int32Array(bytes.buffer);
  words[0] = BATCH_MAGIC;
  // One padding record takes the rest, with the text in it.
  words[4] = 32;
  words[5] = 1 << RECORD_TYPE_SHIFT;
  bytes.set(Buffer.from(text.slice(0, 24), 'latin1'), 24);
  return bytes;
}

export class DriverKit {
  readonly driver: GroupDriver;
  readonly transport = new FrameRecorder();
  readonly observer = new ObserverRecorder();
  readonly machine = new ListMachine();
  readonly sessions = new SessionTable();
  readonly applier: Applier;
  readonly fixture: Fixture;
  /** What the clock shows when it is read; `clock.ms` is the last reading. */
  nowMs = 1000;
  readonly clock = {
    ms: new Float64Array(1),
    read: (): void => {
      this.clock.ms[0] = this.nowMs;
    },
  };

  constructor(self: MemberIndex, members: number, fixture = open(new TestMedium())) {
    this.fixture = fixture;
    this.applier = new Applier(this.machine, this.sessions);
    const nodeIds = Array.from({ length: members }, (_, n) => n + 1);
    this.driver = new GroupDriver({
      groupId: GROUP,
      configuration: new Configuration(1, nodeIds, self),
      timing: TIMING,
      prng: new Prng(1),
      isPreferred: true,
      transport: this.transport,
      bulk: portableBulk,
      applier: this.applier,
      observer: this.observer,
      lease: LEASE,
      clock: this.clock,
    });
    this.driver.attachLog(fixture.log);
  }

  /** Hands the driver one frame, with a value where its kind has one. */
  receive(kind: number, fields: Fields, value: Uint8Array = new Uint8Array(0)): void {
    const crc = fields.crc ?? crc32c(value, 0, value.length, 0);
    const bytes = new Uint8Array(FRAME_HEADER_BYTES + value.length);
    const words = new Int32Array(bytes.buffer, 0, bytes.length >> 2);
    words[RECORD_SIZE_WORD] = bytes.length;
    words[1] = TYPE_FRAME << RECORD_TYPE_SHIFT;
    encodeFrame(words, 0, GROUP, message(kind, { ...fields, length: value.length, crc }));
    bytes.set(value, FRAME_HEADER_BYTES);
    this.driver.onFrame(words, bytes, 0);
  }

  /** Makes everything appended durable and tells the driver. */
  flush(): void {
    this.fixture.log.submit(true);
    this.fixture.device.completeAll();
    this.fixture.log.poll();
    this.driver.onDurable();
  }

  /** Ticks, frames out and back, until this member leads: others promise and have voted for nothing. */
  lead(): void {
    const quorum = this.driver.replica.state.configuration.quorums.acceptQuorum;
    for (let tick = 0; tick < 400 && !this.driver.replica.isLeader; tick++) {
      this.driver.onTick();
      this.flush();
      for (const { to, kind, ballot } of this.transport.take()) {
        if (to >= quorum) continue;
        if (kind === 'STATUS_QUERY') this.receive(M.STATUS_REPLY, { from: to });
        if (kind === 'PREPARE') this.receive(M.PROMISE, { from: to, ballot });
      }
      this.flush();
    }
    this.transport.take();
  }

  /** Proposes `value` as a batch builder would; returns its slot. */
  propose(value: Uint8Array): Slot {
    const { log } = this.fixture;
    const at = log.stage(value.length);
    log.stagedBytes.set(value, at);
    return this.driver.propose(at, value.length);
  }
}
