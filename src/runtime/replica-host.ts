/**
 * What one worker does in one turn of its duty cycle, for all groups of one log. The agent of a thread and the simulator
 * call the same `doWork` and `tick`.
 *
 *   peers' frames ─▶ groups: propose, apply, complete ─▶ ring peers ─▶ submit log ─▶ durable? ─▶ votes count, answers leave
 *
 * A group that throws stops alone; the others go on.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { SynodError } from '../base/errors.ts';
import type { GroupId, MemberIndex } from '../base/types.ts';
import { isTransient } from '../log/device-failure.ts';
import type { Log } from '../log/log.ts';
import type { FrameHandler, Transport } from '../transport/transport.ts';
import { FRAME_GROUP_WORD, isFrame } from '../wire/frame.ts';
import type { GroupHost } from './group-host.ts';
import { LogTruncator } from './log-truncator.ts';
import { type LogObserver, LogWatch } from './log-watch.ts';

/** Frames taken from one link per turn at most. */
export const FRAMES_PER_CYCLE = 64;
/** Bytes appended in one turn up to which a lone write is done by this thread itself. */
const ALONE_BYTES = 8192;

/** Told when a group stops with an error; the production form writes the status block and reports to the coordinator. */
export type GroupStopped = (group: GroupHost, error: unknown) => void;

/** What a thread and its control desk do with the groups of one log, or of several. */
export interface DutyHost {
  readonly groups: readonly GroupHost[];
  group(id: GroupId): GroupHost | undefined;
  doWork(): number;
  tick(): void;
  suspect(member: MemberIndex): void;
  stop(group: GroupHost, error: unknown): void;
}

export class ReplicaHost implements DutyHost {
  readonly log: Log;
  readonly groups: readonly GroupHost[];
  readonly #transport: Transport;
  readonly #byId: (GroupHost | undefined)[] = [];
  readonly #onStopped: GroupStopped;
  readonly #onFrame: FrameHandler;
  /** Frames that named no group of this worker or were malformed. */
  refused = 0;
  readonly #truncator: LogTruncator;
  readonly #watch: LogWatch;
  #logFailed = false;
  /** Where the log stood at the last tick. */
  readonly #tickPosition = new Float64Array(1);
  /** Where it stood when the turn began. */
  readonly #turnPosition = new Float64Array(1);

