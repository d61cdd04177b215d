/**
 * Serves published snapshots to peers, a burst of parts per question: the asker sets the pace, nothing is kept for it here.
 */
import type { GroupId, MemberIndex, Slot } from '../base/types.ts';
import { SNAPSHOT_BLOCK_BYTES } from '../limits.ts';
import { type Crc, readSnapshot } from '../log/snapshot-format.ts';
import type { OpenSnapshot, SnapshotMedium } from '../log/snapshot-medium.ts';
import type { Bulk } from '../memory/bulk.ts';
import type { Configuration } from '../paxos/configuration.ts';
import {
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
  SNAPSHOT_FETCH,
  SNAPSHOT_OFFER,
  SNAPSHOT_PART,
} from '../paxos/message.ts';
import type { Transport } from '../transport/transport.ts';
import { encodeFrame, FRAME_HEADER_BYTES } from '../wire/frame.ts';
import type { GroupDriver } from './group-driver.ts';

/** Parts that one question brings, and their size. */
export const SNAPSHOT_BURST_PARTS = 8;
const PART_BYTES = SNAPSHOT_BLOCK_BYTES;

export class SnapshotSender {
  readonly #driver: GroupDriver;
  readonly #medium: SnapshotMedium;
  readonly #configuration: Configuration;
  readonly #transport: Transport;
  readonly #bulk: Bulk;
  readonly #message = new Float64Array(MESSAGE_FIELDS);
  readonly #part = new Uint8Array(new SharedArrayBuffer(PART_BYTES));
  #open: OpenSnapshot | undefined;
  #openWatermark: Slot = -1;
  /** Snapshot that each member began to ask for last. */
  readonly #begunBy: Slot[] = [];
  readonly #name: { clusterId: number; group: GroupId };
  readonly #crc: Crc;
  /** The newest snapshot was set aside: another is needed. */
  readonly #onDamaged: () => void;
  sentParts = 0;

  constructor(
    driver: GroupDriver,
    medium: SnapshotMedium,
    configuration: Configuration,
    transport: Transport,
    bulk: Bulk,
    clusterId: number,
    crc: Crc,
    onDamaged: () => void,
  ) {
    this.#onDamaged = onDamaged;
    this.#name = { clusterId, group: driver.groupId };
    this.#crc = crc;
    this.#driver = driver;
    this.#medium = medium;
    this.#configuration = configuration;
    this.#transport = transport;
    this.#bulk = bulk;
  }

  /** Asks a peer for the bytes of its snapshot from `offset` on. */
  ask(to: MemberIndex, watermark: Slot, offset: number): void {
    this.#fill(SNAPSHOT_FETCH, watermark, offset);
    this.#send(to, 0);
  }

  /** Tells a peer which snapshot it may ask for. */
  offer(to: MemberIndex): void {
    const { snapshotWatermark, snapshotBytes } = this.#driver.replica.state;
    this.#fill(SNAPSHOT_OFFER, snapshotWatermark, snapshotBytes);
    this.#send(to, 0);
  }

  onFetch(message: Float64Array): void {
    const from = message[M_FROM] as MemberIndex;
    let offset = message[M_AUX] as number;
    if (offset === 0 && this.#isDoubted(from, message[M_SLOT] as Slot)) return;
    const source = this.#source(message[M_SLOT] as Slot);
    if (source === undefined) return;
    for (let part = 0; part < SNAPSHOT_BURST_PARTS && offset < source.size; part++) {
      const length = Math.min(PART_BYTES, source.size - offset);
      source.read(offset, this.#part, length);
      const words = this.#fill(SNAPSHOT_PART, message[M_SLOT] as Slot, offset);
      words[M_AUX2] = source.size;
      words[M_VALUE_LENGTH] = length;
      words[M_VALUE_CRC] = this.#bulk.crc32c(this.#part, 0, length);
      if (!this.#send(from, length)) return;
      this.sentParts += 1;
      offset += length;
    }
  }

  /** A peer that begins anew may have found the snapshot damaged: then it is looked at, and a damaged one is served no more. */
  #isDoubted(from: MemberIndex, watermark: Slot): boolean {
    const isAgain = this.#begunBy[from] === watermark;
    this.#begunBy[from] = watermark;
    if (!isAgain || !this.#medium.list().includes(watermark)) return false;
    const source = this.#medium.open(watermark);
    try {
      for (const _chunk of readSnapshot(source, { ...this.#name, watermark }, this.#crc));
      return false;
    } catch {
      this.close();
      this.#medium.setAside(watermark);
      this.#driver.replica.state.snapshotWatermark = this.#medium.list().at(-1) ?? 0;
      this.#onDamaged();
      return true;
    } finally {
      source.close();
    }
  }

  /** The asked snapshot stays open until another is asked for; undefined where it is gone. */
  #source(watermark: Slot): OpenSnapshot | undefined {
    if (watermark === this.#openWatermark) return this.#open;
    if (!this.#medium.list().includes(watermark)) return undefined;
    this.#open?.close();
    this.#open = this.#medium.open(watermark);
    this.#openWatermark = watermark;
    return this.#open;
  }

  #fill(kind: number, watermark: Slot, offset: number): Float64Array {
    const words = this.#message;
    words.fill(0);
    words[M_KIND] = kind;
    words[M_FROM] = this.#configuration.self;
    words[M_EPOCH] = this.#configuration.epoch;
    words[M_BALLOT] = this.#driver.replica.state.promisedBallot;
    words[M_SLOT] = watermark;
    words[M_COMMIT] = this.#driver.replica.commitWatermark;
    words[M_AUX] = offset;
    return words;
  }

  #send(to: MemberIndex, length: number): boolean {
    const transport = this.#transport;
    const at = transport.claim(to, FRAME_HEADER_BYTES + length, length > 0);
    if (at < 0) return false;
    encodeFrame(transport.outWords, at >> 2, this.#driver.groupId, this.#message);
    if (length > 0) this.#bulk.copy(this.#part, 0, transport.outBytes, at + FRAME_HEADER_BYTES, length);
    transport.publish();
    return true;
  }

  close(): void {
    this.#open?.close();
    this.#open = undefined;
    this.#openWatermark = -1;
  }
}
