/**
 * The ready-made key-value machine: put, get, delete, compare-and-swap, increment, expiry by log time.
 * Command and reply layouts: machines/kv-commands.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { fromWords, highWord } from '../base/bits.ts';
import { KEY_BYTES_MAX, PREFETCH_COMMANDS_MAX } from '../limits.ts';
import type { Command, MachineOptions, Reply, StateMachine } from '../runtime/state-machine.ts';
import { UNIT_WORDS } from './frozen-words.ts';
import { CLASSES } from './kv-arena.ts';
import {
  hasOperand,
  KV_CONFLICT,
  KV_DELETE,
  KV_GET,
  KV_HEADER_BYTES,
  KV_INCREMENT,
  KV_MALFORMED,
  KV_NOT_A_NUMBER,
  KV_NOT_FOUND,
  KV_OK,
  KV_OPERAND_BYTES,
  KV_OPERAND_WORD,
  KV_PUT,
  KV_REPLY_BYTES,
  KV_SWAP,
  KV_TTL_WORD,
} from './kv-commands.ts';
import { KvStore, type KvView } from './kv-store.ts';

const NUMBER_BYTES = 8;

export class KvMachine implements StateMachine {
  #store = new KvStore();
  /** Last revision given out. */
  readonly #revision = new Float64Array(1);
  #op = 0;
  #keyLength = 0;
  #keyWord = 0;
  #valueWord = 0;
  #valueLength = 0;
  #hash = 0;
  readonly #hashes = new Int32Array(PREFETCH_COMMANDS_MAX);

  apply(command: Command, reply: Reply): void {
    if (!this.#parse(command)) {
      this.#answer(reply, KV_MALFORMED, 0);
      return;
    }
    const block = this.#live(command);
    switch (this.#op) {
      case KV_PUT:
        this.#put(command, reply, block);
        break;
      case KV_GET:
        this.#get(reply, block);
        break;
      case KV_DELETE:
        this.#delete(reply, block);
        break;
      case KV_SWAP:
        this.#swap(command, reply, block);
        break;
      case KV_INCREMENT:
        this.#increment(command, reply, block);
        break;
      default:
        this.#answer(reply, KV_MALFORMED, 0);
    }
  }

  prefetch(words: Int32Array, payloads: Int32Array, count: number): void {
    this.prefetchBehind(0, words, payloads, count);
  }

  /** Prefetch for commands that stand `header` bytes behind the payload's begin. */
  prefetchBehind(header: number, words: Int32Array, payloads: Int32Array, count: number): void {
    assert(count <= PREFETCH_COMMANDS_MAX, 'so many commands are announced at most');
    const hashes = this.#hashes;
    for (let i = 0; i < count; i++) {
      const word = (payloads[i] as number) + (header >> 2);
      const first = words[word] as number;
      const keyLength = (first >>> 8) & 0xffff;
      const key = word + ((KV_HEADER_BYTES + (hasOperand(first & 0xff) ? KV_OPERAND_BYTES : 0)) >> 2);
      hashes[i] = keyLength > KEY_BYTES_MAX ? 0 : this.#store.hash(words, key, keyLength);
    }
    this.#store.touch(hashes, count);
  }

  /** Only get. */
  query(query: Command, reply: Reply): void {
    if (!this.#parse(query) || this.#op !== KV_GET) {
      this.#answer(reply, KV_MALFORMED, 0);
      return;
    }
    const block = this.#store.find(query.words, this.#keyWord, this.#keyLength, this.#hash);
    const isGone = block !== 0 && this.#isExpired(block, query.logTimeMs);
    this.#get(reply, isGone ? 0 : block);
  }

  /** Finds the parts of a command; false when it is malformed. */
  #parse(command: Command): boolean {
    if (command.length < KV_HEADER_BYTES) return false;
    const word = command.offset >> 2;
    const first = command.words[word] as number;
    this.#op = first & 0xff;
    this.#keyLength = (first >>> 8) & 0xffff;
    const keyOffset = KV_HEADER_BYTES + (hasOperand(this.#op) ? KV_OPERAND_BYTES : 0);
    const valueOffset = keyOffset + ((this.#keyLength + 3) & ~3);
    if (this.#keyLength === 0 || this.#keyLength > KEY_BYTES_MAX || valueOffset > command.length) return false;
    this.#keyWord = word + (keyOffset >> 2);
    this.#valueWord = word + (valueOffset >> 2);
    this.#valueLength = command.length - valueOffset;
    this.#hash = this.#store.hash(command.words, this.#keyWord, this.#keyLength);
    return true;
  }

  /** Block of the command's key; an expired one is removed. */
  #live(command: Command): number {
    const block = this.#store.find(command.words, this.#keyWord, this.#keyLength, this.#hash);
    if (block === 0 || !this.#isExpired(block, command.logTimeMs)) return block;
    this.#store.remove(block, this.#hash);
    return 0;
  }

  #isExpired(block: number, logTimeMs: number): boolean {
    const expiry = this.#store.expiry(block);
    return expiry > 0 && expiry <= logTimeMs;
  }

  #put(command: Command, reply: Reply, found: number): void {
    const block = this.#write(command, found, this.#valueLength);
    this.#copyValue(command.words, block);
    const ttl = command.words[(command.offset >> 2) + KV_TTL_WORD] as number;
    this.#answer(reply, KV_OK, this.#store.setExpiry(block, this.#hash, ttl > 0 ? command.logTimeMs + ttl : 0));
  }

  #swap(command: Command, reply: Reply, found: number): void {
    const operand = (command.offset >> 2) + KV_OPERAND_WORD;
    const expected = fromWords(command.words[operand] as number, command.words[operand + 1] as number);
    const actual = found === 0 ? 0 : this.#store.revision(found);
    if (actual !== expected) {
      this.#answer(reply, KV_CONFLICT, found);
      return;
    }
    const block = this.#write(command, found, this.#valueLength);
    this.#copyValue(command.words, block);
    this.#answer(reply, KV_OK, block);
  }

  #increment(command: Command, reply: Reply, found: number): void {
    const isNumber = found === 0 || this.#store.valueLength(found) === NUMBER_BYTES;
    const operand = (command.offset >> 2) + KV_OPERAND_WORD;
    const delta = fromWords(command.words[operand] as number, command.words[operand + 1] as number);
    const sum = isNumber ? this.#numberOf(found) + delta : 0;
    if (!isNumber || !Number.isSafeInteger(sum)) {
      this.#answer(reply, KV_NOT_A_NUMBER, found);
      return;
    }
    const block = this.#write(command, found, NUMBER_BYTES);
    const words = this.#store.page(block);
    const at = this.#store.valueAt(block);
    words[at] = sum;
    words[at + 1] = highWord(sum);
    this.#answer(reply, KV_OK, block);
    const word = reply.offset >> 2;
    reply.words[word + 4] = sum;
    reply.words[word + 5] = highWord(sum);
    reply.length = KV_REPLY_BYTES + NUMBER_BYTES;
  }

  /** The 8-byte number in a block; 0 for none. */
  #numberOf(block: number): number {
    if (block === 0) return 0;
    const words = this.#store.page(block);
    const at = this.#store.valueAt(block);
    return fromWords(words[at] as number, words[at + 1] as number);
  }

  #get(reply: Reply, block: number): void {
    this.#answer(reply, block === 0 ? KV_NOT_FOUND : KV_OK, block);
    if (block === 0) return;
    const length = this.#store.valueLength(block);
    reply.length = KV_REPLY_BYTES + length;
    // A length beyond the capacity is answered with REPLY_TOO_LARGE; a throw here would stop the group for good.
    if (reply.length > reply.capacity) return;
    const words = this.#store.page(block);
    const from = this.#store.valueAt(block);
    const to = (reply.offset + KV_REPLY_BYTES) >> 2;
    const count = (length + 3) >> 2;
    for (let i = 0; i < count; i++) reply.words[to + i] = words[from + i] as number;
  }

  #delete(reply: Reply, block: number): void {
    this.#answer(reply, block === 0 ? KV_NOT_FOUND : KV_OK, block);
    if (block !== 0) this.#store.remove(block, this.#hash);
  }

  /** The key's block with room for a value of `length` bytes and the next revision; made when `found` is 0. */
  #write(command: Command, found: number, length: number): number {
    const store = this.#store;
    const block =
      found === 0
        ? store.insert(command.words, this.#keyWord, this.#keyLength, this.#hash, length)
        : store.resize(found, this.#hash, length);
    this.#revision[0] = (this.#revision[0] as number) + 1;
    store.setRevision(block, this.#revision[0] as number);
    return block;
  }

  #copyValue(words: Int32Array, block: number): void {
    const own = this.#store.page(block);
    const to = this.#store.valueAt(block);
    const count = (this.#valueLength + 3) >> 2;
    for (let i = 0; i < count; i++) own[to + i] = words[this.#valueWord + i] as number;
  }

  #answer(reply: Reply, status: number, block: number): void {
    const word = reply.offset >> 2;
    const revision = block === 0 ? 0 : this.#store.revision(block);
    reply.words[word] = status;
    reply.words[word + 1] = 0;
    reply.words[word + 2] = revision;
    reply.words[word + 3] = highWord(revision);
    reply.length = KV_REPLY_BYTES;
  }

  /**
   * A view as of the call, read in units of 256 KiB while commands go on. It costs a bit per 64 bytes of state at once, and then the old
   * contents of what is overwritten before it is read; the chunk given is valid until the next is asked for.
   */
  snapshot(): Iterable<Uint8Array> {
    const view = this.#store.freeze();
    return readView(this.#store, view, imageHead(view, this.#revision[0] as number)); // reason: snapshots are not on the hot path
  }

  snapshotBytesKept(): number {
    return LINE_BYTES * this.#store.linesKept;
  }

  *restore(chunks: Iterable<Uint8Array>): Generator<void> {
    const image = chunks[Symbol.iterator]();
    const head = takeWords(image);
    assert(head.length === HEAD_WORDS && head[0] === IMAGE_VERSION, 'an image of the kv machine begins with its head');
    this.#revision[0] = fromWords(head[1] as number, head[2] as number);
    this.#store = new KvStore();
    const header = head.subarray(HEADER_AT, FREE_AT); // reason: snapshots are not on the hot path
    const { tableWords, arenaWords } = this.#store.clear(header, head.subarray(FREE_AT)); // reason: as above
    for (let at = 0; at < tableWords; at += UNIT_WORDS) {
      this.#store.fillTable(at, takeWords(image));
      yield;
    }
    for (let at = 0; at < arenaWords; at += UNIT_WORDS) {
      this.#store.fillArena(at, takeWords(image));
      yield;
    }
  }
}

const LINE_BYTES = 64;
const IMAGE_VERSION = 2;
/** The first chunk: version, revision (2), the store's header (4), free blocks by size. */
const HEADER_AT = 3;
const FREE_AT = HEADER_AT + 4;
const HEAD_WORDS = FREE_AT + CLASSES;

function imageHead(view: KvView, revision: number): Int32Array {
  const head = new Int32Array(HEAD_WORDS);
  head.set([IMAGE_VERSION, revision | 0, highWord(revision)]);
  head.set(view.header, HEADER_AT);
  head.set(view.free, FREE_AT);
  return head;
}

function* readView(store: KvStore, view: KvView, head: Int32Array): Generator<Uint8Array> {
  const bytes = new Uint8Array(view.unit.buffer);
  try {
    yield new Uint8Array(head.buffer);
    while (!view.table.isRead) yield bytes.subarray(0, 4 * view.table.read()); // reason: snapshots are not on the hot path
    while (!view.arena.isRead) yield bytes.subarray(0, 4 * view.arena.read()); // reason: as above
  } finally {
    store.thaw(view);
  }
}

function takeWords(image: Iterator<Uint8Array>): Int32Array {
  const { value, done } = image.next();
  assert(done !== true, 'an image has all its chunks');
  const chunk = value as Uint8Array;
  const isAligned = (chunk.byteOffset & 3) === 0;
  return isAligned
    ? new Int32Array(chunk.buffer, chunk.byteOffset, chunk.length >> 2)
    : new Int32Array(chunk.slice().buffer); // reason: snapshots are not on the hot path
}

export function createMachine(_options: MachineOptions): StateMachine {
  return new KvMachine();
}
