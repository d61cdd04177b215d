/**
 * The snapshots of one group: starts from one, takes them, serves them, gets one from a peer.
 *
 *   start:   newest usable snapshot ──▶ machine, sessions ──▶ the log behind it
 *   running: log bytes since the last one ──▶ taker;   SNAPSHOT_* frames ──▶ sender, receiver
 */
import { assert } from '../base/assert.ts';
import { SynodError } from '../base/errors.ts';
import type { Prng } from '../base/prng.ts';
import type { LogPosition, MemberIndex, Slot } from '../base/types.ts';
import { LOG_SEGMENT_BYTES } from '../limits.ts';
import type { Crc } from '../log/snapshot-format.ts';
import type { SnapshotMedium } from '../log/snapshot-medium.ts';
import type { Bulk } from '../memory/bulk.ts';
import {
  SNAPSHOT_AT_MS,
  SNAPSHOT_BYTES,
  SNAPSHOT_DISK_BYTES,
  SNAPSHOT_DURATION_MS,
  SNAPSHOT_FAILURES,
  SNAPSHOT_FIGURES,
  SNAPSHOT_INSTALLED_COUNT,
  SNAPSHOT_KEPT_BYTES,
  SNAPSHOT_PUBLISHED_COUNT,
  SNAPSHOT_SENT_BYTES,
  SNAPSHOT_WATERMARK,
} from '../memory/descriptor.ts';
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
import { restoreSnapshot } from './snapshot-restore.ts';
import { SnapshotSchedule } from './snapshot-schedule.ts';
import { FETCH_FROM, SnapshotSender } from './snapshot-sender.ts';
import { SnapshotTaker } from './snapshot-taker.ts';
import type { SnapshotTurn } from './snapshot-turn.ts';

/** Ticks between questions of a replica that has no image. */
const SEEK_TICKS = 10;
/** Election time-outs for which a member counts as alive after it was heard. */
const ALIVE_TIMEOUTS = 2;
/** Intervals of log, or sizes of the newest snapshot, that are kept at most for a member that lags and is alive. */
const HELD_INTERVALS = 4;
const HELD_SNAPSHOTS = 2;

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
  /** Log bytes and milliseconds after which a new one is due; both 0 = only when asked. */
  everyBytes: number;
  /** Told while the machine is restored at start: bytes read, of so many. */
  onRestoring?(bytes: number, total: number): void;
  everyMs: number;
  /** Published ones kept. */
  kept: number;
  /** Shared by the groups of a worker. */
  turn: SnapshotTurn;
  /** Of a transfer, at most; SNAPSHOT_BLOCK_BYTES where absent. */
  partBytes?: number | undefined;
  prng: Prng;
  /** Told of what an operator should know; and, for the status, why the last one failed, or by '' that it did not. */
  warn(text: string): void;
  onFailure(reason: string): void;
}

export class GroupSnapshots {
  readonly driver: GroupDriver;
  readonly taker: SnapshotTaker;
  readonly receiver: SnapshotReceiver;
  readonly sender: SnapshotSender;
  /** What the status tells; indices SNAPSHOT_* of memory/descriptor. */
  readonly figures = new Float64Array(SNAPSHOT_FIGURES);
  readonly #options: GroupSnapshotsOptions;
  readonly #schedule: SnapshotSchedule;
  #isAsked = false;
  #begunAtMs = 0;
  /** Log position at which what is releasable was first held back for a member that lags; -1 while nothing is. */
  #heldFrom: LogPosition = -1;
  #failuresTold = 0;
  #receiveFailuresTold = 0;
  #publishedTold = 0;
  #installedTold = 0;
  #soughtTick = 0;
  #soughtMember = -1;

  constructor(options: GroupSnapshotsOptions) {
    const { driver, medium, clusterId, crc, configuration, transport, bulk, turn, everyBytes, everyMs, prng } = options;
    this.#options = options;
    this.driver = driver;
    this.#schedule = new SnapshotSchedule({ everyBytes, everyMs, self: configuration.self, prng });
    this.taker = new SnapshotTaker(driver, medium, clusterId, crc, options.kept);
    const onDamaged = (): void => {
      this.taker.withdraw();
      this.ask();
    };
    const { partBytes } = options;
    this.sender = new SnapshotSender({ driver, medium, configuration, transport, bulk, turn, partBytes, onDamaged });
    this.receiver = new SnapshotReceiver({
      driver,
      medium,
      clusterId,
      crc,
      ask: (to, watermark, offset, wish) => this.sender.ask(to, watermark, offset, wish),
      onInstall: () => this.taker.abandon(),
    });
    driver.onSnapshotFrame = (message, bytes, offset) => this.#onFrame(message, bytes, offset);
  }

