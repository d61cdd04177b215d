/**
 * A log device in memory that fails on command, and the medium under it, which outlives it.
 *
 *   LogWriter ──submit──▶ TestDevice: in flight ──complete, tear──▶ TestMedium ──▶ recovery (SegmentReader)
 *
 * A submission's bytes are copied at submit, so that a writer which changes them later is caught (`hasChanged`).
 */
import { SynodError } from '../../src/base/errors.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, SUBMISSIONS_IN_FLIGHT_MAX } from '../../src/limits.ts';
import type { LogDevice } from '../../src/log/log.ts';
import type { SegmentReader } from '../../src/log/segment.ts';

/** Segments by base; each grows as far as it was written. */
export class TestMedium implements SegmentReader {
  readonly segments = new Map<number, Uint8Array>();

  /** Retired segments give their files, with all that stands in them, to later ones. */
  isRecycling = false;
  readonly #retired: Uint8Array[] = [];
  /** Positions of blocks that cannot be read any more. */
  readonly unreadable = new Set<number>();

  list(): number[] {
    return [...this.segments.keys()].sort((a, b) => a - b);
  }

  sizeOf(base: number): number {
    return this.#segment(base).length;
  }

  nameOf(base: number): string {
    return `segment-${base / LOG_SEGMENT_BYTES}`;
  }

  read(base: number, offset: number, target: Uint8Array, targetOffset: number, size: number): void {
    const bytes = this.#segment(base);
    if (offset + size > bytes.length) throw new Error('read behind the end of the segment');
    for (const block of this.unreadable) {
      if (block + LOG_BLOCK_BYTES <= base + offset || block >= base + offset + size) continue;
      throw new SynodError('ERR_SYNOD_DIRECTORY', 'cannot read', { cause: { code: 'EIO' } });
    }
    target.set(bytes.subarray(offset, offset + size), targetOffset);
  }

  close(): void {}

  write(position: number, bytes: Uint8Array): void {
    const offset = position % LOG_SEGMENT_BYTES;
    const base = position - offset;
    const end = offset + bytes.length;
    if (end > LOG_SEGMENT_BYTES) throw new Error('a write crosses its segment');
    let whole = this.segments.get(base) ?? new Uint8Array(0);
    if (whole.length < end) whole = grow(whole, end);
    whole.set(bytes, offset);
    this.segments.set(base, whole);
  }

  retire(base: number): void {
    const bytes = this.segments.get(base);
    this.segments.delete(base);
    if (bytes !== undefined && this.isRecycling) this.#retired.push(bytes);
  }

  /** The directory is lost, with everything in it. */
  wipe(): void {
    this.segments.clear();
    this.#retired.length = 0;
  }

  /** Gives a retired file, if there is one, the name of the segment at `base`. */
  reuse(base: number): void {
    const bytes = this.#retired.pop();
    if (bytes !== undefined) this.segments.set(base, bytes);
  }

  flip(position: number): void {
    const offset = position % LOG_SEGMENT_BYTES;
    this.#segment(position - offset)[offset] ^= 0x10;
  }

  /** The same bytes on a medium of their own. */
  clone(): TestMedium {
    const copy = new TestMedium();
    for (const [base, bytes] of this.segments) copy.segments.set(base, bytes.slice());
    return copy;
  }

  #segment(base: number): Uint8Array {
    const bytes = this.segments.get(base);
    if (bytes === undefined) throw new Error(`no segment at ${base}`);
    return bytes;
  }
}

/** The same bytes and zeros to `size`; what lies behind in the buffer makes the next growth cheap. */
function grow(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.buffer.byteLength >= size) return new Uint8Array(bytes.buffer, 0, size);
  const larger = new Uint8Array(Math.min(LOG_SEGMENT_BYTES, size * 2));
  larger.set(bytes);
  return larger.subarray(0, size);
}

export interface InFlight {
  chunkIndex: number;
  offset: number;
  position: number;
  bytes: Uint8Array;
  isComplete: boolean;
}

