/**
 * What the medium of one simulated log does to bytes that were durable: rot in a record or a segment header, a write at another block's
 * place, a lost directory. It knows which submissions recovery must miss, so that a damaged log that is taken for whole shows.
 *
 *   submissions in log order   s1 s2 s3 │ s4 s5 │ s6
 *                              live     │ void  │ not below any durable floor: rot cannot be told from a torn write (S11)
 */
import type { Prng } from '../../src/base/prng.ts';
import type { LogPosition } from '../../src/base/types.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import {
  ENTRY_HEADER_BYTES,
  ENTRY_KIND_WORD,
  ENTRY_VALUE_LENGTH_WORD,
  KIND_FLOOR,
  SEGMENT_CUT_WORD,
  SEGMENT_FORGOTTEN_WORD,
  SEGMENT_HEADER_BYTES,
  SUBMISSION_FLOOR_WORD,
  SUBMISSION_HEADER_BYTES,
  SUBMISSION_SIZE_WORD,
} from '../../src/log/record.ts';
import { kindHasValue, readPair } from '../../src/log/record-header.ts';
import type { FaultCounts } from './fault-counts.ts';

interface Submission {
  position: LogPosition;
  bytes: number;
  /** Bytes of the first record's value. */
  valueBytes: number;
  /** Nothing but a floor record: it says something about others, and nobody misses it. */
  isFloor: boolean;
}

/** Turns bits over at a position of the medium. */
export type Corrupt = (position: LogPosition, mask: number) => void;

export class DiskDamage {
  readonly #counts: FaultCounts;
  #submissions: Submission[] = [];
  /** Everything live below it is known durable by what stands behind it. */
  #floor = 0;
  /** The next write that finds a victim lands at the victim's place. */
  isMisdirecting = false;
  /** Base of the segment in which recovery must find damage; -1 where there is none. */
  #damagedBase = -1;

  constructor(counts: FaultCounts) {
    this.#counts = counts;
  }

  /** Recovery must find damage, or will have to. */
  get isComing(): boolean {
    return this.isMisdirecting || this.isPending;
  }

  get isPending(): boolean {
    return this.#damagedBase >= 0;
  }

  /** A submission reached the medium. */
  onWritten(position: LogPosition, bytes: Uint8Array): void {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    const first = SUBMISSION_HEADER_BYTES >> 2;
    const kind = (words[first + ENTRY_KIND_WORD] as number) & 255;
    const hasValue = kindHasValue(kind);
    const valueBytes = hasValue ? (words[first + ENTRY_VALUE_LENGTH_WORD] as number) : 0;
    this.#submissions.push({
      position,
      bytes: words[SUBMISSION_SIZE_WORD] as number,
      valueBytes,
      isFloor: kind === KIND_FLOOR,
    });
    this.#floor = Math.max(this.#floor, readPair(words, SUBMISSION_FLOOR_WORD));
  }

  /**
   * The first segment of an incarnation is durable, and with it the cut: what lies before it must stay whole. Where something was damaged, the
   * segment says so, or the log was taken for a whole one.
   */
  onOpened(base: LogPosition, header: Uint8Array): void {
    const words = new Int32Array(header.buffer, header.byteOffset, header.length >> 2);
    if (this.isPending && words[SEGMENT_FORGOTTEN_WORD] !== 1)
      throw new Error('a damaged log was taken for a whole one');
    const cut = readPair(words, SEGMENT_CUT_WORD);
    this.#submissions = this.#submissions.filter(({ position }) => position < cut);
    this.#floor = base;
    this.#damagedBase = -1;
  }

  onRetired(base: LogPosition): void {
    this.#submissions = this.#submissions.filter(({ position }) => baseOf(position) !== base);
    if (this.#damagedBase === base) this.#damagedBase = -1;
  }

  /**
   * Rot in a drawn live record, old or new, or in the header of its segment; false where nothing is covered yet. Once the log was idle for a
   * while everything is.
   */
  rot(prng: Prng, isIdle: boolean, corrupt: Corrupt): boolean {
    const victim = this.#victim(prng, isIdle);
    if (victim === undefined) return false;
    this.#damagedBase = baseOf(victim.position);
    if (prng.chance(0.15)) {
      this.#counts.headerRot += 1;
      corrupt(this.#damagedBase + prng.range(0, SEGMENT_HEADER_BYTES), 1 << prng.range(0, 8));
      return true;
    }
    this.#counts.bitRot += 1;
    const checked = SUBMISSION_HEADER_BYTES + ENTRY_HEADER_BYTES + victim.valueBytes;
    const places = prng.chance(0.3) ? SUBMISSION_HEADER_BYTES : checked;
    corrupt(victim.position + prng.range(0, places), 1 << prng.range(0, 8));
    return true;
  }

  /**
   * Where the first block of the write at `position` lands; -1 where it finds its place. Never in another segment: the place that it leaves
   * empty must be missed as long as the one that it spoils.
   */
  misdirect(prng: Prng, position: LogPosition): LogPosition {
    if (!this.isMisdirecting) return -1;
    const victim = this.#victim(prng, false, baseOf(position));
    if (victim === undefined) return -1;
    this.isMisdirecting = false;
    this.#counts.misdirectedWrite += 1;
    this.#damagedBase = baseOf(victim.position);
    return victim.position - (victim.position % LOG_BLOCK_BYTES);
  }

  /** Everything is gone. */
  wipe(): void {
    this.#submissions = [];
    this.#floor = 0;
    this.#damagedBase = -1;
    this.isMisdirecting = false;
  }

  /** Half of the time the newest submission that recovery can miss, else any. */
  #victim(prng: Prng, isIdle: boolean, base = -1): Submission | undefined {
    const covered = this.#submissions.filter(
      ({ position, bytes, isFloor }) =>
        (position + bytes <= this.#floor || (isIdle && !isFloor)) && (base < 0 || baseOf(position) === base),
    );
    if (covered.length === 0) return undefined;
    if (prng.chance(0.5)) return covered.at(-1);
    return prng.pick(covered);
  }
}

function baseOf(position: LogPosition): LogPosition {
  return position - (position % LOG_SEGMENT_BYTES);
}
