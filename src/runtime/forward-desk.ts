/**
 * What one group of a node does for clients of other nodes and with its own clients while another node leads.
 *
 *   leads:    forwarded runs ─▶ sources of the next batch;  commit watermark ─▶ heartbeat, where no ACCEPT carries it
 *   follows:  own lanes ─▶ Forwarder ─▶ the leader
 *
 * @hot
 */
import type { MemberIndex, Slot } from '../base/types.ts';
import { M_FROM, M_VALUE_CRC, M_VALUE_LENGTH } from '../paxos/message.ts';
import { ForwardedRuns } from './forwarded-runs.ts';
import { Forwarder, type ForwarderOptions } from './forwarder.ts';
import type { GroupDriver } from './group-driver.ts';
import type { LaneTap } from './lane-tap.ts';

/** Indices into `#served`. */
const BALLOT = 0;
const ANNOUNCED = 1;

export interface ForwardDeskOptions extends ForwarderOptions {
  driver: GroupDriver;
  memberCount: number;
  /** Names this life of the worker in the routes of its lanes. */
  serial: number;
  /** Kept of one member's forwarded commands; FORWARD_QUEUE_BYTES where absent. */
  queueBytes?: number;
}

export class ForwardDesk {
  readonly serial: number;
  readonly forwarder: Forwarder;
  /** Forwarded runs by member. */
  readonly sources: readonly ForwardedRuns[];
  /** Runs that this replica could not take: it does not lead, its queue is full, or they were damaged. */
  refused = 0;
  readonly #driver: GroupDriver;
  /** Promised ballot when the lanes were last rewound; commit watermark that followers were told. */
  readonly #served = new Float64Array(2);
  #leader: MemberIndex = -1;
  #wasLeader = false;
  /** Runs were taken since the followers were last told: clients of theirs wait for the watermark. */
  #isAwaited = false;

  constructor(options: ForwardDeskOptions) {
    this.serial = options.serial;
    this.#driver = options.driver;
    this.forwarder = new Forwarder(options);
    this.sources = Array.from(
      { length: options.memberCount },
      () => new ForwardedRuns(options.bulk, options.queueBytes),
    );
    options.driver.onForward = (message, bytes, offset) => this.#onForward(message, bytes, offset);
  }

  #onForward(message: Float64Array, bytes: Uint8Array, offset: number): void {
    const runs = this.sources[message[M_FROM] as MemberIndex];
    const isTaken =
      this.#driver.replica.isLeader &&
      runs?.push(bytes, offset, message[M_VALUE_LENGTH] as number, message[M_VALUE_CRC] as number) === true;
    if (isTaken) this.#isAwaited = true;
    else this.refused += 1;
  }

  /** Once per turn, before anything is proposed or forwarded: whoever leads now gets again what may have been lost. */
  attend(taps: readonly LaneTap[]): void {
    const { state, isLeader } = this.#driver.replica;
    const leader = isLeader ? -1 : state.leaderHint;
    if (
      isLeader === this.#wasLeader &&
      leader === this.#leader &&
      state.promisedBallot === (this.#served[BALLOT] as number)
    )
      return;
    if (isLeader) for (let i = 0; i < this.sources.length; i++) (this.sources[i] as ForwardedRuns).clear();
    this.#wasLeader = isLeader;
    this.#leader = leader;
    this.#served[BALLOT] = state.promisedBallot;
    this.forwarder.rewind(taps);
  }

  /** A follower's turn; returns frames sent. */
  follow(taps: readonly LaneTap[]): number {
    if (this.#leader < 0) return 0;
    return this.forwarder.forward(taps, this.#leader);
  }

  /**
   * A leader's turn, after it proposed `proposed` batches: followers apply what their clients wait for as soon as they hear that it is
   * chosen. An ACCEPT tells them; where none goes out, a heartbeat does.
   */
  announce(proposed: number): void {
    const commit: Slot = this.#driver.replica.commitWatermark;
    if (commit === this.#served[ANNOUNCED]) return;
    this.#served[ANNOUNCED] = commit;
    if (proposed > 0 || !this.#isAwaited) return;
    this.#isAwaited = this.#driver.replica.state.window.nextSlot > commit;
    this.#driver.beginReadRound();
  }
}