export class TestDevice implements LogDevice {
  readonly name = 'sim';
  readonly durable = true;
  readonly medium: TestMedium;
  readonly inFlight: InFlight[] = [];
  readonly openedBases: number[] = [];
  submissions = 0;
  reads = 0;
  /** Refuses the next submissions as a full device does. */
  refusals = 0;
  /** Completes each submission at once. */
  isPrompt = false;
  errno = 0;
  isDiskFull = false;
  /** Calls of `openAhead` that find the device still at it. */
  delays = 0;
  readonly #chunks: readonly SharedArrayBuffer[];
  #durable = 0;

  constructor(medium: TestMedium, chunks: readonly SharedArrayBuffer[]) {
    this.medium = medium;
    this.#chunks = chunks;
  }

  submit(chunkIndex: number, offset: number, size: number, segment: number, _alone: boolean): boolean {
    if (offset % LOG_BLOCK_BYTES !== 0 || size % LOG_BLOCK_BYTES !== 0 || size <= 0)
      throw new Error('not whole blocks');
    const base = segment * LOG_SEGMENT_BYTES;
    const position = base + offset;
    if (!this.openedBases.includes(base)) throw new Error('the segment was not opened');
    if (this.refusals > 0) {
      this.refusals--;
      return false;
    }
    if (this.inFlight.length >= SUBMISSIONS_IN_FLIGHT_MAX) return false;
    const bytes = new Uint8Array(this.#chunks[chunkIndex], offset, size).slice();
    this.inFlight.push({ chunkIndex, offset, position, bytes, isComplete: false });
    this.submissions++;
    if (this.isPrompt) this.complete(this.inFlight.length - 1);
    return true;
  }

  durableCount(): number {
    return this.#durable;
  }

  error(): number {
    return this.errno;
  }

  read(position: number, target: Uint8Array, targetOffset: number, size: number): void {
    this.reads++;
    const offset = position % LOG_SEGMENT_BYTES;
    this.medium.read(position - offset, offset, target, targetOffset, size);
  }

  openSegment(base: number, header: Uint8Array): void {
    if (this.isDiskFull) throw new SynodError('ERR_SYNOD_DISK_FULL', 'no space');
    if (header.length !== LOG_BLOCK_BYTES) throw new Error('a header takes one block');
    this.openedBases.push(base);
    this.medium.reuse(base);
    this.medium.write(base, header);
  }

  openAhead(base: number, header: Uint8Array): boolean {
    if (this.delays > 0) {
      this.delays--;
      return false;
    }
    this.openSegment(base, header);
    return true;
  }

  retireSegment(base: number): void {
    this.medium.retire(base);
  }

  close(): void {}

  /** Writes the submission at `index` of those in flight; only the contiguous prefix counts as durable. */
  complete(index = 0): void {
    const submission = this.inFlight[index];
    if (this.hasChanged(submission)) throw new Error('the bytes of a submission changed in flight');
    this.medium.write(submission.position, submission.bytes);
    submission.isComplete = true;
    while (this.inFlight.length > 0 && this.inFlight[0].isComplete) {
      this.inFlight.shift();
      this.#durable = (this.#durable + 1) | 0;
    }
  }

  completeAll(): void {
    while (this.inFlight.length > 0) this.complete();
  }

  /** A power cut in the middle of the submission at `index`: only the chosen 512-byte sectors reach the medium. */
  tear(index: number, keepsSector: (sector: number) => boolean, medium = this.medium): void {
    const { position, bytes } = this.inFlight[index];
    for (let at = 0; at < bytes.length; at += 512) {
      if (keepsSector(at / 512)) medium.write(position + at, bytes.subarray(at, at + 512));
    }
  }

  hasChanged({ chunkIndex, offset, bytes }: InFlight): boolean {
    const now = new Uint8Array(this.#chunks[chunkIndex], offset, bytes.length);
    return Buffer.compare(now, bytes) !== 0;
  }
}
