/**
 * Applies the chosen values of a group to its state machine, slot by slot, command by command, exactly once per session
 * number. Chosen before apply is the driver's duty; in order and once is this file's.
 *
 *   value: | batch header | record | record | … |  ─▶ session check ─▶ machine.apply ─▶ remembered reply, digest
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import { align, fromWords } from '../base/bits.ts';
import { SynodError } from '../base/errors.ts';
import type { Slot } from '../base/types.ts';
import { PREFETCH_COMMANDS_MAX, REPLY_BYTES_MAX } from '../limits.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_LOG_TIME_WORD,
  BATCH_MAGIC,
  COMMAND_HEADER_BYTES,
  COMMAND_NUMBER_HIGH_MASK,
  COMMAND_NUMBER_LOW_WORD,
  COMMAND_SESSION_WORD,
  RECORD_ALIGNMENT,
  RECORD_HEADER_BYTES,
  RECORD_TYPE_SHIFT,
  RECORD_TYPE_WORD,
  REPLY_OK,
  REPLY_QUERY_FAILED,
  REPLY_TOO_LARGE,
  TYPE_CLOSE_SESSION,
  TYPE_COMMAND,
  TYPE_OPEN_SESSION,
  TYPE_PADDING,
  TYPE_RESUME_SESSION,
} from '../memory/descriptor.ts';
import { chainParts, stepsOf } from './image-chain.ts';
import { FRESH, type SessionTable } from './session-table.ts';
import type { Command, Reply, StateMachine } from './state-machine.ts';

/** Digests of the last so many slots are known, for comparison with other replicas. */
const DIGESTS = 4096;
/** Payload of OPEN_SESSION. */
const NONCE_BYTES = 8;

/** The state machine threw; the cause is what it threw. */
export class MachineFailure extends Error {
  constructor(cause: unknown) {
    super('the state machine threw', { cause });
  }
}

/** Where machines put one reply, and one answer to a query, before it is copied: the groups of a thread share them. */
export interface ReplyMemory {
  reply: Uint8Array;
  answer: Uint8Array;
}

export function makeReplyMemory(): ReplyMemory {
  return {
    reply: new Uint8Array(REPLY_BYTES_MAX),
    answer: new Uint8Array(new SharedArrayBuffer(REPLY_BYTES_MAX)),
  };
}

export class Applier {
  readonly #machine: StateMachine;
  readonly #sessions: SessionTable;
  readonly #command: Command;
  readonly #reply: Reply;
  readonly #query: Command;
  readonly #queryReply: Reply;
  readonly #number = new Float64Array(1);
  readonly #logTime = new Float64Array(1);
  readonly #payloads = new Int32Array(PREFETCH_COMMANDS_MAX);
  readonly #digests = new Int32Array(DIGESTS);
  readonly #digestSlots = new Float64Array(DIGESTS);
  /** Order-sensitive digest of all replies so far. */
  digest = 0;
  /** Commands applied since start. */
  commands = 0;
  /** A restore has begun and not ended: there is no state to apply to or to ask. */
  isRestoring = false;
  queryLength = 0;
  queryStatus = REPLY_OK;

  constructor(machine: StateMachine, sessions: SessionTable, memory: ReplyMemory = makeReplyMemory()) {
    this.#machine = machine;
    this.#sessions = sessions;
    this.#command = emptyCommand();
    this.#reply = emptyReply(memory.reply);
    this.#query = emptyCommand();
    this.#queryReply = emptyReply(memory.answer);
  }

  get logTimeMs(): number {
    return this.#logTime[0] as number;
  }

  /** Memory of the last query's answer: `queryLength` bytes from 0. */
  get queryBytes(): Uint8Array {
    return this.#queryReply.bytes;
  }

  /**
   * Applies the value of `slot`, the next one in order; length 0 is a no-op.
   *
   * requires V6: the state is whole: no image is being put in its place
   */
  applyValue(bytes: Uint8Array, words: Int32Array, offset: number, length: number, slot: Slot): void {
    assert(!this.isRestoring, 'V6: values are applied to a whole state');
    if (length > 0) {
      assert(length >= BATCH_HEADER_BYTES && words[offset >> 2] === BATCH_MAGIC, 'a value is a batch');
      const time = (offset >> 2) + BATCH_LOG_TIME_WORD;
      const logTime = fromWords(words[time] as number, words[time + 1] as number);
      if (logTime > (this.#logTime[0] as number)) this.#logTime[0] = logTime;
      this.#prepare(bytes, words, slot);
      try {
        this.#applyParts(words, offset + BATCH_HEADER_BYTES, offset + length);
      } catch (cause) {
        throw cause instanceof SynodError || cause instanceof MachineFailure ? cause : new MachineFailure(cause);
      }
    }
    this.#digests[(slot + 1) % DIGESTS] = this.digest;
    this.#digestSlots[(slot + 1) % DIGESTS] = slot + 1;
  }

  #prepare(bytes: Uint8Array, words: Int32Array, slot: Slot): void {
    const command = this.#command;
    command.bytes = bytes;
    command.words = words;
    command.slot = slot;
    command.logTimeMs = this.#logTime[0] as number;
  }

  /** Record by record, or part by part where the machine wants to hear of its commands first. */
  #applyParts(words: Int32Array, from: number, end: number): void {
    for (let at = from; at < end; ) {
      const next = this.#machine.prefetch === undefined ? end : this.#announce(words, at, end);
      this.#applyRecords(words, at, next);
      at = next;
    }
  }