  /**
   * After the log was recovered: brings the machine to the newest snapshot from which the log goes on without a gap. Where there is none a
   * peer's is asked for; throws ERR_SYNOD_SNAPSHOT_DAMAGED where there is no peer.
   */
  start(): void {
    const { driver, medium, warn } = this.#options;
    const isWhole = driver.continuesFrom(0);
    const found = medium.list();
    const blank = isWhole && found.length > 0 ? copyOf(driver.applier.image()) : [];
    for (const watermark of found.reverse()) {
      if (!driver.continuesFrom(watermark)) continue;
      try {
        this.#restore(watermark);
        return;
      } catch (error) {
        if (!isDamage(error)) throw error;
        warn(error.message);
        medium.setAside(watermark);
      }
    }
    if (isWhole) {
      // What a damaged one put into the machine before it was found out is no state to apply anything to.
      if (driver.applier.isRestoring) for (const _step of driver.applier.restore(blank.values()));
      return;
    }
    const text = `The log of shard ${driver.groupId} was truncated, and no snapshot stands before it`;
    if (this.#options.configuration.peers === 0)
      throw new SynodError('ERR_SYNOD_SNAPSHOT_DAMAGED', `${text}: restore the snapshot files.`);
    warn(`${text}: this replica votes, and asks its peers for one.`);
    driver.lackImage();
  }

  #restore(watermark: Slot): void {
    const { driver, medium, clusterId, crc, onRestoring } = this.#options;
    let size = 0;
    const steps = restoreSnapshot(medium, clusterId, watermark, driver, crc, (bytes, total) => {
      size = total;
      onRestoring?.(bytes, total);
    });
    for (const _step of steps);
    driver.startFrom(watermark, size);
    driver.restored(watermark);
    this.#describe();
  }

  /** Takes one as soon as nothing else is under way. */
  ask(): void {
    this.#isAsked = true;
  }

  settle(id: number, failure: string): void {
    this.#options.settle?.(id, failure);
  }

  /** One turn; the log begins at `first`, and its next record goes to `position`. Returns the work done. */
  work(position: LogPosition, first: LogPosition = 0): number {
    this.#maybeBegin(first, position);
    if (this.driver.replica.state.lacksImage) this.#seek();
    if (this.taker.isTaking) this.#options.turn.use();
    const work = this.taker.work() + this.receiver.work() + this.#send();
    if (this.taker.releasable > this.driver.replica.state.truncationPoint) this.#release(position);
    if (work > 0) this.#look();
    return work;
  }

