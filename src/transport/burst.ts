/**
 * Burst = what one connection carries at a time: a 32-byte header, then a body.
 *
 *   0   MAGIC
 *   4   VERSION << 24 | KIND << 16 | LANE << 8
 *   8   LENGTH        bytes of the body: DATA whole frames as they lie in a ring, NOTE anything, others 0
 *   12  LINK          link number of the connection: a burst of another one is refused (S24)
 *   16  SEQUENCE      counts the bursts of this lane and direction from 0, wrapping
 *   20  BODY_CRC      crc32c of the body
 *   24  STAMP         PING, PONG: the pinger's clock; GOODBYE: a reason's code
 *   28  HEADER_CRC    crc32c of the 28 bytes before it
 *
 * A header is judged whole before a byte of its body is read, and a body is never longer than the buffer that waits for it.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { BURST_BYTES_MAX, CONTROL_BURST_BYTES_MAX, FRAME_ALIGNMENT, NOTE_BYTES_MAX, WIRE_VERSION } from '../limits.ts';
import { crc32c } from '../wire/crc32c.ts';
import { LANE_CONTROL } from './channel.ts';
import type { Reason } from './reason.ts';

export const BURST_HEADER_BYTES = 32;
export const BURST_HEADER_WORDS = BURST_HEADER_BYTES / 4;
/** "SYNb" in memory order. */
export const BURST_MAGIC = 0x624e5953;

export const BURST_DATA = 1;
export const BURST_PING = 2;
export const BURST_PONG = 3;
export const BURST_NOTE = 4;
/** The last burst: the sender closes, and says why. */
export const BURST_GOODBYE = 5;

const FORM_WORD = 1;
const LENGTH_WORD = 2;
const LINK_WORD = 3;
const SEQUENCE_WORD = 4;
const BODY_CRC_WORD = 5;
const STAMP_WORD = 6;
const HEADER_CRC_WORD = 7;
const CHECKED_BYTES = HEADER_CRC_WORD * 4;

/** Body of a DATA burst at most, by lane. */
export function burstBytesMax(lane: number): number {
  return lane === LANE_CONTROL ? CONTROL_BURST_BYTES_MAX : BURST_BYTES_MAX;
}

/** Writes headers into memory that stays while the system reads it; one per lane and direction. */
export class BurstHeaders {
  readonly bytes: Uint8Array;
  private readonly words: Int32Array;
  private readonly count: number;
  private readonly link: number;
  private readonly lane: number;
  private sequence = 0;

  /** Room for `count` headers at a time. */
  constructor(count: number, link: number, lane: number) {
    assert(count > 0, 'there is room for a header');
    this.words = new Int32Array(count * BURST_HEADER_WORDS);
    this.bytes = new Uint8Array(this.words.buffer);
    this.count = count;
    this.link = link | 0;
    this.lane = lane;
  }

  /** Writes the next header; returns its byte offset in `bytes`. It is overwritten `count` headers later. */
  write(kind: number, length: number, bodyCrc: number, stamp: number): number {
    const slot = (this.sequence >>> 0) % this.count;
    const word = slot * BURST_HEADER_WORDS;
    const words = this.words;
    words[word] = BURST_MAGIC;
    words[word + FORM_WORD] = (WIRE_VERSION << 24) | (kind << 16) | (this.lane << 8);
    words[word + LENGTH_WORD] = length;
    words[word + LINK_WORD] = this.link;
    words[word + SEQUENCE_WORD] = this.sequence;
    words[word + BODY_CRC_WORD] = bodyCrc;
    words[word + STAMP_WORD] = stamp;
    words[word + HEADER_CRC_WORD] = crc32c(this.bytes, word * 4, CHECKED_BYTES, 0);
    this.sequence = (this.sequence + 1) | 0;
    return word * 4;
  }
}

/** Judges the headers of one lane and direction. The caller fills `bytes`, then asks. */
export class BurstJudge {
  readonly bytes: Uint8Array;
  private readonly words: Int32Array;
  private readonly link: number;
  private readonly lane: number;
  private sequence = 0;

  constructor(link: number, lane: number) {
    this.words = new Int32Array(BURST_HEADER_WORDS);
    this.bytes = new Uint8Array(this.words.buffer);
    this.link = link | 0;
    this.lane = lane;
  }

  /** What is wrong with the header in `bytes`, or undefined; then the next one is expected. */
  violation(): Reason | undefined {
    const words = this.words;
    if (words[0] !== BURST_MAGIC) return 'notSynod';
    if (words[HEADER_CRC_WORD] !== crc32c(this.bytes, 0, CHECKED_BYTES, 0)) return 'checksum';
    if (words[FORM_WORD]! >>> 24 !== WIRE_VERSION) return 'wireVersion';
    if (words[LINK_WORD] !== this.link) return 'wrongLink';
    if (words[SEQUENCE_WORD] !== this.sequence) return 'wrongSequence';
    if ((words[FORM_WORD]! & 0xffff) !== this.lane << 8) return 'malformed';
    const wrong = this.lengthViolation();
    if (wrong !== undefined) return wrong;
    this.sequence = (this.sequence + 1) | 0;
    return undefined;
  }

  private lengthViolation(): Reason | undefined {
    const length = this.length;
    switch (this.kind) {
      case BURST_DATA:
        if (length > burstBytesMax(this.lane)) return 'tooLong';
        return length >= FRAME_ALIGNMENT && length % FRAME_ALIGNMENT === 0 ? undefined : 'malformed';
      case BURST_NOTE:
        if (length > NOTE_BYTES_MAX) return 'tooLong';
        return length > 0 && this.lane === LANE_CONTROL ? undefined : 'malformed';
      case BURST_PING:
      case BURST_PONG:
      case BURST_GOODBYE:
        return length === 0 ? undefined : 'malformed';
      default:
        return 'malformed';
    }
  }

  get kind(): number {
    return (this.words[FORM_WORD]! >>> 16) & 0xff;
  }

  /** Unsigned, so that no length is small by being negative. */
  get length(): number {
    return this.words[LENGTH_WORD]! >>> 0;
  }

  get bodyCrc(): number {
    return this.words[BODY_CRC_WORD]!;
  }

  get stamp(): number {
    return this.words[STAMP_WORD]!;
  }
}