  /** Tells the machine of the next commands; returns where the part with them ends. */
  #announce(words: Int32Array, from: number, end: number): number {
    const payloads = this.#payloads;
    let count = 0;
    let at = from;
    while (at < end && count < PREFETCH_COMMANDS_MAX) {
      const word = at >> 2;
      const size = words[word] as number;
      // Applying the part says what is wrong with such a record.
      if (size < RECORD_HEADER_BYTES || size > end - at) return end;
      if ((words[word + RECORD_TYPE_WORD] as number) >>> RECORD_TYPE_SHIFT === TYPE_COMMAND) {
        payloads[count] = word + COMMAND_HEADER_BYTES / 4;
        count += 1;
      }
      at += align(size, RECORD_ALIGNMENT);
    }
    if (count > 1) this.#machine.prefetch?.(words, payloads, count);
    return at < end ? at : end;
  }

  #applyRecords(words: Int32Array, from: number, end: number): void {
    let at = from;
    let session = 0;
    let index = -1;
    while (at < end) {
      const word = at >> 2;
      const size = words[word] as number;
      assert(size >= RECORD_HEADER_BYTES && size <= end - at, 'a record lies inside its batch');
      const type = (words[word + RECORD_TYPE_WORD] as number) >>> RECORD_TYPE_SHIFT;
      if (type === TYPE_COMMAND) {
        assert(size >= COMMAND_HEADER_BYTES, 'a command has a whole header');
        if (words[word + COMMAND_SESSION_WORD] !== session) {
          session = words[word + COMMAND_SESSION_WORD] as number;
          index = this.#sessions.lookup(session);
        }
        if (index >= 0) this.#applyCommand(words, at, size, index);
        else this.#sessions.noteUnknown(session);
      } else if (type !== TYPE_PADDING) {
        this.#applyControl(words, word, type, size);
        session = 0;
        index = -1;
      }
      at += align(size, RECORD_ALIGNMENT);
    }
  }

  #applyCommand(words: Int32Array, at: number, size: number, index: number): void {
    const word = at >> 2;
    const high = (words[word + RECORD_TYPE_WORD] as number) & COMMAND_NUMBER_HIGH_MASK;
    this.#number[0] = fromWords(words[word + COMMAND_NUMBER_LOW_WORD] as number, high);
    if (this.#sessions.judge(index, this.#number, 0) !== FRESH) return;
    const command = this.#command;
    command.offset = at + COMMAND_HEADER_BYTES;
    command.length = size - COMMAND_HEADER_BYTES;
    command.session = words[word + COMMAND_SESSION_WORD] as number;
    command.number = this.#number[0] as number;
    this.#applyOne(command, index);
  }

  #applyOne(command: Command, index: number): void {
    const reply = this.#reply;
    reply.length = 0;
    try {
      this.#machine.apply(command, reply);
    } catch (cause) {
      throw new MachineFailure(cause);
    }
    const fits = isLength(reply.length, REPLY_BYTES_MAX);
    const length = fits ? reply.length : 0;
    const status = fits ? REPLY_OK : REPLY_TOO_LARGE;
    this.#sessions.remember(index, reply.words, length, status);
    this.#sessions.advance(index, this.#logTime);
    this.commands += 1;
    this.#mix(reply.words, 0, length, (command.number | 0) ^ command.session ^ (status << 24));
  }

  #mix(words: Int32Array, word: number, length: number, seed: number): void {
    let hash = Math.imul(this.digest ^ seed, 0x9e3779b1);
    const whole = length >> 2;
    for (let i = 0; i < whole; i++) hash = Math.imul((hash ^ (hash >>> 15)) + (words[word + i] as number), 0x85ebca6b);
    const rest = 8 * (length & 3);
    if (rest > 0)
      hash = Math.imul((hash ^ (hash >>> 15)) + ((words[word + whole] as number) << (32 - rest)), 0x85ebca6b);
    this.digest = hash ^ (hash >>> 13) ^ length;
  }

  #applyControl(words: Int32Array, word: number, type: number, size: number): void {
    assert(size >= COMMAND_HEADER_BYTES, 'a session record has a whole header');
    if (type === TYPE_OPEN_SESSION) {
      assert(size >= COMMAND_HEADER_BYTES + NONCE_BYTES, 'a session is opened by its nonce');
      const nonce = word + COMMAND_HEADER_BYTES / 4;
      const id = this.#sessions.open(words[nonce] as number, words[nonce + 1] as number, this.#logTime[0] as number);
      this.digest = Math.imul(this.digest ^ id, 0x9e3779b1);
    } else if (type === TYPE_RESUME_SESSION) {
      assert(size >= COMMAND_HEADER_BYTES + 2 * NONCE_BYTES, 'a session is resumed by its nonce and an attempt');
      const at = word + COMMAND_HEADER_BYTES / 4;
      const id = this.#sessions.resume(
        words[at] as number,
        words[at + 1] as number,
        words[at + 2] as number,
        words[at + 3] as number,
        this.#logTime[0] as number,
      );
      this.digest = Math.imul(this.digest ^ id, 0x9e3779b1);
    } else if (type === TYPE_CLOSE_SESSION) {
      this.#sessions.close(words[word + COMMAND_SESSION_WORD] as number);
    } else {
      throw new SynodError('ERR_SYNOD_INVARIANT', 'a batch holds commands and session records only');
    }
  }

  /**
   * The chunks of an image of everything that applying has made, frozen together as of now (S16): log time and digest, the sessions, the
   * machine. Drained while commands go on.
   *
   * requires V6: the state is whole
   */
  image(): Iterator<Uint8Array> {
    assert(!this.isRestoring, 'V6: an image is taken of a whole state');
    const head = Float64Array.of(this.#logTime[0] as number, this.digest, this.commands);
    const sessions = this.#sessions.image();
    const machine = this.#machine.snapshot()[Symbol.iterator]();
    // A machine's view may be that of its first chunk, which is asked for now; and only what was begun can be ended early.
    const parts = [
      { first: sessions.next(), rest: sessions },
      { first: machine.next(), rest: machine },
    ];
    return chainParts(new Uint8Array(head.buffer), parts); // reason: snapshots are not on the hot path
  }

  /** Bytes kept aside for the image that is being drained. */
  imageBytesKept(): number {
    return this.#machine.snapshotBytesKept?.() ?? 0;
  }

  /**
   * Becomes what an image says, step by step. Until the last step digest and log time are those of before: they go with the watermark, which moves
   * then. Where it ends early, or throws, nothing is good but another restore.
   */
  *restore(image: Iterator<Uint8Array>): Generator<void> {
    this.isRestoring = true;
    this.#digestSlots.fill(0);
    const { value, done } = image.next();
    assert(done !== true, 'an image has a head');
    const head = new Float64Array((value as Uint8Array).slice().buffer);
    yield* this.#sessions.restore(image);
    yield* stepsOf(this.#machine.restore({ [Symbol.iterator]: () => image }));
    this.#logTime[0] = head[0] as number;
    this.digest = head[1] as number;
    this.commands = head[2] as number;
    this.isRestoring = false;
  }

  knowsDigestAt(watermark: Slot): boolean {
    return this.#digestSlots[watermark % DIGESTS] === watermark;
  }

  /** Digest when all slots below `watermark` were applied; only if known. */
  digestAt(watermark: Slot): number {
    return this.#digests[watermark % DIGESTS] as number;
  }

  /**
   * Answers a query of `length` bytes at `offset` in at most `room` bytes; the answer stands in `queryBytes`.
   *
   * requires V6: the state is whole
   */
  query(bytes: Uint8Array, words: Int32Array, offset: number, length: number, room: number): void {
    assert(!this.isRestoring, 'V6: queries are asked of a whole state');
    const query = this.#query;
    query.bytes = bytes;
    query.words = words;
    query.offset = offset;
    query.length = length;
    query.logTimeMs = this.#logTime[0] as number;
    const reply = this.#queryReply;
    reply.capacity = room < reply.bytes.length ? room : reply.bytes.length;
    reply.length = 0;
    try {
      this.#machine.query(query, reply);
      const fits = isLength(reply.length, reply.capacity);
      this.queryStatus = fits ? REPLY_OK : REPLY_TOO_LARGE;
      this.queryLength = fits ? reply.length : 0;
    } catch (error) {
      this.queryStatus = REPLY_QUERY_FAILED;
      this.queryLength = encodeMessage(error, reply.bytes, reply.capacity);
    }
  }
}

/** False for what a machine of the user may set besides: a fraction, a negative number, none at all. */
function isLength(length: number, capacity: number): boolean {
  return length >= 0 && length <= capacity && Number.isInteger(length);
}

function encodeMessage(error: unknown, target: Uint8Array, capacity: number): number {
  const encoded = new TextEncoder().encode(messageOf(error));
  const length = Math.min(encoded.length, capacity, 1024);
  target.set(encoded.subarray(0, length)); // reason: a query threw, which is not the hot path
  return length;
}

/** Anything can be thrown, also what cannot be turned into a string. */
function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return 'the query threw something that has no message';
  }
}

function emptyCommand(): Command {
  const bytes = new Uint8Array(8);
  return {
    bytes,
    words: new Int32Array(bytes.buffer),
    offset: 0,
    length: 0,
    session: 0,
    number: 0,
    logTimeMs: 0,
    slot: 0,
  };
}

function emptyReply(bytes: Uint8Array): Reply {
  return { bytes, words: new Int32Array(bytes.buffer), offset: 0, capacity: bytes.length, length: 0 };
}
