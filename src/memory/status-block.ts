/**
 * Status block of one group on one replica (STATUS_* in memory/descriptor): the group's worker writes it, the coordinator
 * reads it without messages. Single words and 53-bit numbers are read one by one; the applied watermark and the digest
 * that belongs to it are read together, under a sequence lock.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { loadNumber, storeNumber } from './counters.ts';
import {
  LOG_FAILED,
  LOG_SOUND,
  ROLE_REJOINING,
  ROLE_STARTING,
  ROLE_STOPPED,
  SNAPSHOT_FIGURES,
  STATUS_APPLIED_WORD,
  STATUS_BALLOT_WORD,
  STATUS_CHANGE_WORD,
  STATUS_COMMANDS_WORD,
  STATUS_COMMIT_WORD,
  STATUS_DIGEST_WORD,
  STATUS_ELECTIONS_WORD,
  STATUS_ERROR_MEMBER_WORD,
  STATUS_ERROR_SLOT_WORD,
  STATUS_ERROR_WORD,
  STATUS_FLUSH_MS_WORD,
  STATUS_FLUSHES_WORD,
  STATUS_LEADER_HINT_WORD,
  STATUS_LEADERSHIP_WORD,
  STATUS_LOG_BYTES_WORD,
  STATUS_LOG_KEPT_WORD,
  STATUS_LOG_STATE_WORD,
  STATUS_REASON_BYTES,
  STATUS_REASON_WORD,
  STATUS_ROLE_WORD,
  STATUS_SNAPSHOT_WORD,
  STATUS_WORDS,
} from './descriptor.ts';

export function createStatusBlock(): SharedArrayBuffer {
  return new SharedArrayBuffer(STATUS_WORDS * 4);
}

/** The worker's side. */
export class StatusWriter {
  private readonly words: Int32Array;

  constructor(block: SharedArrayBuffer) {
    assert(block.byteLength === STATUS_WORDS * 4, 'a status block has one size');
    this.words = new Int32Array(block);
    // A worker that died inside setApplied left the change odd.
    if ((Atomics.load(this.words, STATUS_CHANGE_WORD) & 1) !== 0) Atomics.add(this.words, STATUS_CHANGE_WORD, 1);
  }

  setRole(role: number): void {
    assert(role >= ROLE_STARTING && role <= ROLE_REJOINING, 'no such role');
    Atomics.store(this.words, STATUS_ROLE_WORD, role);
  }

  /** Serial of the leadership just won here; grows over restarts, because lanes are routed by it. */
  setLeadership(serial: number): void {
    assert(serial > Atomics.load(this.words, STATUS_LEADERSHIP_WORD), 'leadership serials grow');
    Atomics.store(this.words, STATUS_LEADERSHIP_WORD, serial);
  }

  /** Member index of the believed leader, -1 = unknown. */
  setLeaderHint(memberIndex: number): void {
    assert(memberIndex >= -1, 'a hint names a member or nobody');
    Atomics.store(this.words, STATUS_LEADER_HINT_WORD, memberIndex + 1);
  }

  setCommit(watermark: number): void {
    storeNumber(this.words, STATUS_COMMIT_WORD, watermark);
  }

  /** The applied watermark and the digest of all replies below it. */
  setApplied(watermark: number, digest: number): void {
    const words = this.words;
    const change = words[STATUS_CHANGE_WORD]!;
    assert((change & 1) === 0, 'one thread writes the status');
    Atomics.store(words, STATUS_CHANGE_WORD, (change + 1) | 0);
    storeNumber(words, STATUS_APPLIED_WORD, watermark);
    Atomics.store(words, STATUS_DIGEST_WORD, digest);
    Atomics.store(words, STATUS_CHANGE_WORD, (change + 2) | 0);
  }

  setBallot(ballot: number): void {
    storeNumber(this.words, STATUS_BALLOT_WORD, ballot);
  }

  setElections(count: number): void {
    Atomics.store(this.words, STATUS_ELECTIONS_WORD, count);
  }

  setCommands(count: number): void {
    storeNumber(this.words, STATUS_COMMANDS_WORD, count);
  }

  setLog(flushes: number, bytes: number): void {
    storeNumber(this.words, STATUS_FLUSHES_WORD, flushes);
    storeNumber(this.words, STATUS_LOG_BYTES_WORD, bytes);
  }

  /** State of the worker's log, a LOG_*. */
  setLogState(state: number): void {
    assert(state >= LOG_SOUND && state <= LOG_FAILED, 'no such state of a log');
    Atomics.store(this.words, STATUS_LOG_STATE_WORD, state);
  }

  setFlushMs(ms: number): void {
    Atomics.store(this.words, STATUS_FLUSH_MS_WORD, ms);
  }

  /** Bytes of the log that are not given back yet. */
  setLogKept(bytes: number): void {
    storeNumber(this.words, STATUS_LOG_KEPT_WORD, bytes);
  }

  setSnapshots(figures: Float64Array): void {
    for (let i = 0; i < SNAPSHOT_FIGURES; i++)
      storeNumber(this.words, STATUS_SNAPSHOT_WORD + 2 * i, figures[i] as number);
  }

