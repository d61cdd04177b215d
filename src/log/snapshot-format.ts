/**
 * A snapshot on its medium: a sequence of checked blocks, each bound to its place and its snapshot.
 *
 *   | HEADER | DATA | DATA | … | END |          a chunk of the image = one or more DATA blocks, the last one says so
 *
 * Block: header of SNAPSHOT_BLOCK_HEADER_BYTES, payload, zeros to a multiple of 8.
 *
 *   0   MAGIC            4   KIND               1 header, 2 data, 3 data that ends its chunk, 4 end
 *   8   LENGTH           12  CRC                crc32c of the rest of the block, going on from the CRC of the block before
 *   16  INDEX (2)        24  WATERMARK (2)      place in the file; all slots below are in the image
 *
 * The checksums are a chain, so that blocks of two images never make up a third, however alike they are.
 *
 * Payload of HEADER: version, group, cluster id (2). Payload of END: blocks before it (2).
 */
import { assert } from '../base/assert.ts';
import { align, fromWords, highWord, lowWord } from '../base/bits.ts';
import { SynodError } from '../base/errors.ts';
import type { GroupId, Slot } from '../base/types.ts';
import { SNAPSHOT_BLOCK_BYTES } from '../limits.ts';
import { crc32c } from '../wire/crc32c.ts';

export const SNAPSHOT_FORMAT_VERSION = 2;
export const SNAPSHOT_BLOCK_HEADER_BYTES = 32;
const MAGIC = 0x5a7c5d02;
const KIND_HEADER = 1;
const KIND_DATA = 2;
const KIND_CHUNK_END = 3;
const KIND_END = 4;
const PAYLOAD_MAX = SNAPSHOT_BLOCK_BYTES - SNAPSHOT_BLOCK_HEADER_BYTES;
const CRC_AT = 12;
const CRC_END = 16;
const SMALL_PAYLOAD_BYTES = 16;
/** Read from the medium at once. */
const READ_BYTES = 1 << 20;

export interface SnapshotName {
  clusterId: number;
  group: GroupId;
  watermark: Slot;
}

export type Crc = (bytes: Uint8Array, offset: number, length: number, seed: number) => number;

/** Where the bytes of a published or growing snapshot are read. */
export interface SnapshotSource {
  readonly size: number;
  read(offset: number, target: Uint8Array, size: number): void;
}

/** Memory for blocks: shared, so that the addon can be told of it once, and used again, because it cannot be told for ever. */
interface Scratch {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}

const idleScratch: Scratch[] = [];

function takeScratch(): Scratch {
  const idle = idleScratch.pop();
  if (idle !== undefined) return idle;
  const memory = new SharedArrayBuffer(READ_BYTES);
  return { bytes: new Uint8Array(memory), words: new Int32Array(memory) };
}

/** Cuts an image into blocks; each call hands the finished ones to `append`. */
export class SnapshotEncoder {
  readonly #name: SnapshotName;
  readonly #crc: Crc;
  readonly #append: (block: Uint8Array) => void;
  readonly #scratch = takeScratch();
  readonly #bytes = this.#scratch.bytes;
  readonly #words = this.#scratch.words;
  #blocks = 0;
  #chained = 0;
  #isClosed = false;

  constructor(name: SnapshotName, crc: Crc, append: (block: Uint8Array) => void) {
    this.#name = name;
    this.#crc = crc;
    this.#append = append;
    const payload = this.#words.subarray(SNAPSHOT_BLOCK_HEADER_BYTES / 4);
    payload.set([SNAPSHOT_FORMAT_VERSION, name.group, lowWord(name.clusterId), highWord(name.clusterId)]);
    this.#finish(KIND_HEADER, SMALL_PAYLOAD_BYTES);
  }

