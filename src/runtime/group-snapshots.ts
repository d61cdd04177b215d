/**
 * The snapshots of one group: starts from one, takes them, serves them, gets one from a peer.
 *
 *   start:   newest usable snapshot ──▶ machine, sessions ──▶ the log behind it
 *   running: log bytes since the last one ──▶ taker;   SNAPSHOT_* frames ──▶ sender, receiver
 */
import { assert } from '../base/assert.ts';
import { SynodError } from '../base/errors.ts';
import type { MemberIndex, Slot } from '../base/types.ts';
import { type Crc, readSnapshot } from '../log/snapshot-format.ts';
import type { SnapshotMedium } from '../log/snapshot-medium.ts';
import type { Bulk } from '../memory/bulk.ts';
import type { Configuration } from '../paxos/configuration.ts';
import {
  M_AUX,
  M_EPOCH,
  M_FROM,
  M_KIND,
  M_SLOT,
  M_VALUE_CRC,
  M_VALUE_LENGTH,
  SNAPSHOT_FETCH,
  SNAPSHOT_OFFER,
} from '../paxos/message.ts';
import type { Transport } from '../transport/transport.ts';
import type { GroupDriver } from './group-driver.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';
import { SnapshotSender } from './snapshot-sender.ts';
import { SnapshotTaker } from './snapshot-taker.ts';

/** Share of the interval by which each member waits longer than the one before it, and a leader longer than followers. */
const STAGGER = 0.05;
const LEADER_DELAY = 0.25;
/** Ticks between questions of a replica that has no image. */
const SEEK_TICKS = 10;

export interface GroupSnapshotsOptions {
  driver: GroupDriver;
  medium: SnapshotMedium;
  /** Told how publishing ended. */
  settle?(id: number, failure: string): void;
  clusterId: number;
  crc: Crc;
  configuration: Configuration;
  transport: Transport;
  bulk: Bulk;
  /** Log bytes after which a new one is due; 0 = only when asked. */
  everyBytes: number;
  /** Told while the machine is restored at start: bytes read, of so many. */
  onRestoring?(bytes: number, total: number): void;
  /** Told of what an operator should know. */
  warn(text: string): void;
}

export class GroupSnapshots {
  readonly driver: GroupDriver;
  readonly taker: SnapshotTaker;
  readonly receiver: SnapshotReceiver;
  readonly sender: SnapshotSender;
  readonly #options: GroupSnapshotsOptions;
  #isAsked = false;
  /** Log position at the last snapshot. */
  readonly #takenAt = new Float64Array(1);
  #failuresTold = 0;
  #soughtTick = 0;
  #soughtMember = -1;

  constructor(options: GroupSnapshotsOptions) {
    const { driver, medium, clusterId, crc, configuration, transport, bulk } = options;
    this.#options = options;
    this.driver = driver;
    this.taker = new SnapshotTaker(driver, medium, clusterId, crc);
    this.sender = new SnapshotSender(driver, medium, configuration, transport, bulk, clusterId, crc, () => this.ask());
    this.receiver = new SnapshotReceiver(driver, medium, clusterId, crc, (to, watermark, offset) =>
      this.sender.ask(to, watermark, offset),
    );
    driver.onSnapshotFrame = (message, bytes, offset) => this.#onFrame(message, bytes, offset);
  }

  /**
   * After the log was recovered: brings the machine to the newest snapshot from which the log goes on without a gap. Where there is none a
   * peer's is asked for; throws ERR_SYNOD_SNAPSHOT_DAMAGED where there is no peer.
   */
  start(): void {
    const { driver, medium, warn } = this.#options;
    for (const watermark of medium.list().reverse()) {
      if (!driver.continuesFrom(watermark)) continue;
      try {
        this.#restore(watermark);
        return;
      } catch (error) {
        if (!(error instanceof SynodError)) throw error;
        warn(error.message);
        medium.setAside(watermark);
      }
    }
    if (driver.continuesFrom(0)) return;
    const text = `The log of shard ${driver.groupId} was truncated, and no snapshot stands before it`;
    if (this.#options.configuration.peers === 0)
      throw new SynodError('ERR_SYNOD_SNAPSHOT_DAMAGED', `${text}: restore the snapshot files.`);
    warn(`${text}: this replica votes, and asks its peers for one.`);
    driver.lackImage();
  }

  #restore(watermark: Slot): void {
    const { driver, medium, clusterId, crc } = this.#options;
    const source = medium.open(watermark);
    try {
      const size = source.size;
      const chunks = readSnapshot(source, { clusterId, group: driver.groupId, watermark }, crc);
      driver.applier.restore(this.#counted(chunks, size));
      driver.startFrom(watermark, size);
    } finally {
      source.close();
    }
  }

  *#counted(chunks: Iterable<Uint8Array>, total: number): Generator<Uint8Array> {
    let bytes = 0;
    for (const chunk of chunks) {
      bytes += chunk.length;
      this.#options.onRestoring?.(Math.min(bytes, total), total);
      yield chunk;
    }
  }

