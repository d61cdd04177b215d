/**
 * The medium under one simulated log: durable blocks in a map, writes in flight beside them. A crash decides block by block
 * which of the writes in flight reached the medium; rot, misdirected writes and a full disk strike what is durable.
 */

import { SynodError } from '../../src/base/errors.ts';
import type { Prng } from '../../src/base/prng.ts';
import type { LogPosition } from '../../src/base/types.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, SUBMISSIONS_IN_FLIGHT_MAX } from '../../src/limits.ts';
import type { LogDevice } from '../../src/log/log.ts';
import { type SegmentReader, segmentFileName } from '../../src/log/segment.ts';
import type { FaultCounts } from './fault-counts.ts';
import type { CrashPoints } from './fault-crash-points.ts';
import { DiskDamage } from './fault-damage.ts';
import type { FaultMix } from './faults.ts';

interface Flight {
  position: LogPosition;
  bytes: Uint8Array;
  dueTick: number;
  isDone: boolean;
}

const EIO = 5;
const ENOSPC = 28;
/** Chance per submission that a full disk refuses it: most writes stay inside a segment that has its space. */
const REFUSAL_CHANCE = 0.03;
/** A write of a sluggish disk takes so long at least. */
const SLUGGISH_TICKS = 60;
/** Files of retired segments that are kept. */
const RETIRED_MAX = 2;
/** Opening a segment in the background takes less than so long. */
const AHEAD_TICKS_MAX = 400;

interface Segment {
  /** What was ever written, doubling as it grows; zeros where nothing was. */
  bytes: Uint8Array;
  end: number;
}

const FIRST_BYTES = 1 << 16;

/** Bytes that nobody holds any more, by their length: segments that are gone, and copies of writes that ended. Their garbage costs more than the bytes. */
const idle = new Map<number, Uint8Array[]>();
const IDLE_MAX = 16;

function takeIdle(size: number): Uint8Array | undefined {
  return idle.get(size)?.pop();
}

function giveBack(bytes: Uint8Array): void {
  const known = idle.get(bytes.length);
  if (known === undefined) idle.set(bytes.length, [bytes]);
  else if (known.length < IDLE_MAX) known.push(bytes);
}

function takeZeros(size: number): Uint8Array {
  return takeIdle(size)?.fill(0) ?? new Uint8Array(size);
}

/** Survives crashes; a SimDevice is one opening of it. */
export class SimDisk {
  readonly segments = new Map<LogPosition, Segment>();
  readonly damage: DiskDamage;
  readonly #retired: Segment[] = [];
  /** No space until this tick. */
  fullUntil = 0;
  /** Every write takes long until this tick. */
  sluggishUntil = 0;

  constructor(counts: FaultCounts) {
    this.damage = new DiskDamage(counts);
  }

  /** Writes within one segment. */
  write(position: LogPosition, bytes: Uint8Array): void {
    const base = position - (position % LOG_SEGMENT_BYTES);
    const segment = this.segments.get(base) ?? { bytes: takeZeros(FIRST_BYTES), end: 0 };
    this.segments.set(base, segment);
    const end = position - base + bytes.length;
    if (end > segment.bytes.length) {
      const grown = takeZeros(2 ** Math.ceil(Math.log2(end)));
      grown.set(segment.bytes);
      giveBack(segment.bytes);
      segment.bytes = grown;
    }
    segment.bytes.set(bytes, position - base);
    if (end > segment.end) segment.end = end;
  }

  /** Reads within one segment; zeros behind its end. */
  read(position: LogPosition, target: Uint8Array, targetOffset: number, size: number): void {
    const base = position - (position % LOG_SEGMENT_BYTES);
    const from = position - base;
    const bytes = this.segments.get(base)?.bytes ?? NOTHING;
    const held = Math.max(0, Math.min(size, bytes.length - from));
    if (held > 0) target.set(bytes.subarray(from, from + held), targetOffset);
    target.fill(0, targetOffset + held, targetOffset + size);
  }

  /** Something that was durable rots; false where nothing is that recovery could miss. */
  rot(prng: Prng, isIdle: boolean): boolean {
    return this.damage.rot(prng, isIdle, (position, mask) => {
      const base = position - (position % LOG_SEGMENT_BYTES);
      const { bytes } = this.segments.get(base) as Segment;
      bytes[position - base] = (bytes[position - base] as number) ^ mask;
    });
  }

