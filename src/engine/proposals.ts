/**
 * The promise form of a lane: one promise per command or query, settled in request-number order by `poll`.
 * Everything else is preallocated: settlers by request number, deadlines in a typed array, one publish per event-loop job.
 *
 *   propose ─▶ room? ─▶ claim, copy ─▶ (end of the job) publish ─▶ poll ─▶ settle
 *                └▶ waits in line, bounded
 */
import { SynodError } from '../base/errors.ts';
import { SESSION_INFLIGHT_MAX } from '../limits.ts';
import {
  REPLY_EVICTED,
  REPLY_OK,
  REPLY_QUERY_FAILED,
  REPLY_SESSION_EXPIRED,
  REPLY_SESSIONS_FULL,
  REPLY_TOO_LARGE,
} from '../memory/descriptor.ts';
import type { LaneClient } from './lane-client.ts';

export interface ProposeOptions {
  /** Milliseconds after which to give up; see ERR_SYNOD_TIMEOUT and ERR_SYNOD_OUTCOME_UNKNOWN. */
  timeout?: number;
  signal?: AbortSignal;
}

interface Waiting {
  bytes: Uint8Array;
  resolve: Settle;
  reject: Fail;
  deadline: number;
  signal: AbortSignal | undefined;
}

type Settle = (reply: Uint8Array) => void;
type Fail = (error: SynodError) => void;

/** Admitted callers that may stay in the array of the line before it is compacted. */
const LINE_SLACK = 1024;
const MASK = SESSION_INFLIGHT_MAX - 1;
const POLL_LIMIT = 4096;