  /** Why the last snapshot failed; cut off where it is too long. */
  setSnapshotFailure(reason: string): void {
    const bytes = new Uint8Array(this.words.buffer, 4 * STATUS_REASON_WORD, STATUS_REASON_BYTES);
    const encoded = new TextEncoder().encode(reason);
    bytes.fill(0);
    bytes.set(encoded.subarray(0, STATUS_REASON_BYTES)); // reason: a snapshot failed, which is not the hot path
  }

  /** The group stopped here; `errorMember` is -1 where no member deviates. The code is stored last: it says the rest is there. */
  setError(error: number, slot: number, errorMember: number): void {
    assert(error > 0, 'an error has a code');
    storeNumber(this.words, STATUS_ERROR_SLOT_WORD, slot);
    Atomics.store(this.words, STATUS_ERROR_MEMBER_WORD, errorMember);
    Atomics.store(this.words, STATUS_ROLE_WORD, ROLE_STOPPED);
    Atomics.store(this.words, STATUS_ERROR_WORD, error);
  }

  /** A replacement worker starts over: no error, no leader, role ROLE_STARTING. Counts and serials go on. */
  clear(): void {
    Atomics.store(this.words, STATUS_LOG_STATE_WORD, LOG_SOUND);
    Atomics.store(this.words, STATUS_ERROR_WORD, 0);
    Atomics.store(this.words, STATUS_LEADER_HINT_WORD, 0);
    Atomics.store(this.words, STATUS_ROLE_WORD, ROLE_STARTING);
  }
}

/** The coordinator's side. */
export class StatusReader {
  /** What `sampleApplied` read. */
  sampledDigest = 0;
  private readonly words: Int32Array;

  constructor(block: SharedArrayBuffer) {
    assert(block.byteLength === STATUS_WORDS * 4, 'a status block has one size');
    this.words = new Int32Array(block);
  }

  get role(): number {
    return Atomics.load(this.words, STATUS_ROLE_WORD);
  }

  get leadership(): number {
    return Atomics.load(this.words, STATUS_LEADERSHIP_WORD);
  }

  /** Member index of the believed leader, -1 = unknown. */
  get leaderHint(): number {
    return Atomics.load(this.words, STATUS_LEADER_HINT_WORD) - 1;
  }

  get commit(): number {
    return loadNumber(this.words, STATUS_COMMIT_WORD);
  }

  get applied(): number {
    return loadNumber(this.words, STATUS_APPLIED_WORD);
  }

  /** The applied watermark, with its digest in `sampledDigest`; -1 while the worker is writing the pair: look again later. */
  sampleApplied(): number {
    const change = Atomics.load(this.words, STATUS_CHANGE_WORD);
    const applied = this.applied;
    this.sampledDigest = Atomics.load(this.words, STATUS_DIGEST_WORD);
    if ((change & 1) !== 0) return -1;
    return Atomics.load(this.words, STATUS_CHANGE_WORD) === change ? applied : -1;
  }

  get ballot(): number {
    return loadNumber(this.words, STATUS_BALLOT_WORD);
  }

  get elections(): number {
    return Atomics.load(this.words, STATUS_ELECTIONS_WORD);
  }

  get commands(): number {
    return loadNumber(this.words, STATUS_COMMANDS_WORD);
  }

  get flushes(): number {
    return loadNumber(this.words, STATUS_FLUSHES_WORD);
  }

  get logBytes(): number {
    return loadNumber(this.words, STATUS_LOG_BYTES_WORD);
  }

  /** LOG_* of the worker's log. */
  get logState(): number {
    return Atomics.load(this.words, STATUS_LOG_STATE_WORD);
  }

  get flushMs(): number {
    return Atomics.load(this.words, STATUS_FLUSH_MS_WORD);
  }

  get logKept(): number {
    return loadNumber(this.words, STATUS_LOG_KEPT_WORD);
  }

  /** One of the figures SNAPSHOT_*. */
  snapshot(figure: number): number {
    assert(figure >= 0 && figure < SNAPSHOT_FIGURES, 'there is no such figure');
    return loadNumber(this.words, STATUS_SNAPSHOT_WORD + 2 * figure);
  }

  /** Why the last snapshot failed; empty where none did. */
  get snapshotFailure(): string {
    const bytes = new Uint8Array(this.words.buffer, 4 * STATUS_REASON_WORD, STATUS_REASON_BYTES).slice();
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)); // reason: status is asked for by people
  }

  /** 0, or GROUP_ERROR_*; then `errorSlot` and `errorMember` are set. */
  get error(): number {
    return Atomics.load(this.words, STATUS_ERROR_WORD);
  }

  get errorSlot(): number {
    return loadNumber(this.words, STATUS_ERROR_SLOT_WORD);
  }

  /** Member index that deviates, -1 where none does. */
  get errorMember(): number {
    return Atomics.load(this.words, STATUS_ERROR_MEMBER_WORD);
  }
}
