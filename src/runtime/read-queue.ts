/**
 * Linearizable reads of one lane: a batch of queries shares one round of heartbeats (S20). The batch closes, then the round
 * starts; when an accept quorum has answered it and everything below the read index is applied, the queries run.
 *
 *   lane ─▶ copied batch ─▶ round r, index i ─▶ confirmed ≥ r and applied ≥ i ─▶ machine.query ─▶ completion ring
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import { align, fromWords, highWord } from '../base/bits.ts';
import type { Slot } from '../base/types.ts';
import { REPLY_BYTES_MAX } from '../limits.ts';
import type { Bulk } from '../memory/bulk.ts';
import {
  COMMAND_HEADER_BYTES,
  COMMAND_NUMBER_HIGH_MASK,
  COMMAND_NUMBER_LOW_WORD,
  RECORD_ALIGNMENT,
  RECORD_SIZE_WORD,
  RECORD_TYPE_SHIFT,
  RECORD_TYPE_WORD,
  REPLY_HEADER_BYTES,
  REPLY_SIZE_WORD,
  REPLY_STATUS_WORD,
  RUN_COUNT_WORD,
  RUN_FIRST_LOW_WORD,
  RUN_HEADER_BYTES,
  TYPE_PADDING,
  TYPE_REPLIES,
} from '../memory/descriptor.ts';
import type { GroupDriver } from './group-driver.ts';
import type { LaneTap } from './lane-tap.ts';

/** Bytes of queries that share one round at most. */
const BATCH_BYTES = 1 << 16;

export class ReadQueue {
  readonly #tap: LaneTap;
  readonly #driver: GroupDriver;
  readonly #bulk: Bulk;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  #size = 0;
  #at = 0;
  #round = 0;
  #change = -1;
  readonly #index = new Float64Array(1);

  constructor(tap: LaneTap, driver: GroupDriver, bulk: Bulk, queryBytesMax: number) {
    assert(tap.isReads, 'a read queue serves a lane of reads');
    const capacity = align(queryBytesMax + COMMAND_HEADER_BYTES, RECORD_ALIGNMENT) + BATCH_BYTES;
    this.#tap = tap;
    this.#driver = driver;
    this.#bulk = bulk;
    this.#bytes = new Uint8Array(new SharedArrayBuffer(capacity));
    this.#words = new Int32Array(this.#bytes.buffer);
  }

  /** The route went elsewhere: the client sends its reads again, to whoever leads now. */
  clear(): void {
    this.#size = 0;
    this.#at = 0;
  }

  serves(tap: LaneTap): boolean {
    return this.#tap === tap;
  }

  /** Takes a batch, or answers one that is confirmed; returns how many queries were answered or taken. */
  work(): number {
    if (!this.#tap.isActive) {
      this.clear();
      return 0;
    }
    if (this.#change !== this.#tap.reader.adoptedChange) {
      this.clear();
      this.#change = this.#tap.reader.adoptedChange;
    }
    if (this.#size === 0) return this.#takeBatch();
    if (this.#driver.replica.confirmedRound < this.#round) return 0;
    if (this.#driver.appliedWatermark < (this.#index[0] as Slot)) return 0;
    return this.#answer();
  }

  #takeBatch(): number {
    const reader = this.#tap.reader;
    if (!reader.take(BATCH_BYTES)) return 0;
    assert(reader.runSize <= this.#bytes.length, 'a query is no longer than the configured limit');
    const size = reader.runSize;
    this.#bulk.copy(reader.bytes, reader.runOffset, this.#bytes, 0, size);
    if (!reader.confirm()) return 0;
    this.#size = size;
    this.#at = 0;
    this.#index[0] = this.#driver.replica.readIndex;
    this.#round = this.#driver.beginReadRound();
    return 1;
  }

  #answer(): number {
    let answered = 0;
    while (this.#at < this.#size) {
      const word = this.#at >> 2;
      const size = this.#words[word + RECORD_SIZE_WORD] as number;
      const isPadding = (this.#words[word + RECORD_TYPE_WORD] as number) >>> RECORD_TYPE_SHIFT === TYPE_PADDING;
      if (!isPadding && !this.#answerOne(word, size)) return answered;
      this.#at += align(size, RECORD_ALIGNMENT);
      answered += 1;
    }
    this.clear();
    return answered;
  }

  /** False when the completion ring has no room for the largest reply: try again later. */
  #answerOne(word: number, size: number): boolean {
    const ring = this.#tap.completions;
    const room = ring.capacity >>> 2 < REPLY_BYTES_MAX ? ring.capacity >>> 2 : REPLY_BYTES_MAX;
    if (!ring.hasRoom(RUN_HEADER_BYTES + REPLY_HEADER_BYTES + room)) return false;
    const applier = this.#driver.applier;
    applier.query(this.#bytes, this.#words, this.#at + COMMAND_HEADER_BYTES, size - COMMAND_HEADER_BYTES, room);
    const at = ring.claim(RUN_HEADER_BYTES + REPLY_HEADER_BYTES + applier.queryLength, TYPE_REPLIES);
    const run = at >> 2;
    const high = (this.#words[word + RECORD_TYPE_WORD] as number) & COMMAND_NUMBER_HIGH_MASK;
    const number = fromWords(this.#words[word + COMMAND_NUMBER_LOW_WORD] as number, high);
    ring.words[run + RECORD_TYPE_WORD] = (TYPE_REPLIES << RECORD_TYPE_SHIFT) | highWord(number);
    ring.words[run + RUN_FIRST_LOW_WORD] = number;
    ring.words[run + RUN_COUNT_WORD] = 1;
    ring.words[run + RUN_HEADER_BYTES / 4 + REPLY_SIZE_WORD] = REPLY_HEADER_BYTES + applier.queryLength;
    ring.words[run + RUN_HEADER_BYTES / 4 + REPLY_STATUS_WORD] = applier.queryStatus;
    this.#bulk.copy(applier.queryBytes, 0, ring.bytes, at + RUN_HEADER_BYTES + REPLY_HEADER_BYTES, applier.queryLength);
    ring.publish();
    return true;
  }
}
