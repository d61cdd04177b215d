/**
 * Reads a log back after a stop, a crash or a power cut, and says where it ends (S11).
 *
 *   incarnation 1            │ void │ incarnation 2                       │ gap │ discarded
 *   header sub sub sub sub   cut₂   header sub sub │ header sub sub sub   cut   sub (durable, but behind a gap)
 *
 * Within an incarnation serials are consecutive, so a gap shows even between segments. An older incarnation must be whole
 * up to the cut that the next one carries. In the newest, whole submissions behind a gap are normal: several were in
 * flight. If one of them says that the gap lay below its durable floor, the gap is damage, reported and never cut;
 * otherwise it was never acknowledged, and the log is cut there. A segment is opened durably before its first submission,
 * so a segment without header that holds submissions is damaged, too.
 */
import { assert } from '../base/assert.ts';
import { align } from '../base/bits.ts';
import { SynodError } from '../base/errors.ts';
import type { GroupId, LogPosition, Slot } from '../base/types.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../limits.ts';
import type { Checksum } from '../wire/crc32c.ts';
import { LOG_FORMAT_VERSION } from './record.ts';
import type { LogIdentity, SegmentHeader } from './record-header.ts';
import type { SegmentReader } from './segment.ts';
import { type RecordVisitor, SegmentScan, type SubmissionView } from './segment-scan.ts';

/** A place where bytes that were durable are gone or changed. */
export interface LogDamage {
  position: LogPosition;
  /** The segment's name on the medium, and the offset in it. */
  segment: string;
  offset: number;
  reason: string;
  /** The last whole record before it; undefined where none was found. */
  behind: { group: GroupId; slot: Slot } | undefined;
}

export interface RecoveryReport {
  /** Valid records, floor records excepted, and the bytes of their submissions. */
  records: number;
  bytes: number;
  /** Segments found. */
  segments: number;
  /** The cut: everything that passed recovery lies before it. */
  endPosition: LogPosition;
  /** Base of the oldest segment found; `nextBase` where there is none. */
  firstBase: LogPosition;
  /** Where the next incarnation may begin: no live segment stands at or after it. */
  nextBase: LogPosition;
  /** 0 where the log never held a segment. */
  lastIncarnation: number;
  lastGeneration: number;
  /** Bytes stand behind the cut: a write was torn, or durable behind a gap. */
  isTorn: boolean;
  /** Records before the damage were visited; the log must not go on. */
  damage: LogDamage | undefined;
}

interface Segment {
  base: LogPosition;
  /** Undefined where the header is missing, torn, rotten or from an older time. */
  header: SegmentHeader | undefined;
}

/** Told now and then: bytes scanned, of so many at most. */
export type ScanProgress = (bytes: number, total: number) => void;

/**
 * Shows every valid record to `visitor`, in order, and closes the reader; changes nothing on the medium. `onForgotten` is called where an
 * incarnation begins that had lost records before it. `lent`: LOG_SEGMENT_BYTES to read segments into.
 */
export function recoverLog(
  reader: SegmentReader,
  identity: LogIdentity,
  checksum: Checksum,
  visitor: RecordVisitor,
  onForgotten: () => void = () => {},
  onProgress: ScanProgress = () => {},
  lent?: SharedArrayBuffer,
): RecoveryReport {
  return new Recovery(reader, identity, checksum, visitor, onForgotten, onProgress, lent).run();
}

const UNREADABLE = 'the medium cannot read it';

class Recovery {
  readonly #reader: SegmentReader;
  readonly #identity: LogIdentity;
  readonly #visitor: RecordVisitor;
  readonly #onForgotten: () => void;
  readonly #scan: SegmentScan;
  readonly #report: RecoveryReport;
  /** Bytes of all segments. */
  #total = 0;

  /** Of the incarnation being walked. */
  #incarnation = 0;
  /** End of the whole submissions without gap. */
  #prefixEnd = 0;
  /** Serial that continues the prefix; 0 = any, at the start of the oldest segment (others may be truncated away). */
  #serial = 0;
  /** Something other than the next submission stands at `#prefixEnd`: the segment's end or a gap. */
  #isSuspended = false;
  /** It is a gap: nothing can continue the prefix. */
  #isEnded = false;
  #floor = 0;
  /** Of the record shown last; -1 before the first. */
  #lastGroup = -1;
  #lastSlot = -1;

