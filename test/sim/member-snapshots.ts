/** The snapshots of one simulated member: shelves that outlive its crashes, and what is taken, rots and is installed in its lives. */
import type { Prng } from '../../src/base/prng.ts';
import type { Slot } from '../../src/base/types.ts';
import { makePortableBulk } from '../../src/memory/portable-bulk.ts';
import type { GroupDriver } from '../../src/runtime/group-driver.ts';
import type { GroupHost } from '../../src/runtime/group-host.ts';
import { GroupSnapshots } from '../../src/runtime/group-snapshots.ts';
import { SnapshotTurn } from '../../src/runtime/snapshot-turn.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import type { FaultCounts } from './fault-counts.ts';
import type { CrashPoints } from './fault-crash-points.ts';
import type { FaultMix } from './faults.ts';
import { rotNewest, SimSnapshots, type SnapshotShelf } from './sim-snapshots.ts';

/** Log bytes between snapshots: drawn, and small, so that they are taken, installed and truncated behind all the time. */
const SNAPSHOT_BYTES = [1 << 17, 1 << 18, 1 << 20];
/** So small that a transfer has many of them, and yet so large that the image of a long run arrives within the ticks that liveness has: one leaves per turn. */
const PART_BYTES = [1024, 1 << 12, 1 << 14];
/** Milliseconds between them, at most so many kept, and the rate at which peers get them. */
const SNAPSHOT_MS = [0, 3000, 20_000];
const KEPT = [1, 2, 2, 3];
/** Several hundred KiB must reach four receivers at once, too. */
const SEND_BYTES_PER_SECOND = [0, 1 << 20, 1 << 19];

interface Group {
  host: GroupHost;
  driver: GroupDriver;
}

export class MemberSnapshots {
  readonly #shelves: SnapshotShelf[];
  readonly #everyBytes: number;
  readonly #prng: Prng;
  readonly #counts: FaultCounts;
  readonly #points: CrashPoints;
  /** Media of the current life, by group. */
  readonly #media: SimSnapshots[] = [];
  readonly #everyMs: number;
  readonly #kept: number;
  readonly #sendBytesPerSecond: number;
  readonly #partBytes: number;
  readonly #now: () => number;
  #turn: SnapshotTurn | undefined;
  #rottenGroup = 0;
  #rottenWatermark: Slot = -1;
  /** Snapshots of peers installed in this life. */
  #installed = 0;

  constructor(groups: number, prng: Prng, counts: FaultCounts, points: CrashPoints, now: () => number) {
    this.#shelves = Array.from({ length: groups }, () => new Map());
    this.#everyBytes = prng.pick(SNAPSHOT_BYTES);
    this.#everyMs = prng.pick(SNAPSHOT_MS);
    this.#kept = prng.pick(KEPT);
    this.#sendBytesPerSecond = prng.pick(SEND_BYTES_PER_SECOND);
    this.#partBytes = prng.pick(PART_BYTES);
    this.#points = points;
    this.#prng = prng;
    this.#counts = counts;
    this.#now = now;
  }

  /** Starts a group of a new life from its shelf. */
  begin(
    driver: GroupDriver,
    transport: Transport,
    life: number,
    faults: FaultMix,
    clockMs: Float64Array,
  ): GroupSnapshots {
    const group = driver.groupId;
    const shelf = this.#shelves[group] as SnapshotShelf;
    const prng = this.#prng.fork(`${group} ${life}`);
    this.#media[group]?.lose();
    const medium = new SimSnapshots({
      group,
      shelf,
      prng,
      faults,
      counts: this.#counts,
      points: this.#points,
      now: this.#now,
    });
    this.#media[group] = medium;
    this.#turn = group === 0 ? new SnapshotTurn(clockMs, this.#sendBytesPerSecond, this.#partBytes) : this.#turn;
    const snapshots = new GroupSnapshots({
      driver,
      medium,
      clusterId: 1,
      crc: crc32c,
      configuration: driver.replica.state.configuration,
      transport,
      bulk: makePortableBulk(crc32c),
      everyBytes: this.#everyBytes,
      everyMs: this.#everyMs,
      kept: this.#kept,
      turn: this.#turn as SnapshotTurn,
      partBytes: this.#partBytes,
      prng: prng.fork('schedule'),
      warn: () => {},
      onFailure: () => {},
    });
    snapshots.start();
    this.#installed = 0;
    return snapshots;
  }

  /** Bytes on all shelves. */
  get bytes(): number {
    let bytes = 0;
    for (const shelf of this.#shelves) for (const { length } of shelf.values()) bytes += length;
    return bytes;
  }

  /** One is being put in the place of a state. */
  isRestoring(groups: readonly Group[] | undefined): boolean {
    return groups?.some(({ host }) => host.snapshots?.receiver.isRestoring) === true;
  }

  /** The power goes. */
  crash(groups: readonly Group[] | undefined): void {
    if (this.isRestoring(groups)) this.#counts.crashWhileRestoring += 1;
  }

  wipe(): void {
    for (const shelf of this.#shelves) shelf.clear();
    this.#media.length = 0;
  }

  /**
   * The newest snapshot of a drawn group rots; false where nothing could take its place. While the log is whole from its begin an older one need not be there, and while
   * one is put in place there is none: a peer has it.
   */
  rot(prng: Prng, groups: readonly Group[] | undefined): boolean {
    this.#rottenGroup = prng.range(0, this.#shelves.length);
    const group = groups?.[this.#rottenGroup];
    const isSpare = group?.driver.continuesFrom(0) === true || group?.host.snapshots?.receiver.isRestoring === true;
    this.#rottenWatermark = rotNewest(this.#shelves[this.#rottenGroup] as SnapshotShelf, prng, isSpare);
    return this.#rottenWatermark >= 0;
  }

  /** A snapshot rotted, and is still there or not replaced. */
  isDoubtful(groups: readonly Group[] | undefined): boolean {
    if (this.#rottenWatermark < 0) return false;
    const isGone = this.#shelves[this.#rottenGroup]?.has(this.#rottenWatermark) === false;
    const state = groups?.[this.#rottenGroup]?.driver.replica.state;
    // Sound again once a snapshot stands before the log.
    const isReplaced = state !== undefined && !state.lacksImage && state.snapshotWatermark >= state.truncationPoint;
    if (isGone && isReplaced) this.#rottenWatermark = -1;
    return this.#rottenWatermark >= 0;
  }

  /** Counts what the groups of this life installed; while one is put in place the power may go. */
  count(groups: readonly Group[]): void {
    if (this.isRestoring(groups)) this.#points.note();
    const installed = groups.reduce((sum, { host }) => sum + (host.snapshots?.receiver.installed ?? 0), 0);
    this.#counts.snapshotInstall += installed - this.#installed;
    this.#installed = installed;
  }
}