  /** The segment's file is kept for another base, with everything that stands in it. */
  retire(base: LogPosition): void {
    const segment = this.segments.get(base);
    this.segments.delete(base);
    if (segment === undefined) return;
    if (this.#retired.length < RETIRED_MAX) this.#retired.push(segment);
    else giveBack(segment.bytes);
  }

  /** Gives a retired file the name of the segment at `base`; its old header stands in it. False where there is none. */
  reuse(base: LogPosition): boolean {
    const segment = this.#retired.pop();
    if (segment !== undefined) this.segments.set(base, segment);
    return segment !== undefined;
  }

  /** The directory is lost. */
  wipe(): void {
    for (const { bytes } of [...this.#retired, ...this.segments.values()]) giveBack(bytes);
    this.#retired.length = 0;
    this.segments.clear();
    this.damage.wipe();
  }
}

const NOTHING = new Uint8Array(0);

/** A copy of a write in flight. */
function keep(source: Uint8Array, offset: number, size: number): Uint8Array {
  const kept = takeIdle(size) ?? new Uint8Array(size);
  kept.set(source.subarray(offset, offset + size));
  return kept;
}

export class SimDevice implements LogDevice {
  readonly name = 'sim';
  readonly durable = true;
  readonly #disk: SimDisk;
  readonly #chunks: Uint8Array[];
  readonly #prng: Prng;
  readonly #faults: FaultMix;
  readonly #counts: FaultCounts;
  readonly #now: () => number;
  readonly #points: CrashPoints;
  /** Told of each submission once it and everything before it is durable. */
  readonly #onDurable: (position: LogPosition, bytes: Uint8Array) => void;
  #flights: Flight[] = [];
  #count = 0;
  #toldCount = 0;
  #error = 0;
  #isOpen = false;
  /** Segment being opened in the background, and when it will be. */
  #aheadBase = -1;
  #aheadTick = 0;

  constructor(
    disk: SimDisk,
    chunks: readonly SharedArrayBuffer[],
    prng: Prng,
    faults: FaultMix,
    counts: FaultCounts,
    points: CrashPoints,
    now: () => number,
    onDurable: (position: LogPosition, bytes: Uint8Array) => void,
  ) {
    this.#disk = disk;
    this.#onDurable = onDurable;
    this.#points = points;
    this.#chunks = chunks.map((chunk) => new Uint8Array(chunk));
    this.#prng = prng;
    this.#faults = faults;
    this.#counts = counts;
    this.#now = now;
  }

  submit(chunkIndex: number, offset: number, size: number, segment: number): boolean {
    if (this.#flights.length >= SUBMISSIONS_IN_FLIGHT_MAX) return false;
    this.#points.pass('crashBeforeSubmit');
    if (this.#prng.chance(this.#faults.diskError)) {
      this.#counts.diskError += 1;
      this.#error = EIO;
    }
    if (this.#isFull && this.#prng.chance(REFUSAL_CHANCE)) {
      this.#counts.refusedSubmit += 1;
      this.#error = ENOSPC;
    }
    const isSlow = this.#prng.chance(this.#faults.slowDisk);
    if (isSlow) this.#counts.slowDisk += 1;
    const drawn = isSlow ? this.#prng.range(1, this.#faults.slowDiskTicks + 2) : this.#prng.range(0, 2);
    const wait = this.#disk.sluggishUntil > this.#now() ? SLUGGISH_TICKS + drawn : drawn;
    const bytes = keep(this.#chunks[chunkIndex] as Uint8Array, offset, size);
    const position = segment * LOG_SEGMENT_BYTES + offset;
    this.#flights.push({ position, bytes, dueTick: this.#now() + wait, isDone: false });
    this.#points.pass('crashAfterSubmit');
    return true;
  }

  get #isFull(): boolean {
    return this.#disk.fullUntil > this.#now();
  }

  /** Completes what is due, in any order; the durable count is the contiguous prefix. */
  advance(): void {
    if (this.#error !== 0) return;
    if (this.#flights.length === 0) return;
    for (const flight of this.#flights) {
      if (flight.isDone || flight.dueTick > this.#now()) continue;
      this.#points.pass('crashBeforeDurable');
      flight.isDone = true;
      if (this.#flights[0]?.isDone === false) this.#counts.reorderedWrite += 1;
      this.#complete(flight);
    }
    while (this.#flights[0]?.isDone === true) {
      const { position, bytes } = this.#flights.shift() as Flight;
      this.#count = (this.#count + 1) | 0;
      this.#onDurable(position, bytes);
      giveBack(bytes);
    }
  }

  #complete({ position, bytes }: Flight): void {
    const astray = this.#disk.damage.misdirect(this.#prng, position);
    if (astray < 0) {
      this.#disk.write(position, bytes);
      this.#disk.damage.onWritten(position, bytes);
      return;
    }
    this.#disk.write(astray, bytes.subarray(0, LOG_BLOCK_BYTES));
    if (bytes.length > LOG_BLOCK_BYTES) this.#disk.write(position + LOG_BLOCK_BYTES, bytes.subarray(LOG_BLOCK_BYTES));
  }

  /** The power goes: writes in flight vanish, or some of their blocks survive. */
  crash(): void {
    for (const flight of this.#flights) {
      if (flight.isDone) continue;
      if (!this.#prng.chance(this.#faults.tear)) {
        this.#counts.lostWrite += 1;
        continue;
      }
      this.#counts.tornWrite += 1;
      const isWhole = this.#prng.chance(0.3);
      for (let at = 0; at < flight.bytes.length; at += LOG_BLOCK_BYTES) {
        if (!isWhole && this.#prng.chance(0.5)) continue;
        const block = flight.bytes.slice(at, at + LOG_BLOCK_BYTES);
        if (!isWhole && this.#prng.chance(0.2)) block.fill(0, this.#prng.range(0, LOG_BLOCK_BYTES / 512) * 512);
        this.#disk.write(flight.position + at, block);
      }
    }
    this.#flights = [];
  }

  get isIdle(): boolean {
    return this.#flights.length === 0;
  }

  durableCount(): number {
    if (this.#toldCount !== this.#count) this.#points.pass('crashAfterDurable');
    this.#toldCount = this.#count;
    return this.#count;
  }

  error(): number {
    return this.#error;
  }

  read(position: LogPosition, target: Uint8Array, targetOffset: number, size: number): void {
    this.#disk.read(position, target, targetOffset, size);
  }

  openSegment(base: LogPosition, header: Uint8Array): void {
    this.#points.pass('crashAtSegment');
    if (this.#isFull) {
      this.#counts.refusedSegment += 1;
      throw new SynodError('ERR_SYNOD_DISK_FULL', 'No space left to open a segment of the log: free some.');
    }
    if (this.#disk.reuse(base)) {
      this.#counts.recycledSegment += 1;
      this.#points.pass('crashAtSegment');
    }
    this.#disk.write(base, header);
    if (!this.#isOpen) this.#disk.damage.onOpened(base, header);
    this.#isOpen = true;
    this.#points.pass('crashAtSegment');
  }

  /** Opened in the background, which takes a while; a crash meanwhile may leave the header there or not. */
  openAhead(base: LogPosition, header: Uint8Array): boolean {
    if (this.#aheadBase !== base) {
      this.#aheadBase = base;
      this.#aheadTick = this.#now() + this.#prng.range(0, this.#prng.chance(0.5) ? 2 : AHEAD_TICKS_MAX);
    }
    if (this.#aheadTick > this.#now()) return false;
    this.openSegment(base, header);
    return true;
  }

  retireSegment(base: LogPosition): void {
    this.#disk.retire(base);
    this.#disk.damage.onRetired(base);
    this.#counts.retiredSegment += 1;
  }

  close(): void {}
}

/** What recovery reads. */
export class SimSegmentReader implements SegmentReader {
  readonly #disk: SimDisk;

  constructor(disk: SimDisk) {
    this.#disk = disk;
  }

  list(): LogPosition[] {
    return [...this.#disk.segments.keys()].sort((a, b) => a - b);
  }

  /** Zeros behind the last written block need not be read. */
  sizeOf(base: LogPosition): number {
    return this.#disk.segments.get(base)?.end ?? 0;
  }

  read(base: LogPosition, offset: number, target: Uint8Array, targetOffset: number, size: number): void {
    this.#disk.read(base + offset, target, targetOffset, size);
  }

  nameOf(base: LogPosition): string {
    return segmentFileName(base);
  }

  close(): void {}
}