  /** Block payloads that a chunk still needs from `from` on; writes one of them. Returns where the next begins. */
  put(chunk: Uint8Array, from: number): number {
    assert(!this.#isClosed, 'nothing follows the end of a snapshot');
    assert(from >= 0 && from <= chunk.length, 'a block begins inside its chunk');
    const length = Math.min(PAYLOAD_MAX, chunk.length - from);
    this.#bytes.set(chunk.subarray(from, from + length), SNAPSHOT_BLOCK_HEADER_BYTES);
    const end = from + length;
    this.#finish(end === chunk.length ? KIND_CHUNK_END : KIND_DATA, length);
    return end;
  }

  end(): void {
    const payload = this.#words.subarray(SNAPSHOT_BLOCK_HEADER_BYTES / 4);
    payload.set([lowWord(this.#blocks), highWord(this.#blocks), 0, 0]);
    this.#finish(KIND_END, SMALL_PAYLOAD_BYTES);
    this.close();
  }

  /** Gives its memory back: after `end`, and where there will be none. Idempotent. */
  close(): void {
    if (!this.#isClosed) idleScratch.push(this.#scratch);
    this.#isClosed = true;
  }

  #finish(kind: number, length: number): void {
    const size = align(SNAPSHOT_BLOCK_HEADER_BYTES + length, 8);
    this.#bytes.fill(0, SNAPSHOT_BLOCK_HEADER_BYTES + length, size);
    const { watermark } = this.#name;
    this.#words.set([MAGIC, kind, length, 0, lowWord(this.#blocks), highWord(this.#blocks)]);
    this.#words.set([lowWord(watermark), highWord(watermark)], 6);
    this.#chained = blockCrc(this.#crc, this.#bytes, 0, size, this.#chained);
    this.#words[3] = this.#chained;
    this.#append(this.#bytes.subarray(0, size));
    this.#blocks += 1;
  }
}

/** Of the block of `size` bytes, padding included, that stands at `at`. */
function blockCrc(crc: Crc, bytes: Uint8Array, at: number, size: number, chained: number): number {
  return crc(bytes, at + CRC_END, size - CRC_END, crc(bytes, at, CRC_AT, chained)) | 0;
}

/**
 * The chunks of a whole, undamaged snapshot, in order. Throws ERR_SYNOD_SNAPSHOT_DAMAGED at the
 * first block that is not what was written there, and ERR_SYNOD_DIRECTORY_MISMATCH where it is sound and another's.
 */
export function* readSnapshot(source: SnapshotSource, name: SnapshotName, crc: Crc): Generator<Uint8Array> {
  const scratch = takeScratch();
  try {
    const blocks = new BlockReader(source, name, crc, scratch);
    let chunk = NOTHING;
    let length = 0;
    blocks.next();
    if (!blocks.isHeader()) throw blocks.foreign();
    for (blocks.next(); blocks.kind !== KIND_END; blocks.next()) {
      const payload = blocks.payload();
      if (length + payload.length > chunk.length)
        chunk = grown(chunk, length + payload.length, blocks.kind === KIND_CHUNK_END);
      chunk.set(payload, length);
      length += payload.length;
      if (blocks.kind === KIND_DATA) continue;
      yield chunk.subarray(0, length);
      // Whoever reads may have kept it: that costs a machine's author nothing, and memory used again would cost him his state.
      chunk = NOTHING;
      length = 0;
    }
    if (length > 0 || !blocks.isEnd()) throw blocks.damaged('it ends too early');
  } finally {
    idleScratch.push(scratch);
  }
}

const NOTHING = new Uint8Array(0);

/** Whose snapshot this says to be, by its first block alone; undefined where that is no sound one. */
export function readSnapshotName(source: SnapshotSource): SnapshotName | undefined {
  const bytes = new Uint8Array(SNAPSHOT_BLOCK_HEADER_BYTES + SMALL_PAYLOAD_BYTES);
  if (source.size < bytes.length) return undefined;
  source.read(0, bytes, bytes.length);
  const words = new Int32Array(bytes.buffer);
  const isHeader = words[0] === MAGIC && words[1] === KIND_HEADER && words[2] === SMALL_PAYLOAD_BYTES;
  if (!isHeader || words[3] !== blockCrc(crc32c, bytes, 0, bytes.length, 0)) return undefined;
  const [version, group, low, high] = words.subarray(SNAPSHOT_BLOCK_HEADER_BYTES / 4) as unknown as number[];
  if (version !== SNAPSHOT_FORMAT_VERSION) return undefined;
  const watermark = fromWords(words[6] as number, words[7] as number);
  return { clusterId: fromWords(low as number, high as number), group: group as GroupId, watermark };
}

/** Room for `length` bytes, and while more will come for more: most chunks are small, and are one block. */
function grown(chunk: Uint8Array<ArrayBuffer>, length: number, isLast: boolean): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(isLast ? length : Math.max(4 * SNAPSHOT_BLOCK_BYTES, 2 * length));
  larger.set(chunk);
  return larger;
}

/**
 * Reads a snapshot that still grows, as far as it is there, and at last to its end; no chunk of it is put together. Throws
 * ERR_SYNOD_SNAPSHOT_DAMAGED like `readSnapshot`.
 */
export class SnapshotVerifier {
  readonly #source: { size: number; read: SnapshotSource['read'] };
  readonly #scratch = takeScratch();
  readonly #blocks: BlockReader;
  #isInChunk = false;
  #isClosed = false;

  constructor(read: SnapshotSource['read'], name: SnapshotName, crc: Crc) {
    this.#source = { size: 0, read };
    this.#blocks = new BlockReader(this.#source, name, crc, this.#scratch);
  }

  /** All blocks that certainly end within the first `size` bytes; nothing where more of it was seen before. */
  advance(size: number): void {
    if (size <= this.#source.size) return;
    this.#source.size = size;
    while (this.#blocks.end + SNAPSHOT_BLOCK_BYTES <= size) this.#next();
  }

  /** The rest; there are `size` bytes, and no more will come. */
  finish(size: number): void {
    this.#source.size = size;
    do this.#next();
    while (this.#blocks.kind !== KIND_END);
    if (this.#isInChunk || !this.#blocks.isEnd()) throw this.#blocks.damaged('it ends too early');
  }

  #next(): void {
    const blocks = this.#blocks;
    if (blocks.kind === KIND_END) throw blocks.damaged('it goes on behind its end');
    blocks.next();
    if (blocks.kind === KIND_HEADER && !blocks.isHeader()) throw blocks.foreign();
    this.#isInChunk = blocks.kind === KIND_DATA;
  }

  /** Gives its memory back. Idempotent. */
  close(): void {
    if (!this.#isClosed) idleScratch.push(this.#scratch);
    this.#isClosed = true;
  }
}

/** Reads block after block, many at once from the medium. */
class BlockReader {
  readonly #source: SnapshotSource;
  readonly #name: SnapshotName;
  readonly #crc: Crc;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  /** Place in the file of the first byte held, bytes held, and where the current block stands among them. */
  #base = 0;
  #held = 0;
  #at = 0;
  #size = 0;
  #index = -1;
  #chained = 0;
  kind = 0;

  constructor(source: SnapshotSource, name: SnapshotName, crc: Crc, { bytes, words }: Scratch) {
    this.#source = source;
    this.#name = name;
    this.#crc = crc;
    this.#bytes = bytes;
    this.#words = words;
  }

  next(): void {
    this.#at += this.#size;
    this.#index += 1;
    if (this.#at + SNAPSHOT_BLOCK_BYTES > this.#held) this.#refill();
    const length = this.#readHeader();
    this.#size = align(SNAPSHOT_BLOCK_HEADER_BYTES + length, 8);
    if (this.#at + this.#size > this.#held) throw this.damaged('it is cut off');
    const crc = blockCrc(this.#crc, this.#bytes, this.#at, this.#size, this.#chained);
    if (this.#word(3) !== crc) throw this.damaged('a block does not match its checksum');
    this.#chained = crc;
    this.kind = this.#word(1);
    if (this.kind !== KIND_HEADER && this.kind !== KIND_DATA && this.kind !== KIND_CHUNK_END && this.kind !== KIND_END)
      throw this.damaged('a block of unknown kind');
    if ((this.kind === KIND_HEADER) !== (this.#index === 0))
      throw this.damaged('a header stands before all other blocks');
  }

  #readHeader(): number {
    if (this.#at + SNAPSHOT_BLOCK_HEADER_BYTES > this.#held) throw this.damaged('it is cut off');
    const length = this.#word(2);
    const isHeader =
      this.#word(0) === MAGIC &&
      length >= 0 &&
      length <= PAYLOAD_MAX &&
      fromWords(this.#word(4), this.#word(5)) === this.#index &&
      fromWords(this.#word(6), this.#word(7)) === this.#name.watermark;
    if (!isHeader) throw this.damaged('no block begins here');
    return length;
  }

  /** Brings the current block, and as many behind it as there is room for, to the front. */
  #refill(): void {
    this.#bytes.copyWithin(0, this.#at, this.#held);
    this.#base += this.#at;
    this.#held -= this.#at;
    this.#at = 0;
    const offset = this.#base + this.#held;
    assert(this.#held >= 0 && this.#held < SNAPSHOT_BLOCK_BYTES, 'only a part of a block is left');
    const more = Math.min(READ_BYTES - this.#held, this.#source.size - offset);
    if (more <= 0) return;
    this.#source.read(offset, this.#bytes.subarray(this.#held), more);
    this.#held += more;
  }

  #word(index: number): number {
    return this.#words[(this.#at >> 2) + index] as number;
  }

  /** Place in the file behind the current block. */
  get end(): number {
    return this.#base + this.#at + this.#size;
  }

  /** The payload of the current block; valid until `next`. */
  payload(): Uint8Array {
    const from = this.#at + SNAPSHOT_BLOCK_HEADER_BYTES;
    return this.#bytes.subarray(from, from + this.#word(2));
  }

  /** The current block is the first of our snapshot. */
  isHeader(): boolean {
    const payload = SNAPSHOT_BLOCK_HEADER_BYTES / 4;
    return (
      this.kind === KIND_HEADER &&
      this.#word(payload) === SNAPSHOT_FORMAT_VERSION &&
      this.#word(payload + 1) === this.#name.group &&
      fromWords(this.#word(payload + 2), this.#word(payload + 3)) === this.#name.clusterId
    );
  }

  /** The current block ends the file, and says how many stand before it. */
  isEnd(): boolean {
    const payload = SNAPSHOT_BLOCK_HEADER_BYTES / 4;
    return this.end === this.#source.size && fromWords(this.#word(payload), this.#word(payload + 1)) === this.#index;
  }

  /** Sound, and another's: no reason to throw it away. */
  foreign(): SynodError {
    const { group, watermark } = this.#name;
    return new SynodError(
      'ERR_SYNOD_DIRECTORY_MISMATCH',
      `The snapshot of shard ${group} at slot ${watermark} belongs to another cluster or shard, or another version wrote it: take it away, or use its own directory and version.`,
    );
  }

  damaged(reason: string): SynodError {
    const { group, watermark } = this.#name;
    return new SynodError(
      'ERR_SYNOD_SNAPSHOT_DAMAGED',
      `The snapshot of shard ${group} at slot ${watermark} is damaged near byte ${this.#base + this.#at}: ${reason}. An older one or a peer's is used.`,
    );
  }
}
