/**
 * Commands of one shard, encoded before the run and copied word by word: three in eight puts, as many compare-and-swaps
 * at the revision last seen, a quarter increments, over keys in seeded random order.
 *
 *   templates in the order in which they are sent ─▶ copy into ring or lane ─▶ reply ─▶ learn: revision of the template's key
 *
 * The order is that of the templates in memory: the load must not wait for memory more than a caller who just made a command.
 * Keys come in fours: three that are put and swapped, one that counts.
 * @hot
 */
import { assert } from '../src/base/assert.ts';
import { Prng } from '../src/base/prng.ts';
import { KEY_BYTES, type KeyTable, makeKeyTables } from '../src/cli/key-table.ts';
import { SESSION_INFLIGHT_MAX } from '../src/limits.ts';
import { KV_OPERAND_WORD, KV_REPLY_REVISION_BYTE } from '../src/machines/kv-commands.ts';
import { encodeTemplate, TEMPLATE_GET, TEMPLATE_INCREMENT, TEMPLATE_PUT, TEMPLATE_SWAP } from './command-templates.ts';

/** The last key of so many counts, the others are put and swapped. */
const KEYS_TOGETHER = 4;
/** Commands whose replies are not learned yet. */
const PENDING_MASK = 2 * SESSION_INFLIGHT_MAX - 1;
/** Put and swap, or twice increment. */
const TEMPLATES_PER_KEY = 2;

/** What callers of the promise API need: the same commands as bytes of their own. */
export interface PromiseCommands {
  keys: string[];
  commands: Uint8Array[];
  queries: Uint8Array[];
}

export class CommandTable {
  readonly payloadBytes: number;
  readonly firstKey: string;
  readonly #keys: KeyTable;
  readonly #words: Int32Array;
  readonly #wordsEach: number;
  /** Key of each template. */
  readonly #keyOf: Int32Array;
  /** 1 for templates that carry an expected revision. */
  readonly #isSwap: Uint8Array;
  /** Last revision seen per key, two words each. */
  readonly #revisions: Int32Array;
  readonly #pending = new Int32Array(PENDING_MASK + 1);
  #template = 0;
  #sent = 0;
  #learned = 0;

  private constructor(keys: KeyTable, payloadBytes: number, seed: number) {
    assert(payloadBytes % 8 === 0, 'commands are copied by words and stay aligned');
    const templates = keys.count * TEMPLATES_PER_KEY;
    this.payloadBytes = payloadBytes;
    this.firstKey = keys.first;
    this.#keys = keys;
    this.#wordsEach = payloadBytes / 4;
    this.#words = new Int32Array(templates * this.#wordsEach);
    this.#isSwap = new Uint8Array(templates);
    this.#revisions = new Int32Array(keys.count * 2);
    this.#keyOf = new Int32Array(templates);
    const order = shuffled(templates, new Prng(seed).fork(`shard-${keys.shard}`));
    const bytes = new Uint8Array(this.#words.buffer);
    for (let template = 0; template < templates; template++) {
      const kind = kindOf(order[template]);
      const key = Math.floor(order[template] / TEMPLATES_PER_KEY);
      const encoded = encodeTemplate(kind, this.#keyBytes(key), payloadBytes);
      assert(encoded.length === payloadBytes, 'every command has the asked-for length');
      bytes.set(encoded, template * payloadBytes);
      this.#keyOf[template] = key;
      this.#isSwap[template] = kind === TEMPLATE_SWAP ? 1 : 0;
    }
  }

  /** Tables of all shards; `keys` keys in all. */
  static perShard(
    keys: number,
    shards: number,
    payloadBytes: number,
    seed: number,
    shardOf: (key: string) => number,
  ): CommandTable[] {
    return makeKeyTables(keys, shards, shardOf).map((table) => new CommandTable(table, payloadBytes, seed));
  }

  static ofOneShard(keys: number, payloadBytes: number, seed: number): CommandTable {
    return CommandTable.perShard(keys, 1, payloadBytes, seed, () => 0)[0];
  }

  /** Moves on to the next command; its reply will be learned in turn. */
  next(): void {
    this.#template = this.#template + 1 === this.#keyOf.length ? 0 : this.#template + 1;
    this.#pending[this.#sent & PENDING_MASK] = this.#keyOf[this.#template];
    this.#sent = (this.#sent + 1) | 0;
  }

  /** Writes the command at hand from word `to` on. */
  write(words: Int32Array, to: number): void {
    const from = this.#template * this.#wordsEach;
    const source = this.#words;
    for (let word = 0; word < this.#wordsEach; word++) words[to + word] = source[from + word];
    if (this.#isSwap[this.#template] === 0) return;
    const key = this.#keyOf[this.#template] * 2;
    words[to + KV_OPERAND_WORD] = this.#revisions[key];
    words[to + KV_OPERAND_WORD + 1] = this.#revisions[key + 1];
  }

  /** Takes the reply, at byte `offset`, of the oldest command that was not learned. */
  learn(bytes: Uint8Array, offset: number): void {
    const key = this.#pending[this.#learned & PENDING_MASK] * 2;
    this.#learned = (this.#learned + 1) | 0;
    this.#revisions[key] = wordAt(bytes, offset + KV_REPLY_REVISION_BYTE);
    this.#revisions[key + 1] = wordAt(bytes, offset + KV_REPLY_REVISION_BYTE + 4);
  }

  /** Puts and increments of these tables, shard after shard in turn, for callers that pass bytes. */
  static toPromiseCommands(tables: readonly CommandTable[]): PromiseCommands {
    const result: PromiseCommands = { keys: [], commands: [], queries: [] };
    const decoder = new TextDecoder();
    // reason: made once, before the run
    const most = Math.max(...tables.map((table) => table.#keys.count));
    for (let key = 0; key < most; key++) {
      // reason: made once, before the run
      for (const table of tables.filter(({ firstKey }, index) => firstKey !== '' && key < tables[index].#keys.count)) {
        const keyBytes = table.#keyBytes(key);
        result.keys.push(decoder.decode(keyBytes));
        result.commands.push(encodeTemplate(kindOf(key * TEMPLATES_PER_KEY), keyBytes, table.payloadBytes));
        result.queries.push(encodeTemplate(TEMPLATE_GET, keyBytes, table.payloadBytes));
      }
    }
    return result;
  }

  #keyBytes(key: number): Uint8Array {
    return this.#keys.bytes.slice(key * KEY_BYTES, (key + 1) * KEY_BYTES);
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function kindOf(template: number): number {
  const isCounter = (template >> 1) % KEYS_TOGETHER === KEYS_TOGETHER - 1;
  if (isCounter) return TEMPLATE_INCREMENT;
  return template % TEMPLATES_PER_KEY === 0 ? TEMPLATE_PUT : TEMPLATE_SWAP;
}

/** The numbers below `count` in random order (Fisher, Yates). */
function shuffled(count: number, prng: Prng): Int32Array {
  const order = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    const other = prng.range(0, index + 1);
    order[index] = order[other];
    order[other] = index;
  }
  return order;
}
