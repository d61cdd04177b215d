/**
 * Finds records by position: in the in-memory tail, in place, or read back from the device and verified.
 *
 *   locate(position) ──resident──▶ chunk of the entry-store
 *                    ──evicted───▶ LogDevice.read ──▶ scratch, both checksums verified
 * @hot
 */
import { assert } from '../base/assert.ts';
import { align } from '../base/bits.ts';
import { SynodError } from '../base/errors.ts';
import type { LogPosition } from '../base/types.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, VALUE_BYTES_MAX } from '../limits.ts';
import { alignedMemory } from '../memory/aligned-memory.ts';
import type { Checksum } from '../wire/crc32c.ts';
import type { EntryStore } from './entry-store.ts';
import type { LogDevice } from './log.ts';
import { ENTRY_ALIGNMENT, ENTRY_HEADER_BYTES, ENTRY_SIZE_WORD, ENTRY_VALUE_CRC_WORD } from './record.ts';
import { isRecordHeaderValid } from './record-header.ts';

/** A largest record, wherever it starts in its first block. */
const SCRATCH_BYTES = align(ENTRY_HEADER_BYTES + VALUE_BYTES_MAX, LOG_BLOCK_BYTES) + LOG_BLOCK_BYTES;

export class RecordReader {
  /** Where the record located last stands: `offset` is that of its header. */
  bytes: Uint8Array;
  words: Int32Array;
  offset = 0;
  readonly #device: LogDevice;
  readonly #store: EntryStore;
  readonly #checksum: Checksum;
  readonly #scratchBytes: Uint8Array;
  readonly #scratchWords: Int32Array;

  constructor(device: LogDevice, store: EntryStore, checksum: Checksum) {
    const memory = alignedMemory(SCRATCH_BYTES);
    this.#device = device;
    this.#store = store;
    this.#checksum = checksum;
    this.#scratchBytes = new Uint8Array(memory);
    this.#scratchWords = new Int32Array(memory);
    checksum.attach(this.#scratchBytes);
    this.bytes = this.#scratchBytes;
    this.words = this.#scratchWords;
  }

  locate(position: LogPosition): void {
    assert(position % ENTRY_ALIGNMENT === 0, 'records stand at multiples of 64');
    if (this.#store.isResident(position)) {
      const chunk = this.#store.chunkOf(position);
      this.bytes = this.#store.bytes[chunk];
      this.words = this.#store.words[chunk];
      this.offset = position % LOG_SEGMENT_BYTES;
    } else {
      this.#readBack(position);
    }
    assert(this.words[(this.offset >> 2) + ENTRY_SIZE_WORD] >= ENTRY_HEADER_BYTES, 'a record stands at the position');
  }

  /** Reads the record's first block, then the rest of it. */
  #readBack(position: LogPosition): void {
    const offset = position % LOG_BLOCK_BYTES;
    const block = position - offset;
    this.bytes = this.#scratchBytes;
    this.words = this.#scratchWords;
    this.offset = offset;
    this.#device.read(block, this.bytes, 0, LOG_BLOCK_BYTES);
    if (!isRecordHeaderValid(this.words, offset >> 2, position)) this.#refuse(position);
    const size = this.words[(offset >> 2) + ENTRY_SIZE_WORD];
    const end = align(offset + size, LOG_BLOCK_BYTES);
    if (end > LOG_BLOCK_BYTES) {
      this.#device.read(block + LOG_BLOCK_BYTES, this.bytes, LOG_BLOCK_BYTES, end - LOG_BLOCK_BYTES);
    }
    const valueBytes = size - ENTRY_HEADER_BYTES;
    if (valueBytes === 0) return;
    const crc = this.#checksum.crc32c(this.bytes, offset + ENTRY_HEADER_BYTES, valueBytes, 0);
    if (crc !== this.words[(offset >> 2) + ENTRY_VALUE_CRC_WORD]) this.#refuse(position);
  }

  #refuse(position: LogPosition): never {
    throw new SynodError(
      'ERR_SYNOD_LOG_DAMAGED',
      `The log is damaged: the record at position ${position} does not match its checksums. ` +
        'Check the medium; replace the replica if it stays so.',
    );
  }
}