  constructor(
    reader: SegmentReader,
    identity: LogIdentity,
    checksum: Checksum,
    visitor: RecordVisitor,
    onForgotten: () => void,
    onProgress: ScanProgress,
    lent: SharedArrayBuffer | undefined,
  ) {
    this.#onForgotten = onForgotten;
    this.#reader = reader;
    this.#identity = identity;
    this.#visitor = visitor;
    this.#scan = new SegmentScan(reader, checksum, (bytes) => onProgress(bytes, this.#total), lent);
    this.#report = {
      records: 0,
      bytes: 0,
      segments: 0,
      endPosition: 0,
      firstBase: 0,
      nextBase: 0,
      lastIncarnation: 0,
      lastGeneration: 0,
      isTorn: false,
      damage: undefined,
    };
  }

  run(): RecoveryReport {
    const report = this.#report;
    const segments = this.#readHeaders();
    report.segments = segments.length;
    const lastLive = segments.findLastIndex((segment) => segment.header !== undefined);
    if (lastLive >= 0) this.#walkIncarnations(segments.slice(0, lastLive + 1));
    else if (segments.length > 0 && segments[0].base > 0)
      this.#damage(segments[0].base, 'no segment has a header, although the log was truncated before');
    report.endPosition = this.#prefixEnd;
    report.nextBase = lastLive < 0 ? 0 : segments[lastLive].base + LOG_SEGMENT_BYTES;
    for (const { base } of segments.slice(lastLive + 1))
      this.#checkHeaderless(base, Math.max(report.lastIncarnation, 1));
    if (report.damage !== undefined) {
      report.endPosition = Math.min(report.endPosition, report.damage.position);
      report.nextBase = segments[segments.length - 1].base + LOG_SEGMENT_BYTES;
    }
    report.firstBase = segments[0]?.base ?? report.nextBase;
    this.#scan.close();
    this.#reader.close();
    assert(report.endPosition <= report.nextBase, 'the cut lies before the next segment');
    return report;
  }

  #readHeaders(): Segment[] {
    return this.#reader.list().map((base) => {
      this.#total += this.#reader.sizeOf(base);
      const header = this.#scan.headerOf(base);
      if (header !== undefined) this.#checkIdentity(base, header);
      const isLive = header !== undefined && header.base === base && header.generation > this.#report.lastGeneration;
      if (!isLive) return { base, header: undefined };
      this.#report.lastIncarnation = header.incarnation;
      this.#report.lastGeneration = header.generation;
      return { base, header };
    });
  }

  #checkIdentity(base: LogPosition, header: SegmentHeader): void {
    const { clusterId, nodeId, logNumber } = this.#identity;
    const name = this.#reader.nameOf(base);
    if (header.version !== LOG_FORMAT_VERSION) {
      throw new SynodError(
        'ERR_SYNOD_DIRECTORY_MISMATCH',
        `${name} has log format ${header.version}, this version reads ${LOG_FORMAT_VERSION}: open it with the version that wrote it.`,
      );
    }
    if (header.clusterId === clusterId && header.nodeId === nodeId && header.logNumber === logNumber) return;
    throw new SynodError(
      'ERR_SYNOD_DIRECTORY_MISMATCH',
      `${name} belongs to cluster ${header.clusterId}, node ${header.nodeId}, log ${header.logNumber}, not to cluster ${clusterId}, ` +
        `node ${nodeId}, log ${logNumber}: give each replica its own directory.`,
    );
  }

  /** An incarnation ends at the lowest cut of those behind it: a later one may have voided all of a former one. */
  #walkIncarnations(segments: Segment[]): void {
    let first = 0;
    while (first < segments.length && this.#report.damage === undefined) {
      const incarnation = segments[first].header?.incarnation ?? 0;
      const behind = segments.findIndex(({ header }, i) => i > first && (header?.incarnation ?? 0) > incarnation);
      const end = behind < 0 ? segments.length : behind;
      const limit = lowestCut(segments.slice(end));
      for (const { base, header } of segments.slice(first, end))
        if (header === undefined && base >= limit) this.#checkHeaderless(base, heirOf(segments.slice(end), base));
      if (this.#report.damage !== undefined) return;
      this.#walkIncarnation(segments.slice(first, end), incarnation, limit, first === 0);
      first = end;
    }
  }

  /** Walks the segments of one incarnation; nothing at or after `limit` belongs to it. Serials of an older log may be truncated away. */
  #walkIncarnation(segments: Segment[], incarnation: number, limit: LogPosition, isOldest: boolean): void {
    assert(segments.length > 0, 'an incarnation has a segment');
    if (segments[0].base >= limit) return;
    if (segments[0].header?.isForgotten === true) this.#onForgotten();
    this.#incarnation = incarnation;
    this.#serial = isOldest ? 0 : 1;
    this.#prefixEnd = segments[0].base + LOG_BLOCK_BYTES;
    this.#isSuspended = false;
    this.#isEnded = false;
    this.#floor = 0;
    let expectedBase = segments[0].base;
    for (const { base, header } of segments) {
      if (base >= limit) break;
      if (base !== expectedBase) this.#damage(expectedBase, 'a segment is missing');
      else if (header === undefined) this.#damage(base, 'the segment header is destroyed');
      if (this.#report.damage !== undefined) return;
      this.#walkSegment(base, limit);
      expectedBase += LOG_SEGMENT_BYTES;
    }
    if (limit === Number.POSITIVE_INFINITY) {
      if (this.#floor > this.#prefixEnd)
        this.#damage(this.#prefixEnd, 'a submission below the durable floor is not whole');
    } else if (this.#prefixEnd !== limit) {
      this.#damage(this.#prefixEnd, `a submission below the cut at position ${limit} is not whole`);
    }
  }

  #walkSegment(base: LogPosition, limit: LogPosition): void {
    this.#scan.load(base);
    const end = Math.min(this.#scan.size, limit - base);
    let offset = LOG_BLOCK_BYTES;
    while (offset < end) {
      const view = this.#scan.submissionAt(offset);
      if (view !== undefined && this.#continuesPrefix(view)) {
        this.#take(view, base);
        offset += align(view.size, LOG_BLOCK_BYTES);
      } else if (view !== undefined && view.incarnation === this.#incarnation) {
        this.#isSuspended = true;
        this.#isEnded = true;
        if (!view.isWhole && this.#scan.isUnreadable(offset, view.size)) this.#damage(base + offset, UNREADABLE);
        this.#floor = Math.max(this.#floor, view.floor);
        this.#report.isTorn = true;
        offset += align(view.size, LOG_BLOCK_BYTES);
      } else {
        this.#isSuspended = true;
        if (this.#scan.isUnreadable(offset, LOG_BLOCK_BYTES)) this.#damage(base + offset, UNREADABLE);
        if (offset === LOG_BLOCK_BYTES) this.#isEnded = true;
        if (this.#scan.hasBytesAt(offset)) this.#report.isTorn = true;
        offset += LOG_BLOCK_BYTES;
      }
    }
  }

  /** True for the submission that comes next: behind the last one, or at the start of the segment after it. */
  #continuesPrefix(view: SubmissionView): boolean {
    if (this.#isEnded || !view.isWhole) return false;
    if (this.#isSuspended && view.offset !== LOG_BLOCK_BYTES) return false;
    if (view.incarnation !== this.#incarnation) return false;
    return this.#serial === 0 || view.serial === this.#serial;
  }

  #take(view: SubmissionView, base: LogPosition): void {
    assert(view.isWhole && !this.#isEnded, 'only whole submissions without gap before them count');
    assert(view.incarnation === this.#incarnation, 'an incarnation consists of its own submissions');
    this.#isSuspended = false;
    this.#report.isTorn = false;
    this.#serial = view.serial + 1;
    this.#prefixEnd = base + view.offset + align(view.size, LOG_BLOCK_BYTES);
    this.#report.bytes += view.size;
    this.#scan.visit(view, (record, bytes, words, offset) => {
      this.#report.records++;
      this.#lastGroup = record.group;
      this.#lastSlot = record.slot;
      this.#visitor(record, bytes, words, offset);
    });
  }

  /** A segment without header: half-made or void, or its header is rotten, which a submission of `incarnation` or later betrays. */
  #checkHeaderless(base: LogPosition, incarnation: number): void {
    this.#scan.load(base);
    for (let offset = LOG_BLOCK_BYTES; offset < this.#scan.size; offset += LOG_BLOCK_BYTES) {
      const view = this.#scan.submissionAt(offset);
      if (view !== undefined && view.incarnation >= incarnation) this.#loseHeader(base, view.incarnation);
    }
  }

  #loseHeader(base: LogPosition, incarnation: number): void {
    if (incarnation > this.#report.lastIncarnation) this.#report.lastIncarnation = incarnation;
    this.#damage(base, 'the segment header is destroyed');
  }

  /** The first damage found is reported. */
  #damage(position: LogPosition, reason: string): void {
    if (this.#report.damage !== undefined) return;
    assert(position >= 0, 'damage has a place');
    const offset = position % LOG_SEGMENT_BYTES;
    const segment = this.#reader.nameOf(position - offset);
    const behind = this.#lastGroup < 0 ? undefined : { group: this.#lastGroup, slot: this.#lastSlot };
    this.#report.damage = { position, segment, offset, reason, behind };
  }
}

/** The incarnation that voided a segment at `base`: submissions of this one or a later one there were never void. */
function heirOf(behind: readonly Segment[], base: LogPosition): number {
  return Math.max(
    0,
    ...behind.map(({ header }) => (header !== undefined && header.cut <= base ? header.incarnation : 0)),
  );
}

function lowestCut(segments: readonly Segment[]): LogPosition {
  return Math.min(...segments.map(({ header }) => header?.cut ?? Number.POSITIVE_INFINITY));
}
