/**
 * The user's fast lane: claim, write in place, publish, poll; no promise per command. One lane = one session of its shard.
 */
import { SynodError } from '../base/errors.ts';
import type { LaneClient, OnCompleted } from './lane-client.ts';

export interface LaneHost {
  nextWake(): Promise<void>;
  closeLane(lane: LaneClient): void;
  failureOf(shard: number): SynodError | undefined;
}

export class Lane {
  readonly #client: LaneClient;
  readonly #host: LaneHost;
  #isClosed = false;

  constructor(client: LaneClient, host: LaneHost) {
    this.#client = client;
    this.#host = host;
  }

  get shard(): number {
    return this.#client.shard;
  }

  /** The lane's shared memory: payloads are written here. */
  get memory(): Uint8Array {
    return this.#client.memory;
  }

  /** The same memory as words; a payload at byte offset o starts at word o / 4. */
  get words(): Int32Array {
    return this.#client.words;
  }

  /** True once commands can be claimed: the session is opened by the log. */
  get isOpen(): boolean {
    return this.#client.isOpen;
  }

  /** Commands published and not completed. */
  get inFlight(): number {
    return this.#client.inFlight;
  }

  /** Request number of the last command published; numbers count from 1. */
  get lastNumber(): number {
    return this.#client.lastNumber;
  }

  /** Byte offset in `memory` for a payload of `bytes`, 8-byte aligned; -1 while there is no room. Several claims may precede one publish. */
  claim(bytes: number): number {
    return this.#client.claim(bytes);
  }

  /** Sends everything claimed. From here on its outcome is settled by `poll` alone. */
  publish(): void {
    this.#client.publish();
  }

  /** Gives up everything claimed since the last publish. */
  abandon(): void {
    this.#client.abandon();
  }

  /**
   * Delivers at most `limit` replies, in request-number order, each command's exactly once; returns how many.
   * `status` 0 = applied; the other REPLY_* are listed in the README. Throws when the shard or the session ended.
   */
  poll(onCompleted: OnCompleted, limit: number): number {
    const delivered = this.#client.poll(onCompleted, limit);
    if (delivered === 0) this.#checkAlive();
    return delivered;
  }

  /** Resolves when a reply may be there, at the latest after about 20 ms. */
  wait(): Promise<void> {
    return this.#host.nextWake();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#client.abandon();
    this.#host.closeLane(this.#client);
  }

  #checkAlive(): void {
    if (this.#isClosed) throw new SynodError('ERR_SYNOD_CLOSED', 'The lane is closed: open another.');
    const failure = this.#host.failureOf(this.#client.shard);
    if (failure !== undefined) throw failure;
    if (this.#client.endStatus !== 0) {
      throw new SynodError(
        'ERR_SYNOD_SESSION_EXPIRED',
        'The session of the lane ended: what is in flight is unknown; open another lane.',
      );
    }
  }
}
