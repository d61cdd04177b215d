/**
 * The kv machine's commands and replies, drawn once, with encoders for clients.
 *
 * Command, 8-byte aligned:
 *
 *   0   OP | KEY_LENGTH << 8         4   TTL_MS (put; 0 = the key never expires)
 *   8   expected revision (compare-and-swap; 0 = must not exist) or delta (increment): low, high; absent for other ops
 *   ..  key, zeros to a multiple of 4
 *   ..  value to the end (put, compare-and-swap)
 *
 * Reply:
 *
 *   0   STATUS                       4   0
 *   8   the key's revision: low, high (0 = does not exist)
 *   16  get: value; increment: the new number, low, high
 *
 * Revisions come from one counter of the machine: each change of any key takes the next one.
 */
import { fromWords, highWord } from '../base/bits.ts';
import { SynodError } from '../base/errors.ts';
import { KEY_BYTES_MAX } from '../limits.ts';

export const KV_PUT = 1;
export const KV_GET = 2;
export const KV_DELETE = 3;
export const KV_SWAP = 4;
export const KV_INCREMENT = 5;

export const KV_OK = 0;
export const KV_NOT_FOUND = 1;
/** The revision is not the expected one; the reply carries the one that is there. */
export const KV_CONFLICT = 2;
/** The value is no 8-byte number, or the sum would be no safe integer. Nothing changed. */
export const KV_NOT_A_NUMBER = 3;
export const KV_MALFORMED = 4;

export const KV_TTL_WORD = 1;
/** 24 days: what a word holds. */
export const KV_TTL_MS_MAX = 2 ** 31 - 1;
/** Expected revision or delta. */
export const KV_OPERAND_WORD = 2;
export const KV_HEADER_BYTES = 8;
export const KV_OPERAND_BYTES = 8;
export const KV_REPLY_REVISION_BYTE = 8;
export const KV_REPLY_BYTES = 16;

/** True for operations with an operand. */
export function hasOperand(op: number): boolean {
  return op === KV_SWAP || op === KV_INCREMENT;
}

/** Bytes of a command with these lengths. */
export function kvCommandBytes(op: number, keyLength: number, valueLength: number): number {
  const key = (keyLength + 3) & ~3;
  return KV_HEADER_BYTES + (hasOperand(op) ? KV_OPERAND_BYTES : 0) + key + valueLength;
}

export interface KvReply {
  /** 'ok', 'notFound', 'conflict', 'notANumber' or 'malformed'. */
  status: 'ok' | 'notFound' | 'conflict' | 'notANumber' | 'malformed';
  revision: number;
  /** get: the value. */
  value: Uint8Array | undefined;
  /** increment: the new number. */
  number: number | undefined;
}

const STATUSES = ['ok', 'notFound', 'conflict', 'notANumber', 'malformed'] as const;
const encoder = new TextEncoder();

type Bytes = Uint8Array | string;

/** Commands of the ready-made key-value machine, for `propose` (get also for `read`), and the decoder of its replies. */
export const kv = {
  /** Sets a key. `ttlMs`: removed that much log time later, at most KV_TTL_MS_MAX; 0 = never. */
  put: (key: Bytes, value: Bytes, ttlMs = 0): Uint8Array => encode(KV_PUT, key, value, ttlMs, 0),
  get: (key: Bytes): Uint8Array => encode(KV_GET, key, '', 0, 0),
  delete: (key: Bytes): Uint8Array => encode(KV_DELETE, key, '', 0, 0),
  /** Sets a key whose revision is `expected`; 0 = that does not exist. */
  compareAndSwap: (key: Bytes, expected: number, value: Bytes): Uint8Array => encode(KV_SWAP, key, value, 0, expected),
  /** Adds to the 8-byte number under a key; a missing key counts from 0. A sum beyond 2^53 is refused: 'notANumber'. */
  increment: (key: Bytes, delta = 1): Uint8Array => encode(KV_INCREMENT, key, '', 0, delta),
  decodeReply,
};

function encode(op: number, key: Bytes, value: Bytes, ttlMs: number, operand: number): Uint8Array {
  const keyBytes = typeof key === 'string' ? encoder.encode(key) : key;
  const valueBytes = typeof value === 'string' ? encoder.encode(value) : value;
  if (keyBytes.length === 0 || keyBytes.length > KEY_BYTES_MAX) {
    throw new SynodError('ERR_SYNOD_KEY', `A key has 1 to ${KEY_BYTES_MAX} bytes; this one has ${keyBytes.length}.`);
  }
  if (!Number.isInteger(ttlMs) || ttlMs < 0 || ttlMs > KV_TTL_MS_MAX) {
    throw new SynodError('ERR_SYNOD_CONFIG', `ttlMs is a whole number from 0 to ${KV_TTL_MS_MAX}, not ${ttlMs}.`);
  }
  if (!Number.isSafeInteger(operand)) {
    throw new SynodError('ERR_SYNOD_CONFIG', `A revision or delta is a whole number within 2^53, not ${operand}.`);
  }
  const bytes = new Uint8Array(kvCommandBytes(op, keyBytes.length, valueBytes.length));
  const view = new DataView(bytes.buffer);
  view.setInt32(0, op | (keyBytes.length << 8), true);
  view.setInt32(4, ttlMs, true);
  let at = KV_HEADER_BYTES;
  if (hasOperand(op)) {
    view.setInt32(at, operand | 0, true);
    view.setInt32(at + 4, highWord(operand), true);
    at += KV_OPERAND_BYTES;
  }
  bytes.set(keyBytes, at);
  bytes.set(valueBytes, at + ((keyBytes.length + 3) & ~3));
  return bytes;
}

function decodeReply(reply: Uint8Array): KvReply {
  const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength);
  const status = STATUSES[view.getInt32(0, true)] ?? 'malformed';
  const revision = fromWords(view.getInt32(8, true), view.getInt32(12, true));
  const rest = reply.length - KV_REPLY_BYTES;
  const number = rest === 8 ? fromWords(view.getInt32(16, true), view.getInt32(20, true)) : undefined;
  return { status, revision, value: status === 'ok' && rest > 0 ? reply.slice(KV_REPLY_BYTES) : undefined, number };
}
