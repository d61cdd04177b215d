/**
 * The half of a node that follows: passes the commands of its own clients on to the leader of their group. The replies come from the
 * local replica, when it applies the slot that the leader put them in; exactly once by session and number, however often they are sent.
 *
 *   lane ─▶ run of records ─▶ FORWARD ─▶ leader's queue ─▶ batch ─▶ chosen ─▶ applied here ─▶ LaneTap completes
 *
 * What was sent and is not applied in time, or went to a leader that is none any more, is sent again from the oldest on.
 * @hot
 */
import type { Epoch, GroupId, MemberIndex } from '../base/types.ts';
import { FORWARD_RETRY_MS, FORWARD_RUN_BYTES, FORWARD_WINDOW_BYTES, LANES_PER_GROUP_MAX } from '../limits.ts';
import type { Bulk } from '../memory/bulk.ts';
import { FORWARD, M_EPOCH, M_FROM, M_KIND, M_VALUE_CRC, M_VALUE_LENGTH, MESSAGE_FIELDS } from '../paxos/message.ts';
import type { Transport } from '../transport/transport.ts';
import { encodeFrame, FRAME_HEADER_BYTES } from '../wire/frame.ts';
import type { LaneTap } from './lane-tap.ts';

export interface ForwarderOptions {
  groupId: GroupId;
  self: MemberIndex;
  epoch: Epoch;
  transport: Transport;
  bulk: Bulk;
  /** Monotonic milliseconds, written by the agent once per cycle. */
  clockMs: Float64Array;
}

export class Forwarder {
  readonly #groupId: GroupId;
  readonly #transport: Transport;
  readonly #bulk: Bulk;
  readonly #clockMs: Float64Array;
  readonly #message = new Float64Array(MESSAGE_FIELDS);
  /** Per lane of the group, in the order of `taps`: lowest number not completed when it was looked at last, and when that moved. */
  readonly #next = new Float64Array(LANES_PER_GROUP_MAX);
  readonly #movedMs = new Float64Array(LANES_PER_GROUP_MAX);
  /** Frames sent, and times that a lane was sent again. */
  sent = 0;
  rewinds = 0;

  constructor(options: ForwarderOptions) {
    this.#groupId = options.groupId;
    this.#transport = options.transport;
    this.#bulk = options.bulk;
    this.#clockMs = options.clockMs;
    this.#message[M_KIND] = FORWARD;
    this.#message[M_FROM] = options.self;
    this.#message[M_EPOCH] = options.epoch;
  }

  /** Somebody else leads, or this replica does: what is under way may be lost. */
  rewind(taps: readonly LaneTap[]): void {
    for (let i = 0; i < taps.length; i++) this.#rewindLane(taps[i] as LaneTap, i);
  }

  /** Sends what waits in the active lanes to `leader`, as far as there is room; returns frames sent. */
  forward(taps: readonly LaneTap[], leader: MemberIndex): number {
    let sent = 0;
    for (let i = 0; i < taps.length; i++) {
      const tap = taps[i] as LaneTap;
      if (!tap.isActive) continue;
      this.#watch(tap, i);
      while (tap.reader.outstanding < FORWARD_WINDOW_BYTES && this.#sendRun(tap, leader)) sent += 1;
    }
    this.sent += sent;
    return sent;
  }

  /** A lane whose oldest command was not completed for long is sent again. */
  #watch(tap: LaneTap, i: number): void {
    const now = this.#clockMs[0] as number;
    if (tap.reader.outstanding === 0 || this.#next[i] !== tap.nextNumber) {
      this.#next[i] = tap.nextNumber;
      this.#movedMs[i] = now;
    } else if (now - (this.#movedMs[i] as number) >= FORWARD_RETRY_MS) this.#rewindLane(tap, i);
  }

  #rewindLane(tap: LaneTap, i: number): void {
    this.#movedMs[i] = this.#clockMs[0] as number;
    if (tap.reader.outstanding === 0) return;
    tap.reader.rewind();
    this.rewinds += 1;
  }

  #sendRun(tap: LaneTap, leader: MemberIndex): boolean {
    const { reader } = tap;
    const transport = this.#transport;
    if (!reader.take(FORWARD_RUN_BYTES)) return false;
    const offset = transport.claim(leader, FRAME_HEADER_BYTES + reader.runSize, true);
    if (offset < 0) return false;
    const message = this.#message;
    const at = offset + FRAME_HEADER_BYTES;
    this.#bulk.copy(reader.bytes, reader.runOffset, transport.outBytes, at, reader.runSize);
    message[M_VALUE_LENGTH] = reader.runSize;
    message[M_VALUE_CRC] = this.#bulk.crc32c(transport.outBytes, at, reader.runSize);
    if (!reader.confirm()) {
      transport.abandon();
      return false;
    }
    encodeFrame(transport.outWords, offset >> 2, this.#groupId, message);
    transport.publish();
    return true;
  }
}