  /** What cannot be read is not served: that is no reason to stop. */
  #send(): number {
    try {
      return this.sender.work();
    } catch (error) {
      this.#refuseToServe(error);
      return 1;
    }
  }

  #refuseToServe(error: unknown): void {
    this.sender.close();
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.warn(`A snapshot of shard ${this.driver.groupId} cannot be served: ${reason}.`);
  }

  #maybeBegin(first: LogPosition, position: LogPosition): void {
    const { turn } = this.#options;
    const { replica, groupId, appliedWatermark } = this.driver;
    const isDue = this.#schedule.isDue(first, position, turn.nowMs, replica.isLeader);
    if (!isDue && !this.#isAsked) return;
    const isReceiving = this.receiver.isBusy && !this.receiver.isSilent;
    if (this.taker.isBusy || isReceiving || replica.state.lacksImage) return;
    // At a start what the log has behind the snapshot is not applied yet: it is new all the same.
    const isBehind = appliedWatermark < replica.commitWatermark && appliedWatermark <= replica.state.snapshotWatermark;
    const isPatient = !isDue && replica.isLeader && this.#options.configuration.peers > 0;
    if (isBehind || !turn.take(groupId, isPatient)) return;
    this.#isAsked = false;
    this.#begunAtMs = turn.nowMs;
    this.#schedule.begun(position, turn.nowMs);
    if (!this.taker.begin()) turn.release(groupId);
    if (this.taker.failed > this.#failuresTold) this.#look();
  }

  /**
   * Gives up the log behind the snapshots kept, but not what a member still needs that is alive and lags, or is being served a snapshot: it would
   * get another snapshot instead, and then perhaps another. Whoever is not heard does not count, and there is a bound.
   */
  #release(position: LogPosition): void {
    const { replica } = this.driver;
    const { snapshotWatermark, snapshotBytes, timing, truncationPoint } = replica.state;
    if (this.#heldFrom < 0) this.#heldFrom = position;
    const { everyBytes } = this.#options;
    const bound = Math.max(HELD_INTERVALS * everyBytes, HELD_SNAPSHOTS * snapshotBytes, LOG_SEGMENT_BYTES);
    const isHeld = position - this.#heldFrom < bound;
    const needed = Math.min(
      replica.catchUp.neededBy(ALIVE_TIMEOUTS * timing.electionTimeoutTicks),
      this.sender.servedFrom,
    );
    const point = isHeld ? Math.min(this.taker.releasable, needed) : this.taker.releasable;
    if (point > truncationPoint) replica.snapshotPublished(snapshotWatermark, snapshotBytes, point);
    if (point === this.taker.releasable) this.#heldFrom = -1;
  }

  /** Something may have ended: the turn is given back, failures are told, figures brought up to date. */
  #look(): void {
    const { taker, receiver } = this;
    const { turn } = this.#options;
    if (!taker.isTaking) turn.release(this.driver.groupId);
    if (taker.failed > this.#failuresTold) {
      this.#failuresTold = taker.failed;
      this.#schedule.failed(taker.failedInRow, turn.nowMs);
      this.#tellFailure('A snapshot', taker.failure, 'The log is kept, and another try follows');
    }
    if (receiver.failed > this.#receiveFailuresTold) {
      this.#receiveFailuresTold = receiver.failed;
      this.#tellFailure("Receiving a peer's snapshot", receiver.failure, 'It is begun anew');
    }
    this.figures[SNAPSHOT_FAILURES] = taker.failed + receiver.failed;
    this.figures[SNAPSHOT_SENT_BYTES] = this.sender.sentBytes;
    this.figures[SNAPSHOT_KEPT_BYTES] = taker.bytesKeptMost;
    if (taker.published > this.#publishedTold) {
      this.#publishedTold = taker.published;
      this.figures[SNAPSHOT_DURATION_MS] = turn.nowMs - this.#begunAtMs;
      this.#options.onFailure('');
      this.#describe();
    }
    if (receiver.installed > this.#installedTold) {
      this.#installedTold = receiver.installed;
      this.#describe();
    }
  }

  /** Figures of the newest one and of the medium. Only what tells something: a medium that fails here fails again where it matters. */
  #describe(): void {
    const { medium } = this.#options;
    const { snapshotWatermark, snapshotBytes } = this.driver.replica.state;
    this.figures[SNAPSHOT_WATERMARK] = snapshotWatermark;
    this.figures[SNAPSHOT_BYTES] = snapshotBytes;
    this.figures[SNAPSHOT_PUBLISHED_COUNT] = this.taker.published;
    this.figures[SNAPSHOT_INSTALLED_COUNT] = this.receiver.installed;
    try {
      this.figures[SNAPSHOT_AT_MS] = medium.publishedAt(snapshotWatermark);
      this.figures[SNAPSHOT_DISK_BYTES] = medium.bytes();
    } catch {
      this.figures[SNAPSHOT_AT_MS] = 0;
    }
  }

  /** Asks one peer after the other for a snapshot that the log here goes on from. */
  #seek(): void {
    const { tick, truncationPoint } = this.driver.replica.state;
    if ((this.receiver.isBusy && !this.receiver.isSilent) || tick - this.#soughtTick < SEEK_TICKS) return;
    this.#soughtTick = tick;
    const { nodeIds, self } = this.#options.configuration;
    this.#soughtMember = (this.#soughtMember + 1) % nodeIds.length;
    if (this.#soughtMember === self) this.#soughtMember = (self + 1) % nodeIds.length;
    this.sender.ask(this.#soughtMember, 0, truncationPoint, FETCH_FROM);
  }

  /** A peer lacks an image: offers the newest, or takes one that is new enough. */
  #onSought(message: Float64Array): void {
    const { snapshotWatermark, lacksImage } = this.driver.replica.state;
    if (lacksImage) return;
    if (snapshotWatermark > 0 && snapshotWatermark >= (message[M_AUX] as number)) {
      this.sender.offer(message[M_FROM] as MemberIndex, false);
    } else this.ask();
  }

  #tellFailure(what: string, reason: string, consequence: string): void {
    this.#options.onFailure(reason);
    this.#options.warn(`${what} of shard ${this.driver.groupId} failed: ${reason}. ${consequence}.`);
  }

  #serve(message: Float64Array): void {
    try {
      this.sender.onFetch(message);
    } catch (error) {
      this.#refuseToServe(error);
    }
  }

  #onFrame(message: Float64Array, bytes: Uint8Array, offset: number): void {
    const { configuration, bulk } = this.#options;
    const from = message[M_FROM] as MemberIndex;
    if (message[M_EPOCH] !== configuration.epoch || from === configuration.self) return;
    assert(from >= 0 && from < configuration.nodeIds.length, 'frames come from members');
    if (message[M_KIND] === SNAPSHOT_OFFER) this.receiver.onOffer(message);
    else if (message[M_KIND] === SNAPSHOT_FETCH && message[M_SLOT] === 0) this.#onSought(message);
    else if (message[M_KIND] === SNAPSHOT_FETCH) this.#serve(message);
    else if (bulk.crc32c(bytes, offset, message[M_VALUE_LENGTH] as number) === message[M_VALUE_CRC])
      this.receiver.onPart(message, bytes, offset);
  }
}

/** What the medium lost. An image that the machine refuses is none, and must not cost its file. */
function isDamage(error: unknown): error is NodeJS.ErrnoException {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code === 'ERR_SYNOD_SNAPSHOT_DAMAGED' || code === 'EIO';
}

function copyOf(image: Iterator<Uint8Array>): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let part = image.next(); part.done !== true; part = image.next()) chunks.push(part.value.slice());
  return chunks;
}
