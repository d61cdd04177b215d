/**
 * The demo's commands: half puts, a quarter compare-and-swaps at the revision last seen, a quarter increments, in seeded
 * order over the keys of one shard. Encoded in place, all of one length (layouts: machines/audit, machines/kv-commands):
 *
 *   0 client, number   16 op, key length   24 [revision or delta]   24 or 32 key   40 or 48 value, or filler, to the end
 *
 * The last quarter of the keys counts; the others are put and swapped.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { fromWords, highWord } from '../base/bits.ts';
import type { Prng } from '../base/prng.ts';
import { AUDIT_HEADER_BYTES } from '../machines/audit.ts';
import { mixDigest } from '../machines/audit-digest.ts';
import {
  KV_CONFLICT,
  KV_HEADER_BYTES,
  KV_INCREMENT,
  KV_OK,
  KV_OPERAND_BYTES,
  KV_PUT,
  KV_REPLY_BYTES,
  KV_REPLY_REVISION_BYTE,
  KV_SWAP,
} from '../machines/kv-commands.ts';
import type { LoadMix } from './demo-client.ts';
import { KEY_BYTES, type KeyTable } from './key-table.ts';

const AUDIT_WORDS = AUDIT_HEADER_BYTES / 4;
const HEADER_WORDS = KV_HEADER_BYTES / 4;
const OPERAND_WORDS = KV_OPERAND_BYTES / 4;
const KEY_WORDS = KEY_BYTES / 4;

export class CommandMix implements LoadMix {
  readonly payloadBytes: number;
  digest = 0;
  /** Compare-and-swaps that swapped, and that found another revision. */
  swapped = 0;
  conflicts = 0;
  /** Replies that are neither: no command of the mix should get one. */
  failed = 0;
  readonly #client: number;
  readonly #keys: Int32Array;
  readonly #putKeys: number;
  readonly #countKeys: number;
  /** Last revision seen, by key. */
  readonly #revisions: Float64Array;
  /** Key and operation of each command in flight, by number. */
  readonly #keyOf: Int32Array;
  readonly #opOf: Uint8Array;
  readonly #mask: number;
  /** [state of the generator]: xorshift32, because a number in [0, 2^32) would be boxed on its way out of a call. */
  readonly #random: Int32Array;

  constructor(client: number, table: KeyTable, payloadBytes: number, inFlightMax: number, prng: Prng) {
    assert(table.count >= 4, 'a mix has keys of both kinds');
    this.payloadBytes = payloadBytes;
    this.#client = client;
    this.#keys = table.words;
    this.#countKeys = table.count >> 2;
    this.#putKeys = table.count - this.#countKeys;
    this.#revisions = new Float64Array(table.count);
    const capacity = 2 ** Math.ceil(Math.log2(inFlightMax + 1));
    this.#keyOf = new Int32Array(capacity);
    this.#opOf = new Uint8Array(capacity);
    this.#mask = capacity - 1;
    this.#random = Int32Array.of(prng.next32() | 1);
  }

  encode(_bytes: Uint8Array, words: Int32Array, offset: number, number: number): void {
    const random = this.#next();
    const choice = random & 3;
    const op = choice < 2 ? KV_PUT : choice === 2 ? KV_SWAP : KV_INCREMENT;
    const place = random >>> 2;
    const key = op === KV_INCREMENT ? this.#putKeys + (place % this.#countKeys) : place % this.#putKeys;
    this.#keyOf[number & this.#mask] = key;
    this.#opOf[number & this.#mask] = op;
    const word = offset >> 2;
    words[word] = this.#client;
    words[word + 1] = 0;
    words[word + 2] = number;
    words[word + 3] = highWord(number);
    this.#encodeKv(words, word + AUDIT_WORDS, word + ((this.payloadBytes + 3) >> 2), op, key);
    this.digest = mixDigest(this.digest, words, word, this.payloadBytes);
  }

  #encodeKv(words: Int32Array, start: number, end: number, op: number, key: number): void {
    words[start] = op | (KEY_BYTES << 8);
    words[start + 1] = 0;
    let word = start + HEADER_WORDS;
    if (op !== KV_PUT) {
      const operand = op === KV_SWAP ? (this.#revisions[key] as number) : 1;
      words[word] = operand;
      words[word + 1] = highWord(operand);
      word += OPERAND_WORDS;
    }
    const from = key * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) words[word + i] = this.#keys[from + i] as number;
    words.fill(this.digest, word + KEY_WORDS, end);
  }

  learn(number: number, bytes: Uint8Array, offset: number, length: number): void {
    if (length < KV_REPLY_BYTES) {
      this.failed += 1;
      return;
    }
    const status = readWord(bytes, offset);
    if (this.#opOf[number & this.#mask] === KV_SWAP) {
      if (status === KV_OK) this.swapped += 1;
      else if (status === KV_CONFLICT) this.conflicts += 1;
      else this.failed += 1;
    } else if (status !== KV_OK) {
      this.failed += 1;
    }
    const low = readWord(bytes, offset + KV_REPLY_REVISION_BYTE);
    this.#revisions[this.#keyOf[number & this.#mask] as number] = fromWords(
      low,
      readWord(bytes, offset + KV_REPLY_REVISION_BYTE + 4),
    );
  }

  #next(): number {
    let state = this.#random[0] as number;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#random[0] = state;
    return state;
  }
}

function readWord(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
