/**
 * What the user implements: a deterministic state machine over bytes, loaded in the worker threads.
 *
 * A machine module exports `createMachine(options)`; every replica of a group makes its own instance. All methods are
 * synchronous. `apply` must depend on nothing but the machine's state and the command: no clock (use `command.logTimeMs`),
 * no randomness, no I/O. Replicas compare digests of their replies; a deviating replica stops its group.
 */

/** One command or query, in place: valid only during the call; copy what must last. */
export interface Command {
  /** Bytes that contain the payload; payload = bytes[offset, offset + length). */
  bytes: Uint8Array;
  /** The same memory as words; the payload starts at word `offset / 4` (payloads are 8-byte aligned). */
  words: Int32Array;
  offset: number;
  length: number;
  /** Session that sent the command; with `number` it names the command for ever. */
  session: number;
  /** Request number in its session, from 1. 0 for queries. */
  number: number;
  /** Log time in milliseconds: equal on every replica, never goes backwards, not a wall clock (S19). */
  logTimeMs: number;
  slot: number;
}

/** Room for the answer, in place: write at most `capacity` bytes at `offset` and set `length`. */
export interface Reply {
  bytes: Uint8Array;
  /** The same memory as words; `offset` is 8-byte aligned. */
  words: Int32Array;
  offset: number;
  /** Bytes available, at most REPLY_BYTES_MAX. */
  capacity: number;
  /**
   * Bytes written; 0 before the call. An answer that is longer than `capacity` is not written: set its length all the same, and
   * the client learns that it is too large. A throw in `apply` would stop the group.
   */
  length: number;
}

export interface StateMachine {
  /** Applies one chosen command. Throwing stops the group on this replica with ERR_SYNOD_MACHINE_FAILED. */
  apply(command: Command, reply: Reply): void;
  /**
   * Optional: hears of up to PREFETCH_COMMANDS_MAX commands that come next, so that it can touch what they will need and the
   * processor fetches it for all of them at once. Must not change state; payload i begins at word `payloads[i]`. Not every
   * command announced is applied: duplicates are among them.
   */
  prefetch?(words: Int32Array, payloads: Int32Array, count: number): void;
  /** Answers without changing state. Throwing fails this query alone. */
  query(query: Command, reply: Reply): void;
  /**
   * Chunks of an image of the state as of the call, drained while commands go on: keep aside what they overwrite before it is given (the
   * kv machine shows how), or copy all of it, which stalls the group for as long as that takes. A chunk is used up before the next is asked for,
   * so its memory may be used again; chunks of some 256 KiB are good. The iterator's `return` is called where it is not read to
   * its end. Beware of a generator method: its body does not run before the first chunk is asked for (which is at once).
   */
  snapshot(): Iterable<Uint8Array>;
  /** Optional: bytes kept aside for the image that is being drained. The more there are, the faster it is drained. */
  snapshotBytesKept?(): number;
  /**
   * Replaces the state by an image, whose chunks come one by one as `snapshot` gave them. What it returns, as a generator method does, is
   * driven to its end in steps, between other work: yield after each chunk, so that nobody waits for gigabytes. Nothing is applied or asked until then.
   */
  restore(chunks: Iterable<Uint8Array>): void | Iterable<unknown>;
}

export interface MachineOptions {
  groupId: number;
  replicaIndex: number;
}

export interface MachineModule {
  createMachine(options: MachineOptions): StateMachine;
}

/** Ready-made machines by name; anything else given as `machine` is the URL or path of a module. */
export const READY_MADE_MACHINES: Readonly<Record<string, string>> = {
  kv: '../machines/kv',
  counter: '../machines/counter',
  audit: '../machines/audit',
};
