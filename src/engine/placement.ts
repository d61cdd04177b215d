/**
 * Which group owns a key, which worker runs a group, who should lead it. Pure functions, the same in every process and
 * release: a key that moved to another group would leave its state behind.
 *
 *   key ─ FNV-1a over its UTF-8 bytes, mixed ─▶ hash mod shards = group ─ mod logs ─▶ log ─ mod workers ─▶ worker
 *
 * @hot
 */
import { SynodError } from '../base/errors.ts';
import type { GroupId, MemberIndex } from '../base/types.ts';
import { KEY_BYTES_MAX } from '../limits.ts';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** Where UTF-8 and UTF-16 change their lengths. */
const ONE_BYTE = 0x80;
const TWO_BYTES = 0x800;
const SURROGATES = 0xd800;
const LOW_SURROGATES = 0xdc00;
const SURROGATES_END = 0xe000;
const REPLACEMENT = 0xfffd;
const SUPPLEMENTARY = 0x10000;

/**
 * The group of `key` among `shards`. FORMAT: 32-bit FNV-1a over the UTF-8 bytes of the key (a lone surrogate counts as
 * U+FFFD), finalized as in murmur3, as an unsigned number modulo `shards`.
 */
export function groupOfKey(key: string, shards: number): GroupId {
  if (typeof key !== 'string' || key.length === 0) failKey();
  let hash = FNV_OFFSET;
  let size = 0;
  for (let i = 0; i < key.length; i += 1) {
    let code = key.charCodeAt(i);
    if (code < ONE_BYTE) {
      hash = Math.imul(hash ^ code, FNV_PRIME);
      size += 1;
      continue;
    }
    if (code >= SURROGATES && code < SURROGATES_END) {
      const low = code < LOW_SURROGATES && i + 1 < key.length ? key.charCodeAt(i + 1) : 0;
      const isPair = low >= LOW_SURROGATES && low < SURROGATES_END;
      code = isPair ? SUPPLEMENTARY + ((code - SURROGATES) << 10) + (low - LOW_SURROGATES) : REPLACEMENT;
      if (isPair) i += 1;
    }
    hash = hashCodePoint(hash, code);
    size += code < TWO_BYTES ? 2 : code < SUPPLEMENTARY ? 3 : 4;
  }
  if (size > KEY_BYTES_MAX) failKey();
  return (finalize(hash) >>> 0) % shards;
}

/** Continues the hash by the UTF-8 form of a code point of two to four bytes. */
function hashCodePoint(hash: number, code: number): number {
  if (code < TWO_BYTES) {
    hash = Math.imul(hash ^ (0xc0 | (code >> 6)), FNV_PRIME);
  } else if (code < SUPPLEMENTARY) {
    hash = Math.imul(hash ^ (0xe0 | (code >> 12)), FNV_PRIME);
    hash = Math.imul(hash ^ (0x80 | ((code >> 6) & 0x3f)), FNV_PRIME);
  } else {
    hash = Math.imul(hash ^ (0xf0 | (code >> 18)), FNV_PRIME);
    hash = Math.imul(hash ^ (0x80 | ((code >> 12) & 0x3f)), FNV_PRIME);
    hash = Math.imul(hash ^ (0x80 | ((code >> 6) & 0x3f)), FNV_PRIME);
  }
  return Math.imul(hash ^ (0x80 | (code & 0x3f)), FNV_PRIME);
}

/** FNV-1a leaves the low bits of short keys related; a remainder needs them mixed. */
function finalize(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function failKey(): never {
  throw new SynodError('ERR_SYNOD_KEY', 'A key is a string of 1 to KEY_BYTES_MAX (1024) bytes in UTF-8.');
}

/** How many logs a replica's directory has, and how many workers host them in this start. */
export interface Hosting {
  logs: number;
  workers: number;
}

/** The log that holds a group, for ever: logs are as many as the directory was made with (S15). */
export function logOfGroup(groupId: GroupId, logs: number): number {
  return groupId % logs;
}

/** The worker that hosts a log in this start. */
export function workerOfLog(log: number, workers: number): number {
  return log % workers;
}

/** The worker that hosts a group: the same in every replica of a process. */
export function workerOfGroup(groupId: GroupId, { logs, workers }: Hosting): number {
  return workerOfLog(logOfGroup(groupId, logs), workers);
}

/** Numbers of the logs that a worker hosts. */
export function logsOfWorker(worker: number, logs: number, workers: number): number[] {
  return Array.from({ length: logs }, (_, log) => log).filter((log) => workerOfLog(log, workers) === worker);
}

/** Groups whose records stand in a log. */
export function groupsOfLog(log: number, logs: number, shards: number): GroupId[] {
  return Array.from({ length: shards }, (_, group) => group).filter((group) => logOfGroup(group, logs) === log);
}

/** The member that should lead when all are healthy: leaders spread over replicas. */
export function preferredMember(groupId: GroupId, replicas: number): MemberIndex {
  return groupId % replicas;
}