  constructor(
    log: Log,
    transport: Transport,
    groups: readonly GroupHost[],
    onStopped: GroupStopped,
    logObserver: LogObserver = NOBODY,
  ) {
    this.#watch = new LogWatch(log, groups, logObserver);
    this.log = log;
    this.#transport = transport;
    this.groups = groups;
    this.#truncator = new LogTruncator(
      log,
      groups.map(({ driver }) => driver),
    );
    this.#onStopped = onStopped;
    for (let i = 0; i < groups.length; i++) this.#byId[(groups[i] as GroupHost).groupId] = groups[i];
    this.#onFrame = (words, bytes, offset, size) => this.onFrame(words, bytes, offset, size);
  }

  group(id: GroupId): GroupHost | undefined {
    return this.#byId[id];
  }

  /** One turn; returns the work done, 0 when there was nothing to do. */
  doWork(): number {
    this.beginTurn();
    const work = this.#transport.poll(this.#onFrame, FRAMES_PER_CYCLE);
    return work + this.finishTurn();
  }

  /** What is appended from here on belongs to this turn. */
  beginTurn(): void {
    this.#turnPosition[0] = this.log.appendedPosition;
  }

  /** All of a turn but taking frames. */
  finishTurn(): number {
    const log = this.log;
    let work = 0;
    for (let i = 0; i < this.groups.length; i++) work += this.#workGroup(this.groups[i] as GroupHost);
    this.#transport.flush();
    work += log.submit(log.appendedPosition - (this.#turnPosition[0] as number) <= ALONE_BYTES);
    if (log.poll()) {
      for (let i = 0; i < this.groups.length; i++) work += this.#durable(this.groups[i] as GroupHost);
      this.#transport.flush();
    }
    work += this.#truncate();
    if (log.device.error() !== 0 && !this.#logFailed) this.#failLog();
    return work;
  }

  /** Nothing of a log is given back while one of its groups stands still for good: what it needs is not known. */
  #truncate(): number {
    for (let i = 0; i < this.groups.length; i++) if (!(this.groups[i] as GroupHost).isRunning) return 0;
    return this.#truncator.work();
  }

  /** One unit of logical time for every group. */
  tick(): void {
    this.log.tick();
    this.#watch.tick();
    this.#coverIdleLog();
    for (let i = 0; i < this.groups.length; i++) this.#tickGroup(this.groups[i] as GroupHost);
  }

  /** A log to which nothing was appended for a tick gets its floor (S11). */
  #coverIdleLog(): void {
    const position = this.log.appendedPosition;
    if (position === this.#tickPosition[0] && this.log.writeFloor()) this.log.submit(true);
    this.#tickPosition[0] = this.log.appendedPosition;
  }

  #tickGroup(group: GroupHost): void {
    if (!group.isRunning) return;
    try {
      group.driver.onTick();
    } catch (error) {
      this.stop(group, error);
    }
  }

  suspect(member: MemberIndex): void {
    for (let i = 0; i < this.groups.length; i++) (this.groups[i] as GroupHost).driver.suspect(member);
  }

  /** Ends the group's part on this replica; what it acknowledged is safe on the others and in the log. */
  stop(group: GroupHost, error: unknown): void {
    if (!group.isRunning) return;
    group.isRunning = false;
    this.#onStopped(group, error);
  }

  #workGroup(group: GroupHost): number {
    if (!group.isRunning) return 0;
    try {
      return group.work();
    } catch (error) {
      this.stop(group, error);
      return 1;
    }
  }

  #durable(group: GroupHost): number {
    if (!group.isRunning) return 0;
    try {
      return group.driver.onDurable() + 1;
    } catch (error) {
      this.stop(group, error);
      return 1;
    }
  }

  /** A frame for one of the groups. */
  onFrame(words: Int32Array, bytes: Uint8Array, offset: number, size: number): void {
    if (!isFrame(words, offset >> 2, size)) {
      this.refused += 1;
      return;
    }
    const group = this.#byId[words[(offset >> 2) + FRAME_GROUP_WORD] as number];
    if (group === undefined) {
      this.refused += 1;
      return;
    }
    if (!group.isRunning) return;
    try {
      group.driver.onFrame(words, bytes, offset);
    } catch (error) {
      this.stop(group, error);
    }
  }

  /**
   * The device latched: nothing here becomes durable any more, so no group of this log goes on. Others are asked to lead at once. Where the
   * reason may pass, a new life recovers from the medium; but not where reads come out of a cache that the failed write has left clean.
   */
  #failLog(): void {
    const errno = this.log.device.error();
    assert(errno !== 0, 'the log failed');
    this.#logFailed = true;
    this.#watch.fail();
    this.#transport.flush();
    for (let i = 0; i < this.groups.length; i++) this.stop(this.groups[i] as GroupHost, new LogFailure(errno));
    if (isTransient(errno) && PAST_THE_CACHE.includes(this.log.device.name)) throw diskFull();
  }
}

/** Devices whose writes go past the page cache. */
const PAST_THE_CACHE: readonly string[] = ['direct', 'dax', 'sim'];

const NOBODY: LogObserver = { onState: () => {}, onFlush: () => {} };

function diskFull(): SynodError {
  return new SynodError('ERR_SYNOD_DISK_FULL', 'No space left to write the log: free some. The worker tries again.');
}

/** The errno that latched a log. */
export class LogFailure extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super('the log device failed');
    this.errno = errno;
  }
}

/** This replica's replies differ from those of most others at or below `slot`: its group stops here. */
export class DeviatingReplies extends Error {
  readonly slot: number;

  constructor(slot: number) {
    super('replies differ from those of most replicas');
    this.slot = slot;
  }
}
