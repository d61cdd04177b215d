/**
 * The sending half of the group driver: turns a SEND action into frames, one per member, with the value copied straight from
 * the log's in-memory tail into the peer ring.
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { GroupId, MemberIndex, Sequence, Slot } from '../base/types.ts';
import type { Log } from '../log/log.ts';
import { ENTRY_HEADER_BYTES, ENTRY_VALUE_CRC_WORD, ENTRY_VALUE_LENGTH_WORD } from '../log/record.ts';
import type { Bulk } from '../memory/bulk.ts';
import type { Configuration } from '../paxos/configuration.ts';
import {
  ACCEPT,
  HEARTBEAT,
  HEARTBEAT_REPLY,
  hasValue,
  LEARNED,
  M_AUX,
  M_AUX2,
  M_BALLOT,
  M_COMMIT,
  M_EPOCH,
  M_FROM,
  M_KIND,
  M_SLOT,
  M_VALUE_CRC,
  M_VALUE_LENGTH,
  MESSAGE_FIELDS,
} from '../paxos/message.ts';
import {
  A_AUX2,
  A_BALLOT,
  A_COMMIT,
  A_KIND,
  A_SEQUENCE,
  A_SLOT,
  A_TO,
  A_VALUE_CRC,
  A_VALUE_LENGTH,
} from '../paxos/outbox.ts';
import type { Transport } from '../transport/transport.ts';
import { encodeFrame, FRAME_HEADER_BYTES } from '../wire/frame.ts';
import type { Applier } from './applier.ts';
import type { GroupObserver } from './group-observer.ts';
import type { SlotIndex } from './slot-index.ts';

/** How far the group is applied, for the digests that heartbeats carry. */
export interface Applied {
  readonly appliedWatermark: Slot;
  readonly applier: Applier;
}

export class FrameSender {
  readonly #groupId: GroupId;
  readonly #transport: Transport;
  readonly #bulk: Bulk;
  readonly #index: SlotIndex;
  readonly #applied: Applied;
  readonly #self: MemberIndex;
  readonly #epoch: number;
  readonly #memberCount: number;
  readonly #outbound = new Float64Array(MESSAGE_FIELDS);
  #log: Log = undefined as unknown as Log;
  /** Frames that found no room in a peer ring. */
  unsent = 0;

  constructor(
    groupId: GroupId,
    configuration: Configuration,
    transport: Transport,
    bulk: Bulk,
    index: SlotIndex,
    applied: Applied,
  ) {
    this.#groupId = groupId;
    this.#transport = transport;
    this.#bulk = bulk;
    this.#index = index;
    this.#applied = applied;
    this.#self = configuration.self;
    this.#epoch = configuration.epoch;
    this.#memberCount = configuration.nodeIds.length;
  }

  attachLog(log: Log): void {
    this.#log = log;
  }

  /**
   * Sends the action at `at` of `words` to its members, with `aux` in place of its own.
   *
   * requires D1: its persist sequence is durable (I4)
   */
  transmit(words: Float64Array, at: number, aux: number, durable: Sequence): void {
    const message = this.#outbound;
    const kind = words[at + A_KIND] as number;
    assert((words[at + A_SEQUENCE] as number) <= durable, 'D1: nothing is answered before it is durable');
    message[M_KIND] = kind;
    message[M_FROM] = this.#self;
    message[M_EPOCH] = this.#epoch;
    message[M_BALLOT] = words[at + A_BALLOT] as number;
    message[M_SLOT] = words[at + A_SLOT] as number;
    message[M_COMMIT] = words[at + A_COMMIT] as number;
    message[M_AUX] = aux;
    message[M_AUX2] = words[at + A_AUX2] as number;
    message[M_VALUE_LENGTH] = words[at + A_VALUE_LENGTH] as number;
    message[M_VALUE_CRC] = words[at + A_VALUE_CRC] as number;
    if (kind === HEARTBEAT || kind === HEARTBEAT_REPLY) this.#addDigest(message);
    if (hasValue(kind) && !this.#locateValue(message)) return;
    const to = words[at + A_TO] as number;
    for (let m = 0; m < this.#memberCount; m++) if (((to >>> m) & 1) === 1) this.#sendFrame(m, message);
  }

  /** Finds the value of the message's slot; for LEARNED takes length and checksum from its record. False: it is not the named one any more. */
  #locateValue(message: Float64Array): boolean {
    const position = this.#index.get(message[M_SLOT] as Slot);
    if (position === 0 && message[M_VALUE_LENGTH] === 0) return true;
    assert(position > 0, 'a value that is sent is recorded');
    this.#log.locate(position);
    const word = this.#log.readOffset >> 2;
    const length = this.#log.readWords[word + ENTRY_VALUE_LENGTH_WORD] as number;
    const crc = this.#log.readWords[word + ENTRY_VALUE_CRC_WORD] as number;
    if (message[M_KIND] === LEARNED && message[M_VALUE_LENGTH] === -1) {
      message[M_VALUE_LENGTH] = length;
      message[M_VALUE_CRC] = crc;
    }
    return message[M_VALUE_LENGTH] === length && message[M_VALUE_CRC] === crc;
  }

  #sendFrame(member: MemberIndex, message: Float64Array): void {
    const transport = this.#transport;
    const kind = message[M_KIND] as number;
    const valueLength = hasValue(kind) ? (message[M_VALUE_LENGTH] as number) : 0;
    const offset = transport.claim(
      member,
      FRAME_HEADER_BYTES + valueLength,
      kind === ACCEPT || kind === LEARNED || valueLength > 0,
    );
    if (offset < 0) {
      this.unsent += 1;
      return;
    }
    encodeFrame(transport.outWords, offset >> 2, this.#groupId, message);
    if (valueLength > 0) {
      const log = this.#log;
      const target = offset + FRAME_HEADER_BYTES;
      this.#bulk.copy(log.readBytes, log.readOffset + ENTRY_HEADER_BYTES, transport.outBytes, target, valueLength);
    }
    transport.publish();
  }

  /** A leader compares the digest of a member's answer with its own at the same watermark. */
  compareDigest(message: Float64Array, observer: GroupObserver): void {
    const { applier } = this.#applied;
    const watermark = message[M_SLOT] as Slot;
    if (watermark === 0 || !applier.knowsDigestAt(watermark)) return;
    const isEqual = applier.digestAt(watermark) === message[M_VALUE_CRC];
    observer.onDigest(message[M_FROM] as MemberIndex, watermark, isEqual);
  }

  /** Heartbeats carry the sender's applied watermark and digest in fields that they do not use otherwise. */
  #addDigest(message: Float64Array): void {
    message[M_SLOT] = this.#applied.appliedWatermark;
    message[M_VALUE_CRC] = this.#applied.applier.digest;
  }
}
