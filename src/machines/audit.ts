/**
 * A kv machine that can prove what it applied: every command carries client and number; per client it keeps a count and an
 * order-sensitive digest, so that a command lost, doubled or reordered shows.
 *
 *   0   CLIENT      4   0      8   NUMBER (2)      16   a kv command
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import { fromWords, highWord } from '../base/bits.ts';
import type { Command, MachineOptions, Reply, StateMachine } from '../runtime/state-machine.ts';
import { mixDigest } from './audit-digest.ts';
import { REPORT_CLIENT_WORDS, REPORT_HEADER_WORDS, REPORT_QUERY } from './audit-report.ts';
import { KvMachine } from './kv.ts';

export const AUDIT_HEADER_BYTES = 16;
/** Clients at most; commands of further ones are applied but not audited, and count as out of order. */
const CLIENTS_MAX = 4096;

export class AuditMachine implements StateMachine {
  readonly #kv = new KvMachine();
  readonly #ids = new Int32Array(CLIENTS_MAX);
  readonly #counts = new Float64Array(CLIENTS_MAX);
  readonly #numbers = new Float64Array(CLIENTS_MAX);
  readonly #digests = new Int32Array(CLIENTS_MAX);
  #clients = 0;
  #last = 0;
  #outOfOrder = 0;

  apply(command: Command, reply: Reply): void {
    const word = command.offset >> 2;
    if (command.length >= AUDIT_HEADER_BYTES) this.#record(command.words, word, command.length);
    command.offset += AUDIT_HEADER_BYTES;
    command.length -= AUDIT_HEADER_BYTES;
    this.#kv.apply(command, reply);
  }

  prefetch(words: Int32Array, payloads: Int32Array, count: number): void {
    this.#kv.prefetchBehind(AUDIT_HEADER_BYTES, words, payloads, count);
  }

  #record(words: Int32Array, word: number, length: number): void {
    const at = this.#indexOf(words[word] as number);
    if (at < 0) {
      this.#outOfOrder += 1;
      return;
    }
    const number = fromWords(words[word + 2] as number, words[word + 3] as number);
    if (number !== (this.#numbers[at] as number) + 1) this.#outOfOrder += 1;
    this.#numbers[at] = number;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#digests[at] = mixDigest(this.#digests[at] as number, words, word, length);
  }

  #indexOf(client: number): number {
    if (this.#last < this.#clients && this.#ids[this.#last] === client) return this.#last;
    for (let i = 0; i < this.#clients; i++) {
      if (this.#ids[i] !== client) continue;
      this.#last = i;
      return i;
    }
    if (this.#clients === CLIENTS_MAX) return -1;
    this.#ids[this.#clients] = client;
    this.#last = this.#clients;
    this.#clients += 1;
    return this.#last;
  }

  query(query: Command, reply: Reply): void {
    if (query.length >= 1 && query.bytes[query.offset] === REPORT_QUERY) this.#report(reply);
    else this.#kv.query(query, reply);
  }

  #report(reply: Reply): void {
    const first = reply.offset >> 2;
    reply.length = 4 * (REPORT_HEADER_WORDS + this.#clients * REPORT_CLIENT_WORDS);
    if (reply.length > reply.capacity) throw new RangeError('the report does not fit the reply');
    reply.words[first] = this.#clients;
    reply.words[first + 1] = this.#outOfOrder;
    for (let i = 0; i < this.#clients; i++) {
      const word = first + REPORT_HEADER_WORDS + i * REPORT_CLIENT_WORDS;
      reply.words[word] = this.#ids[i] as number;
      reply.words[word + 1] = 0;
      reply.words[word + 2] = this.#counts[i] as number;
      reply.words[word + 3] = highWord(this.#counts[i] as number);
      reply.words[word + 4] = this.#numbers[i] as number;
      reply.words[word + 5] = highWord(this.#numbers[i] as number);
      reply.words[word + 6] = this.#digests[i] as number;
      reply.words[word + 7] = 0;
    }
  }

  /** Its own 115 KB copied as of the call; the kv machine's part is a view. */
  snapshot(): Iterable<Uint8Array> {
    const own = [this.#ids, this.#counts, this.#numbers, this.#digests].map(
      (part) => new Uint8Array(part.slice().buffer),
    ); // reason: snapshots are not on the hot path
    const head = new Uint8Array(Float64Array.of(this.#clients, this.#outOfOrder).buffer);
    return join([head, ...own], this.#kv.snapshot()); // reason: snapshots are not on the hot path
  }

  *restore(chunks: Iterable<Uint8Array>): Generator<void> {
    const image = chunks[Symbol.iterator]();
    const start = new Float64Array(takeBuffer(image));
    this.#clients = start[0] as number;
    this.#outOfOrder = start[1] as number;
    this.#ids.set(new Int32Array(takeBuffer(image)));
    this.#counts.set(new Float64Array(takeBuffer(image)));
    this.#numbers.set(new Float64Array(takeBuffer(image)));
    this.#digests.set(new Int32Array(takeBuffer(image)));
    yield* this.#kv.restore({ [Symbol.iterator]: () => image }); // reason: snapshots are not on the hot path
  }

  snapshotBytesKept(): number {
    return this.#kv.snapshotBytesKept();
  }
}

export function createMachine(_options: MachineOptions): StateMachine {
  return new AuditMachine();
}

function takeBuffer(image: Iterator<Uint8Array>): ArrayBuffer {
  const { value, done } = image.next();
  assert(done !== true, 'an image has all its chunks');
  return (value as Uint8Array).slice().buffer as ArrayBuffer;
}

function* join(own: readonly Uint8Array[], kv: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield* own;
  yield* kv;
}