export class Proposals {
  readonly lane: LaneClient;
  readonly #resolves: (Settle | undefined)[] = new Array<Settle | undefined>(SESSION_INFLIGHT_MAX).fill(undefined);
  readonly #rejects: (Fail | undefined)[] = new Array<Fail | undefined>(SESSION_INFLIGHT_MAX).fill(undefined);
  readonly #deadlines = new Float64Array(SESSION_INFLIGHT_MAX).fill(Number.POSITIVE_INFINITY);
  #waiting: Waiting[] = [];
  #waitingHead = 0;
  #nextDeadline = Number.POSITIVE_INFINITY;
  #claimed = 0;
  #isFlushDue = false;
  #failure: SynodError | undefined;
  readonly #timeoutMs: number;
  readonly #waitingMax: number;
  readonly #flush = (): void => this.#publish();
  readonly #onCompleted = (number: number, status: number, bytes: Uint8Array, offset: number, length: number): void =>
    this.#settle(number, status, bytes, offset, length);
  #resolve: Settle = ignore;
  #reject: Fail = ignore;
  readonly #executor = (resolve: Settle, reject: Fail): void => {
    this.#resolve = resolve;
    this.#reject = reject;
  };

  /** `timeoutMs` is the deadline of calls that name none, 0 = none; `waitingMax` callers may wait for room at once. */
  constructor(lane: LaneClient, timeoutMs: number, waitingMax: number) {
    this.lane = lane;
    this.#timeoutMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : timeoutMs;
    this.#waitingMax = waitingMax;
  }

  /** True once everything is refused: the shard failed or the session ended. */
  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  /** Number of the last command that found room. */
  get lastNumber(): number {
    return this.lane.lastNumber + this.#claimed;
  }

  /** Calls that an answer may still come for. */
  get pending(): number {
    if (this.isOver) return 0;
    return this.lane.inFlight + this.#claimed + this.#waiting.length - this.#waitingHead;
  }

  /** A promise, or undefined when there is no room now. */
  tryPropose(bytes: Uint8Array): Promise<Uint8Array> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    checkBytes(bytes);
    if (this.#waitingHead < this.#waiting.length) return undefined;
    const at = this.lane.claim(bytes.length);
    if (at < 0) return undefined;
    const promise = new Promise<Uint8Array>(this.#executor);
    this.#claim(at, bytes, this.#resolve, this.#reject, this.#deadlineIn(this.#timeoutMs));
    return promise;
  }

  propose(bytes: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    if (options === undefined) {
      const promise = this.tryPropose(bytes);
      if (promise !== undefined) return promise;
    }
    return this.#proposeSlowly(bytes, options ?? {});
  }

  #proposeSlowly(bytes: Uint8Array, options: ProposeOptions): Promise<Uint8Array> {
    const signal = options.signal;
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (signal?.aborted === true) return Promise.reject(aborted());
    if (this.#waiting.length - this.#waitingHead >= this.#waitingMax) return Promise.reject(full(this.#waitingMax));
    checkBytes(bytes);
    const deadline = this.#deadlineIn(options.timeout ?? this.#timeoutMs);
    const promise = new Promise<Uint8Array>(this.#executor);
    const waiting = { bytes, resolve: this.#resolve, reject: this.#reject, deadline, signal };
    this.#waiting.push(waiting);
    if (signal !== undefined) this.#watch(waiting, signal);
    this.#admit();
    // Whoever stays in line is copied: the caller may use its buffer again at once, as when there was room.
    if (this.#waitingHead < this.#waiting.length) waiting.bytes = bytes.slice();
    return promise;
  }

  #deadlineIn(timeoutMs: number): number {
    const deadline = performance.now() + timeoutMs;
    if (deadline < this.#nextDeadline) this.#nextDeadline = deadline;
    return deadline;
  }

  /** After an abort: surely not done while in line, unknown once published. */
  #watch(waiting: Waiting, signal: AbortSignal): void {
    const onAbort = (): void => {
      const at = this.#waiting.indexOf(waiting, this.#waitingHead);
      if (at >= 0) {
        this.#waiting.splice(at, 1);
        waiting.reject(aborted());
      } else {
        waiting.reject(unknown('aborted'));
      }
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const { resolve, reject } = waiting;
    waiting.resolve = (reply) => {
      signal.removeEventListener('abort', onAbort);
      resolve(reply);
    };
    waiting.reject = (error) => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    };
  }

  /** Moves callers from the line into the lane while there is room; returns how many. */
  #admit(): number {
    let admitted = 0;
    while (this.#waitingHead < this.#waiting.length) {
      const next = this.#waiting[this.#waitingHead] as Waiting;
      const at = this.lane.claim(next.bytes.length);
      if (at < 0) break;
      this.#waitingHead += 1;
      this.#claim(at, next.bytes, next.resolve, next.reject, next.deadline);
      admitted += 1;
    }
    const isMostlyAdmitted = this.#waitingHead > LINE_SLACK && this.#waitingHead * 2 > this.#waiting.length;
    if (isMostlyAdmitted || this.#waitingHead === this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#waitingHead);
      this.#waitingHead = 0;
    }
    return admitted;
  }

  #claim(at: number, bytes: Uint8Array, resolve: Settle, reject: Fail, deadline: number): void {
    const index = (this.lane.lastNumber + 1 + this.#claimed) & MASK;
    this.#claimed += 1;
    this.lane.memory.set(bytes, at);
    this.#resolves[index] = resolve;
    this.#rejects[index] = reject;
    this.#deadlines[index] = deadline;
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(this.#flush);
  }

  #publish(): void {
    this.#isFlushDue = false;
    this.#claimed = 0;
    this.lane.publish();
  }

  /** Settles what was completed and admits who waits; returns the work done. */
  poll(): number {
    let work = this.lane.poll(this.#onCompleted, POLL_LIMIT);
    if (this.lane.endStatus !== 0 && this.#failure === undefined) this.#end();
    if (this.#waitingHead < this.#waiting.length) work += this.#admit();
    if (this.#nextDeadline < Number.POSITIVE_INFINITY) this.#expire();
    return work;
  }

  #settle(number: number, status: number, bytes: Uint8Array, offset: number, length: number): void {
    const index = number & MASK;
    const resolve = this.#resolves[index];
    const reject = this.#rejects[index];
    this.#resolves[index] = undefined;
    this.#rejects[index] = undefined;
    this.#deadlines[index] = Number.POSITIVE_INFINITY;
    if (resolve === undefined || reject === undefined) return;
    if (status === REPLY_OK) resolve(bytes.slice(offset, offset + length));
    else reject(replyError(status, this.lane.isReads, bytes, offset, length));
  }

  /** Rejects whoever waited longer than it allowed. */
  #expire(): void {
    const now = performance.now();
    if (now < this.#nextDeadline) return;
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < SESSION_INFLIGHT_MAX; i++) {
      const deadline = this.#deadlines[i] as number;
      if (deadline > now) {
        if (deadline < next) next = deadline;
        continue;
      }
      this.#deadlines[i] = Number.POSITIVE_INFINITY;
      this.#rejects[i]?.(unknown('timed out'));
      this.#resolves[i] = undefined;
      this.#rejects[i] = undefined;
    }
    this.#waiting = this.#waiting.slice(this.#waitingHead).filter((waiting) => {
      if (waiting.deadline < next && waiting.deadline > now) next = waiting.deadline;
      if (waiting.deadline > now) return true;
      waiting.reject(
        new SynodError('ERR_SYNOD_TIMEOUT', 'No room in time: nothing was sent; try again or raise the timeout.'),
      );
      return false;
    });
    this.#waitingHead = 0;
    this.#nextDeadline = next;
  }

  /** The session ended: outcomes in flight are unknown, and nothing more is taken. */
  #end(): void {
    const isFull = this.lane.endStatus === REPLY_SESSIONS_FULL;
    const error = isFull
      ? new SynodError(
          'ERR_SYNOD_SESSIONS_FULL',
          'The session table of the shard is full: close clients that are not used.',
        )
      : expired();
    this.fail(error, error);
  }

  /** Rejects everything: published commands with `published`, those in line and all later ones with `later`. */
  fail(published: SynodError, later: SynodError): void {
    this.#failure = later;
    for (let i = 0; i < SESSION_INFLIGHT_MAX; i++) {
      this.#rejects[i]?.(published);
      this.#rejects[i] = undefined;
      this.#resolves[i] = undefined;
      this.#deadlines[i] = Number.POSITIVE_INFINITY;
    }
    for (let i = this.#waitingHead; i < this.#waiting.length; i++) this.#waiting[i]?.reject(later);
    this.#waiting = [];
    this.#waitingHead = 0;
    this.#nextDeadline = Number.POSITIVE_INFINITY;
  }
}

function ignore(): void {}

/** Throws for what cannot be copied, before anything is claimed for it: a buffer that was transferred has no length any more, nor a slice. */
function checkBytes(bytes: Uint8Array): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('A command or query is a Uint8Array.');
  if (bytes.length === 0) bytes.slice();
}

