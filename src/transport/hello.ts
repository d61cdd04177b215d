/**
 * Hello = the fixed 96 bytes that open a connection, three in a row, before anything else is read or any memory is made for it.
 *
 *   dialler ── HELLO ──▶ acceptor     who I am, whom I mean, which lane of which link
 *           ◀─ HELLO ──               the same from the other side …
 *           ── HELLO ──▶              … and agreed. Each may be a refusal instead: a reason's code, then the end.
 *
 *   0   MAGIC            4   WIRE_VERSION << 16 | LANE << 8 | STEP (1, 2, 3)
 *   8   REASON           0, or the code of a refusal
 *   12  LINK             chosen by the dialler; both lanes of a connection carry the same (S24)
 *   16  CLUSTER (2)      24  INCARNATION (2)      32  BOOT_COUNTER (2)      the sender's
 *   40  SENDER           44  RECEIVER             node ids
 *   48  SHARDS           52  FLAGS: 1 = the directory replaces a lost one           56  … reserved, 0
 *   92  CRC              crc32c of the 92 bytes before it
 */
import { assert } from '../base/assert.ts';
import { fromWords, highWord, lowWord } from '../base/bits.ts';
import { NODE_ID_MAX, WIRE_VERSION } from '../limits.ts';
import { crc32c } from '../wire/crc32c.ts';
import { LANES } from './channel.ts';
import { REASONS, type Reason, reasonOf } from './reason.ts';

export const HELLO_BYTES = 96;
/** "SYNh" in memory order. */
const HELLO_MAGIC = 0x684e5953;
const FLAG_REPLACEMENT = 1;
const CRC_WORD = HELLO_BYTES / 4 - 1;
const CHECKED_BYTES = CRC_WORD * 4;

/** What a node says about itself. */
export interface Identity {
  clusterId: number;
  nodeId: number;
  incarnation: number;
  bootCounter: number;
  shards: number;
  /** Its directory was made for one that was lost: a later incarnation is believed, and the lost one never again (S13). */
  isReplacement?: boolean;
}

/** What a node knows of a member, and expects of whoever claims to be it. */
export interface Expected {
  nodeId: number;
  /** 0 = any: it becomes known by this hello. */
  incarnation: number;
  /** Highest seen. */
  bootCounter: number;
}

export interface Hello extends Identity {
  /** The version that was read; only then are the other fields known to mean what they say. */
  wireVersion: number;
  step: number;
  lane: number;
  linkNumber: number;
  receiverId: number;
  /** Why the sender refuses, if it does. */
  refusal: Reason | undefined;
}

export function encodeHello(hello: Omit<Hello, 'wireVersion'>): Uint8Array {
  assert(hello.lane >= 0 && hello.lane < LANES, 'a lane has a number');
  assert(hello.step >= 1 && hello.step <= 3, 'a hello has three steps');
  const words = new Int32Array(HELLO_BYTES / 4);
  const bytes = new Uint8Array(words.buffer);
  words[0] = HELLO_MAGIC;
  words[1] = (WIRE_VERSION << 16) | (hello.lane << 8) | hello.step;
  words[2] = hello.refusal === undefined ? 0 : REASONS[hello.refusal].code;
  words[3] = hello.linkNumber;
  words[4] = lowWord(hello.clusterId);
  words[5] = highWord(hello.clusterId);
  words[6] = lowWord(hello.incarnation);
  words[7] = highWord(hello.incarnation);
  words[8] = lowWord(hello.bootCounter);
  words[9] = highWord(hello.bootCounter);
  words[10] = hello.nodeId;
  words[11] = hello.receiverId;
  words[12] = hello.shards;
  words[13] = hello.isReplacement === true ? FLAG_REPLACEMENT : 0;
  words[CRC_WORD] = crc32c(bytes, 0, CHECKED_BYTES, 0);
  return bytes;
}

/** Reads HELLO_BYTES bytes; a reason when they are none. */
export function decodeHello(bytes: Uint8Array): Hello | Reason {
  assert(bytes.length === HELLO_BYTES, 'a hello has one length');
  const words = new Int32Array(new Uint8Array(bytes).buffer);
  const word = (index: number): number => words[index] as number;
  if (word(0) !== HELLO_MAGIC) return 'notSynod';
  if (word(CRC_WORD) !== crc32c(bytes, 0, CHECKED_BYTES, 0)) return 'checksum';
  const wireVersion = word(1) >>> 16;
  if (wireVersion !== WIRE_VERSION) return 'wireVersion';
  const lane = (word(1) >>> 8) & 0xff;
  const step = word(1) & 0xff;
  const numbers = [5, 7, 9].every((high) => word(high) >>> 0 < 2 ** 21);
  const ids = [10, 11].every((id) => word(id) >= 0 && word(id) <= NODE_ID_MAX);
  if (lane >= LANES || step < 1 || step > 3 || !numbers || !ids || word(12) < 0) return 'malformed';
  return {
    wireVersion,
    step,
    lane,
    refusal: word(2) === 0 ? undefined : reasonOf(word(2)),
    linkNumber: word(3) >>> 0,
    clusterId: fromWords(word(4), word(5)),
    incarnation: fromWords(word(6), word(7)),
    bootCounter: fromWords(word(8), word(9)),
    nodeId: word(10),
    receiverId: word(11),
    shards: word(12),
    ...(word(13) === FLAG_REPLACEMENT ? { isReplacement: true } : {}),
  };
}

/** True where the first bytes of a connection can still become a hello: others are cut off without waiting for the rest. */
export function canBeHello(bytes: Uint8Array, length: number): boolean {
  for (let i = 0; i < Math.min(length, 4); i++) if (bytes[i] !== ((HELLO_MAGIC >>> (8 * i)) & 0xff)) return false;
  return true;
}

/** Why `self` does not talk to the sender of `hello`, of whom it expects `expected` (undefined: no member has that id). */
export function helloViolation(self: Identity, hello: Hello, expected: Expected | undefined): Reason | undefined {
  if (hello.clusterId !== self.clusterId) return 'wrongCluster';
  if (hello.receiverId !== self.nodeId) return 'wrongReceiver';
  if (expected === undefined || expected.nodeId !== hello.nodeId || hello.nodeId === self.nodeId) return 'notMember';
  if (replaces(hello, expected)) return hello.shards === self.shards ? undefined : 'shards';
  if (expected.incarnation !== 0 && expected.incarnation !== hello.incarnation) return 'wrongIncarnation';
  if (hello.bootCounter < expected.bootCounter) return 'oldBoot';
  return hello.shards === self.shards ? undefined : 'shards';
}

/** True where the sender comes with a directory that was made later than the known one, to replace it: its starts are counted anew. */
export function replaces(hello: Identity, expected: Pick<Expected, 'incarnation'>): boolean {
  return hello.isReplacement === true && expected.incarnation !== 0 && hello.incarnation > expected.incarnation;
}
