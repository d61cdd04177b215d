/** Writes the value of a slot, record by record, and mends or spoils it for tests. */
import { align, highWord } from '../../src/base/bits.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_LOG_TIME_WORD,
  BATCH_MAGIC,
  COMMAND_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  RECORD_TYPE_SHIFT,
  TYPE_CLOSE_SESSION,
  TYPE_COMMAND,
  TYPE_OPEN_SESSION,
  TYPE_PADDING,
} from '../../src/memory/descriptor.ts';

/** Values stand behind other bytes, as they do in the log. */
const START = 24;

export class BatchWriter {
  bytes: Uint8Array = new Uint8Array(1 << 16);
  words = new Int32Array(this.bytes.buffer);
  readonly offset = START;
  length = 0;

  begin(logTimeMs: number): this {
    this.length = BATCH_HEADER_BYTES;
    const word = START >> 2;
    this.words[word] = BATCH_MAGIC;
    this.words[word + BATCH_LOG_TIME_WORD] = logTimeMs;
    this.words[word + BATCH_LOG_TIME_WORD + 1] = highWord(logTimeMs);
    return this;
  }

  command(session: number, number: number, payload: Uint8Array): this {
    return this.record(TYPE_COMMAND, session, number, payload);
  }

  openSession(nonceLow: number, nonceHigh: number): this {
    return this.record(TYPE_OPEN_SESSION, 0, 0, new Uint8Array(Int32Array.of(nonceLow, nonceHigh).buffer));
  }

  closeSession(session: number): this {
    return this.record(TYPE_CLOSE_SESSION, session, 0, new Uint8Array(0));
  }

  padding(size: number): this {
    const word = this.#grow(size);
    this.words[word] = size;
    this.words[word + 1] = TYPE_PADDING << RECORD_TYPE_SHIFT;
    this.bytes.fill(0xaa, 4 * word + RECORD_HEADER_BYTES, START + this.length);
    return this;
  }

  record(type: number, session: number, number: number, payload: Uint8Array): this {
    const size = COMMAND_HEADER_BYTES + payload.length;
    const word = this.#grow(size);
    this.words.set([size, (type << RECORD_TYPE_SHIFT) | highWord(number), number, session], word);
    this.bytes.set(payload, 4 * word + COMMAND_HEADER_BYTES);
    return this;
  }

  /** Room for one more record; returns its first word. */
  #grow(size: number): number {
    const at = START + this.length;
    this.length += align(size, 8);
    if (START + this.length > this.bytes.length) {
      const bytes = new Uint8Array(2 * (START + this.length));
      bytes.set(this.bytes);
      this.bytes = bytes;
      this.words = new Int32Array(bytes.buffer);
    }
    return at >> 2;
  }
}