function aborted(): SynodError {
  return new SynodError('ERR_SYNOD_ABORTED', 'Aborted before anything was sent: the command surely did not happen.');
}

function full(waitingMax: number): SynodError {
  return new SynodError('ERR_SYNOD_FULL', `${waitingMax} calls wait for room already: slow down, or use tryPropose.`);
}

function unknown(what: string): SynodError {
  return new SynodError(
    'ERR_SYNOD_OUTCOME_UNKNOWN',
    `The command ${what} after it was sent: it may or may not take effect; read before you repeat it.`,
  );
}

function expired(): SynodError {
  return new SynodError(
    'ERR_SYNOD_SESSION_EXPIRED',
    'The session expired: earlier outcomes are unknown; open a new client.',
  );
}

function replyError(status: number, isRead: boolean, bytes: Uint8Array, offset: number, length: number): SynodError {
  switch (status) {
    case REPLY_SESSION_EXPIRED:
      return expired();
    case REPLY_EVICTED:
      return new SynodError(
        'ERR_SYNOD_REPLY_EVICTED',
        'The command was applied once, but its reply is no longer remembered: read the state.',
      );
    case REPLY_TOO_LARGE:
      return isRead
        ? new SynodError('ERR_SYNOD_PAYLOAD_TOO_LARGE', 'The answer is longer than an answer may be: ask for less.')
        : new SynodError(
            'ERR_SYNOD_REPLY_EVICTED',
            'The command was applied once, but its reply is longer than a reply may be: read the state.',
          );
    case REPLY_QUERY_FAILED:
      return new SynodError(
        'ERR_SYNOD_MACHINE_FAILED',
        `The query threw: ${new TextDecoder().decode(bytes.slice(offset, offset + length))}`,
      );
    default:
      return new SynodError('ERR_SYNOD_INVARIANT', `Unknown reply status ${status}: report this.`);
  }
}
