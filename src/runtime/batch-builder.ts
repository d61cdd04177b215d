/**
 * Gathers runs of command records from the lanes of a group into one staged value (layout: Batch in memory/descriptor).
 * One copy per run; a padding record before a run makes source and destination agree modulo 64 (memcpy hole, native-facts 8).
 *
 *   staged value:  | batch header | pad | run of lane 0 | pad | run of lane 1 | …
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import { highWord } from '../base/bits.ts';
import { VALUE_BYTES_MAX } from '../limits.ts';
import type { Log } from '../log/log.ts';
import type { Bulk } from '../memory/bulk.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_LOG_TIME_WORD,
  BATCH_MAGIC,
  BATCH_MAGIC_WORD,
  RECORD_SIZE_WORD,
  RECORD_TYPE_SHIFT,
  RECORD_TYPE_WORD,
  TYPE_PADDING,
} from '../memory/descriptor.ts';

/** Source and destination of a copy agree modulo this. */
const COPY_CONGRUENCE = 64;

/** Where runs of whole command records come from: lanes of this process, or what other nodes forwarded. */
export interface RunSource {
  /** What `take` found: `runSize` bytes at `runOffset` of `bytes`. */
  readonly bytes: Uint8Array;
  readonly runOffset: number;
  readonly runSize: number;
  /** Finds the next run, of about `maxBytes` at most; false when there is none. */
  take(maxBytes: number): boolean;
  /** The run was copied: true where the copy is whole, and the source is behind it. */
  confirm(): boolean;
}

export class BatchBuilder {
  readonly #log: Log;
  readonly #bulk: Bulk;
  readonly #bytesTarget: number;
  /** Byte offset of the built value in the log's staged chunk. */
  offset = 0;
  /** Lane to begin with next time, so that no lane starves the others. */
  #turn = 0;
  #capacity = 0;
  #length = 0;

  constructor(log: Log, bulk: Bulk, bytesTarget: number) {
    this.#log = log;
    this.#bulk = bulk;
    this.#bytesTarget = bytesTarget;
  }

  /** Builds a batch from what the sources hold; returns its length, 0 when nothing waits or the log's tail is full. */
  build(lanes: readonly RunSource[], logTimeMs: Float64Array): number {
    this.#length = 0;
    this.#capacity = 0;
    const count = lanes.length;
    for (let n = 0; n < count; n++) {
      const lane = lanes[(this.#turn + n) % count] as RunSource;
      if (!this.#gather(lane)) break;
    }
    this.#turn = count === 0 ? 0 : (this.#turn + 1) % count;
    if (this.#length <= BATCH_HEADER_BYTES) return 0;
    this.#writeHeader(logTimeMs);
    return this.#length;
  }

  /** Takes every run of one lane that fits; false when the batch is full. */
  #gather(lane: RunSource): boolean {
    for (;;) {
      const room = this.#capacity === 0 ? this.#bytesTarget : this.#capacity - this.#length - COPY_CONGRUENCE;
      if (room <= 0) return false;
      if (!lane.take(room)) return true;
      if (this.#capacity === 0 && !this.#stage(lane.runSize)) return false;
      if (lane.runSize + COPY_CONGRUENCE > this.#capacity - this.#length) return false;
      this.#copyRun(lane);
    }
  }

  #stage(firstRun: number): boolean {
    const run = firstRun > this.#bytesTarget ? firstRun : this.#bytesTarget;
    const capacity = run + BATCH_HEADER_BYTES + 2 * COPY_CONGRUENCE;
    assert(capacity <= VALUE_BYTES_MAX, 'the largest command fits one value');
    const at = this.#log.stage(capacity);
    if (at < 0) return false;
    assert(at % COPY_CONGRUENCE === 0, 'staged values are aligned');
    this.offset = at;
    this.#capacity = capacity;
    this.#length = BATCH_HEADER_BYTES;
    return true;
  }

  #copyRun(lane: RunSource): void {
    const log = this.#log;
    const at = this.offset + this.#length;
    const pad = (lane.runOffset - at) & (COPY_CONGRUENCE - 1);
    this.#bulk.copy(lane.bytes, lane.runOffset, log.stagedBytes, at + pad, lane.runSize);
    const size = lane.runSize;
    if (!lane.confirm()) return;
    if (pad > 0) {
      const word = at >> 2;
      log.stagedWords[word + RECORD_SIZE_WORD] = pad;
      log.stagedWords[word + RECORD_TYPE_WORD] = TYPE_PADDING << RECORD_TYPE_SHIFT;
      // The same commands are the same value: nothing of what stood here before is chosen with them.
      for (let i = 2; i < pad >> 2; i++) log.stagedWords[word + i] = 0;
    }
    this.#length += pad + size;
  }

  #writeHeader(logTimeMs: Float64Array): void {
    const words = this.#log.stagedWords;
    const word = this.offset >> 2;
    words[word + BATCH_MAGIC_WORD] = BATCH_MAGIC;
    words[word + BATCH_MAGIC_WORD + 1] = 0;
    words[word + BATCH_LOG_TIME_WORD] = logTimeMs[0] as number;
    words[word + BATCH_LOG_TIME_WORD + 1] = highWord(logTimeMs[0] as number);
  }
}