  /** Takes one as soon as nothing else is under way. */
  ask(): void {
    this.#isAsked = true;
  }

  settle(id: number, failure: string): void {
    this.#options.settle?.(id, failure);
  }

  /** One turn; `position` is where the log's next record goes. Returns the work done. */
  work(position: number): number {
    const { everyBytes } = this.#options;
    const isDue = everyBytes > 0 && position - (this.#takenAt[0] as number) >= everyBytes * this.#patience();
    const isFree = !this.taker.isBusy && !this.receiver.isBusy && !this.driver.replica.state.lacksImage;
    if ((isDue || this.#isAsked) && isFree) {
      this.#isAsked = false;
      this.#takenAt[0] = position;
      this.taker.begin();
    }
    if (this.driver.replica.state.lacksImage) this.#seek();
    const work = this.taker.work() + this.receiver.work();
    if (this.taker.failed > this.#failuresTold) this.#tellFailure();
    return work;
  }

  /** Asks one peer after the other for a snapshot that the log here goes on from. */
  #seek(): void {
    const { tick, truncationPoint } = this.driver.replica.state;
    if (this.receiver.isBusy || tick - this.#soughtTick < SEEK_TICKS) return;
    this.#soughtTick = tick;
    const { nodeIds, self } = this.#options.configuration;
    this.#soughtMember = (this.#soughtMember + 1) % nodeIds.length;
    if (this.#soughtMember === self) this.#soughtMember = (self + 1) % nodeIds.length;
    this.sender.ask(this.#soughtMember, 0, truncationPoint);
  }

  /** A peer lacks an image: offers the newest, or takes one that is new enough. */
  #onSought(message: Float64Array): void {
    const { snapshotWatermark, lacksImage } = this.driver.replica.state;
    if (lacksImage) return;
    if (snapshotWatermark > 0 && snapshotWatermark >= (message[M_AUX] as number)) {
      this.sender.offer(message[M_FROM] as MemberIndex);
    } else this.ask();
  }

  /** Followers first, and not all at once. */
  #patience(): number {
    const { configuration, driver } = this.#options;
    return 1 + STAGGER * configuration.self + (driver.replica.isLeader ? LEADER_DELAY : 0);
  }

  #tellFailure(): void {
    this.#failuresTold = this.taker.failed;
    this.#options.warn(`A snapshot of shard ${this.driver.groupId} failed: ${this.taker.failure}. The log is kept.`);
  }

  #onFrame(message: Float64Array, bytes: Uint8Array, offset: number): void {
    const { configuration, bulk } = this.#options;
    const from = message[M_FROM] as MemberIndex;
    if (message[M_EPOCH] !== configuration.epoch || from === configuration.self) return;
    assert(from >= 0 && from < configuration.nodeIds.length, 'frames come from members');
    if (message[M_KIND] === SNAPSHOT_OFFER) this.receiver.onOffer(message);
    else if (message[M_KIND] === SNAPSHOT_FETCH && message[M_SLOT] === 0) this.#onSought(message);
    else if (message[M_KIND] === SNAPSHOT_FETCH) this.sender.onFetch(message);
    else if (bulk.crc32c(bytes, offset, message[M_VALUE_LENGTH] as number) === message[M_VALUE_CRC])
      this.receiver.onPart(message, bytes, offset);
  }
}
