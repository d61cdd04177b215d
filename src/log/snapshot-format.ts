/**
 * A snapshot on its medium: a sequence of checked blocks, each bound to its place and its snapshot.
 *
 *   | HEADER | DATA | DATA | … | END |          a chunk of the image = one or more DATA blocks, the last one says so
 *
 * Block: header of SNAPSHOT_BLOCK_HEADER_BYTES, payload, zeros to a multiple of 8.
 *
 *   0   MAGIC            4   KIND               1 header, 2 data, 3 data that ends its chunk, 4 end
 *   8   LENGTH           12  CRC                crc32c of the payload, continued over the words 4–7
 *   16  INDEX (2)        24  WATERMARK (2)      place in the file; all slots below are in the image
 *
 * Payload of HEADER: version, group, cluster id (2). Payload of END: blocks before it (2).
 */
import { align, fromWords, highWord, lowWord } from '../base/bits.ts';
import { SynodError } from '../base/errors.ts';
import type { GroupId, Slot } from '../base/types.ts';
import { SNAPSHOT_BLOCK_BYTES } from '../limits.ts';

export const SNAPSHOT_FORMAT_VERSION = 1;
export const SNAPSHOT_BLOCK_HEADER_BYTES = 32;
const MAGIC = 0x5a7c5d01;
const KIND_HEADER = 1;
const KIND_DATA = 2;
const KIND_CHUNK_END = 3;
const KIND_END = 4;
const PAYLOAD_MAX = SNAPSHOT_BLOCK_BYTES - SNAPSHOT_BLOCK_HEADER_BYTES;
const SMALL_PAYLOAD_BYTES = 16;

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

/** Cuts an image into blocks; each call hands the finished ones to `append`. */
export class SnapshotEncoder {
  readonly #name: SnapshotName;
  readonly #crc: Crc;
  readonly #append: (block: Uint8Array) => void;
  readonly #bytes = new Uint8Array(SNAPSHOT_BLOCK_BYTES);
  readonly #words = new Int32Array(this.#bytes.buffer);
  #blocks = 0;

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
  }

  #finish(kind: number, length: number): void {
    const size = align(SNAPSHOT_BLOCK_HEADER_BYTES + length, 8);
    this.#bytes.fill(0, SNAPSHOT_BLOCK_HEADER_BYTES + length, size);
    const { watermark } = this.#name;
    this.#words.set([MAGIC, kind, length, 0, lowWord(this.#blocks), highWord(this.#blocks)]);
    this.#words.set([lowWord(watermark), highWord(watermark)], 6);
    this.#words[3] = blockCrc(this.#crc, this.#bytes, length);
    this.#append(this.#bytes.subarray(0, size));
    this.#blocks += 1;
  }
}

function blockCrc(crc: Crc, bytes: Uint8Array, length: number): number {
  const head = crc(bytes, 0, 12, 0);
  return crc(bytes, 16, SNAPSHOT_BLOCK_HEADER_BYTES - 16 + length, head) | 0;
}

/**
 * The chunks of a whole, undamaged snapshot, in order. Throws ERR_SYNOD_SNAPSHOT_DAMAGED at the first block that is not what was
 * written there.
 */
export function* readSnapshot(source: SnapshotSource, name: SnapshotName, crc: Crc): Generator<Uint8Array> {
  const bytes = new Uint8Array(SNAPSHOT_BLOCK_BYTES);
  const words = new Int32Array(bytes.buffer);
  let parts: Uint8Array[] = [];
  let offset = 0;
  for (let index = 0; ; index++) {
    const kind = readBlock(source, offset, index, name, bytes, words, crc);
    const length = words[2] as number;
    const payload = SNAPSHOT_BLOCK_HEADER_BYTES / 4;
    offset += align(SNAPSHOT_BLOCK_HEADER_BYTES + length, 8);
    if (index === 0) {
      const isOurs =
        kind === KIND_HEADER &&
        words[payload] === SNAPSHOT_FORMAT_VERSION &&
        words[payload + 1] === name.group &&
        fromWords(words[payload + 2] as number, words[payload + 3] as number) === name.clusterId;
      if (!isOurs) throw damaged(name, offset, 'it belongs to another cluster, group or version');
    } else if (kind === KIND_END) {
      if (parts.length > 0 || fromWords(words[payload] as number, words[payload + 1] as number) !== index)
        throw damaged(name, offset, 'it ends too early');
      return;
    } else {
      if (kind !== KIND_DATA && kind !== KIND_CHUNK_END) throw damaged(name, offset, 'a block of unknown kind');
      parts.push(bytes.slice(SNAPSHOT_BLOCK_HEADER_BYTES, SNAPSHOT_BLOCK_HEADER_BYTES + length));
      if (kind === KIND_CHUNK_END) {
        yield join(parts);
        parts = [];
      }
    }
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Reads the block at `offset` and returns its kind. */
function readBlock(
  source: SnapshotSource,
  offset: number,
  index: number,
  name: SnapshotName,
  bytes: Uint8Array,
  words: Int32Array,
  crc: Crc,
): number {
  if (offset + SNAPSHOT_BLOCK_HEADER_BYTES > source.size) throw damaged(name, offset, 'it is cut off');
  source.read(offset, bytes, SNAPSHOT_BLOCK_HEADER_BYTES);
  const length = words[2] as number;
  const isHeader =
    words[0] === MAGIC &&
    length >= 0 &&
    length <= PAYLOAD_MAX &&
    fromWords(words[4] as number, words[5] as number) === index &&
    fromWords(words[6] as number, words[7] as number) === name.watermark;
  if (!isHeader) throw damaged(name, offset, 'no block begins here');
  if (offset + SNAPSHOT_BLOCK_HEADER_BYTES + length > source.size) throw damaged(name, offset, 'it is cut off');
  source.read(offset, bytes, SNAPSHOT_BLOCK_HEADER_BYTES + length);
  if (words[3] !== blockCrc(crc, bytes, length)) throw damaged(name, offset, 'a block does not match its checksum');
  return words[1] as number;
}

function damaged(name: SnapshotName, offset: number, reason: string): SynodError {
  return new SynodError(
    'ERR_SYNOD_SNAPSHOT_DAMAGED',
    `The snapshot of shard ${name.group} at slot ${name.watermark} is damaged near byte ${offset}: ${reason}. An older one or a peer's is used.`,
  );
}
