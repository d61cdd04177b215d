/**
 * What another node forwarded to the leader of a group, in order, until a batch takes it: one bounded queue per member, so that no
 * node crowds out another. What finds no room is dropped; the sender sends again what is not applied in time.
 *
 *   FORWARD frame ─▶ checked copy in the queue ─▶ BatchBuilder
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import { align } from '../base/bits.ts';
import { FORWARD_QUEUE_BYTES, FORWARD_RUN_BYTES_MAX } from '../limits.ts';
import type { Bulk } from '../memory/bulk.ts';
import {
  COMMAND_HEADER_BYTES,
  RECORD_ALIGNMENT,
  RECORD_HEADER_BYTES,
  RECORD_TYPE_SHIFT,
  RECORD_TYPE_WORD,
  TYPE_CLOSE_SESSION,
  TYPE_COMMAND,
  TYPE_FRAME,
  TYPE_OPEN_SESSION,
  TYPE_RESUME_SESSION,
} from '../memory/descriptor.ts';
import { createRing, RingConsumer, RingProducer } from '../memory/ring.ts';
import type { RunSource } from './batch-builder.ts';

/** Where a run begins in its record of the queue. */
const RUN_OFFSET = RECORD_HEADER_BYTES;
const NOTHING = new Uint8Array(0);
/** Bytes of a record that opens a session: its nonce follows the header. */
const OPEN_BYTES = COMMAND_HEADER_BYTES + 8;
/** One that resumes it: an attempt besides. */
const RESUME_BYTES = OPEN_BYTES + 8;

export class ForwardedRuns implements RunSource {
  bytes: Uint8Array = NOTHING;
  runOffset = 0;
  runSize = 0;
  readonly #bulk: Bulk;
  readonly #queueBytes: number;
  /** Made for the first run: most groups never get one from most members. */
  #producer: RingProducer | undefined;
  #consumer: RingConsumer | undefined;

  constructor(bulk: Bulk, queueBytes = FORWARD_QUEUE_BYTES) {
    this.#bulk = bulk;
    this.#queueBytes = queueBytes;
  }

  #open(): RingProducer {
    const ring = createRing(this.#queueBytes);
    this.#consumer = new RingConsumer(ring);
    this.bytes = this.#consumer.bytes;
    return new RingProducer(ring);
  }

  /** Copies a run of `size` bytes in; false where it is refused: there is no room, or the copy is not what was sent (S24). */
  push(bytes: Uint8Array, offset: number, size: number, crc: number): boolean {
    if (size <= 0 || size > FORWARD_RUN_BYTES_MAX) return false;
    this.#producer ??= this.#open();
    const producer = this.#producer;
    const at = producer.claim(RUN_OFFSET + size, TYPE_FRAME);
    if (at < 0) return false;
    this.#bulk.copy(bytes, offset, producer.bytes, at + RUN_OFFSET, size);
    const isSound = this.#bulk.crc32c(producer.bytes, at + RUN_OFFSET, size) === crc;
    if (!isSound || !isRun(producer.words, at + RUN_OFFSET, size)) {
      producer.abandon();
      return false;
    }
    producer.publish();
    return true;
  }

  /** The next run as it was forwarded, whatever `maxBytes` says: a batch that has no room for it closes. */
  take(maxBytes: number): boolean {
    assert(maxBytes > 0, 'a run has room for something');
    if (this.runSize > 0) return true;
    const consumer = this.#consumer;
    if (consumer === undefined) return false;
    const at = consumer.next();
    if (at < 0) return false;
    this.runOffset = at + RUN_OFFSET;
    this.runSize = (consumer.words[at >> 2] as number) - RUN_OFFSET;
    return true;
  }

  confirm(): boolean {
    assert(this.runSize > 0, 'a run was taken');
    this.runSize = 0;
    this.#consumer?.release();
    return true;
  }

  /** A leadership began: what an earlier one did not take was sent again to others meanwhile, or will be. */
  clear(): void {
    if (this.#consumer === undefined) return;
    while (this.#consumer.next() >= 0);
    this.runSize = 0;
    this.#consumer.release();
  }
}

/** What a record of a type has at least; more than any has for types that no client writes. */
function bytesOf(type: number): number {
  if (type === TYPE_OPEN_SESSION) return OPEN_BYTES;
  if (type === TYPE_RESUME_SESSION) return RESUME_BYTES;
  return type === TYPE_COMMAND || type === TYPE_CLOSE_SESSION ? COMMAND_HEADER_BYTES : Number.POSITIVE_INFINITY;
}

/** Whole records that a log may hold, and nothing else: a malformed one would stop every replica that applies it. */
function isRun(words: Int32Array, offset: number, size: number): boolean {
  let at = offset;
  const end = offset + size;
  while (at < end) {
    const bytes = words[at >> 2] as number;
    const type = (words[(at >> 2) + RECORD_TYPE_WORD] as number) >>> RECORD_TYPE_SHIFT;
    if (bytes < COMMAND_HEADER_BYTES || bytes > end - at) return false;
    if (bytes < bytesOf(type)) return false;
    at += align(bytes, RECORD_ALIGNMENT);
  }
  return at === end;
}
