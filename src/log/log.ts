/**
 * The two ports of the log storey.
 *
 * `LogDevice` is the leaf under a log: it makes byte ranges of the in-memory tail durable. Native, `fs`, memory and
 * simulated devices implement it; a worker sees one implementation.
 *
 * `Log` (log/log-writer) is what a group-driver sees: stage a value, append a record, ask what is durable, read a record back.
 */
import type { GroupId, LogPosition, Sequence } from '../base/types.ts';

/** Makes submissions durable, in order of acknowledgement. */
export interface LogDevice {
  /** 'direct' | 'buffered' | 'fs' | 'memory' | 'dax' | 'sim'. */
  readonly name: string;
  /** True only where a completed submission survives a power cut. */
  readonly durable: boolean;
  /** Bytes that the medium takes at once: submissions are padded to them with zeros. Absent: LOG_BLOCK_BYTES. */
  readonly unitBytes?: number;
  /**
   * Hands over bytes [offset, offset + size) of chunk `chunkIndex`, for the same offset of segment number `segment` (its base by
   * LOG_SEGMENT_BYTES: a small integer, no box): from the start of a block, a multiple of `unitBytes`, within the segment. The bytes do not change until the submission is durable. The serials of successive calls are 1, 2, 3, …
   * (wrapping). Returns false when SUBMISSIONS_IN_FLIGHT_MAX are in flight: try again later. `alone` hints that nothing
   * else is in flight and the caller has no other work: the device may finish the write before it returns.
   */
  submit(chunkIndex: number, offset: number, size: number, segment: number, alone: boolean): boolean;
  /** Count of durable submissions since open: the contiguous prefix, wrapping 32 bits. One atomic load. */
  durableCount(): number;
  /** errno that latched the device, or 0. A latched device never makes anything durable again. */
  error(): number;
  /** Reads durable bytes back into `target`; synchronous. Throws ERR_SYNOD_LOG_FAILED where the medium fails. */
  read(position: LogPosition, target: Uint8Array, targetOffset: number, size: number): void;
  /**
   * Opens the segment whose first byte is `base` (a multiple of LOG_SEGMENT_BYTES), with `header` (one block) already
   * durable in it when the call returns. May have been prepared ahead. At start: the call may block.
   */
  openSegment(base: LogPosition, header: Uint8Array): void;
  /**
   * The same for the next segment while the log is at work, without blocking the caller: true once it is open, false while the device is
   * at it. Ask again with the same arguments, which stay as they are until then. Throws ERR_SYNOD_DISK_FULL, or what else may pass,
   * while there is no room: ask again later.
   */
  openAhead(base: LogPosition, header: Uint8Array): boolean;
  /** Nothing in the segment that begins at `base` is needed any more: its room may be used again. Never fails: what cannot be removed stays. */
  retireSegment(base: LogPosition): void;
  /** Waits until nothing is in flight, then lets go of files and threads. Idempotent. */
  close(): void;
}

/** What a group-driver needs of its worker's log. One log serves all groups of the worker. */
export interface Log {
  readonly device: LogDevice;
  /** Position at which the next record will be appended. */
  readonly appendedPosition: LogPosition;
  /** Submissions handed to the device since open. */
  readonly submissions: number;
  /** All positions below are durable. */
  readonly durablePosition: LogPosition;

  /**
   * Reserves room for a record with a value of at most `valueBytes` and returns the byte offset at which the value may be
   * written into `stagedBytes`; -1 while the in-memory tail or the medium is full. The value's offset is congruent to 0 modulo 64.
   * At most one value is staged; staging again moves nothing.
   */
  stage(valueBytes: number): number;
  /** The chunk that `stage` reserved room in. */
  readonly stagedBytes: Uint8Array;
  readonly stagedWords: Int32Array;

  /**
   * Appends a record whose header fields stand in `header` (log/record-header, words of HEADER_*), with the staged value
   * when its kind has one, without otherwise. Returns the record's position. Room is always there for a record
   * without value (ENTRY_RESERVE_BYTES, S23).
   */
  append(header: Float64Array): LogPosition;

  /** Hands everything appended since the last call to the device, as far as it takes it. Returns submissions made. */
  submit(alone: boolean): number;
  /** Reads the device's durable count and moves `durablePosition`. Returns true when it moved. */
  poll(): boolean;

  /**
   * Finds the record at `position` in the in-memory tail, or reads it back from the device. Afterwards `readBytes`,
   * `readWords` and `readOffset` (byte offset of the record header) show it, until the next `locate` or `append`.
   */
  locate(position: LogPosition): void;
  readonly readBytes: Uint8Array;
  readonly readWords: Int32Array;
  readonly readOffset: number;

  /**
   * Covers the last records by a floor record where nothing is under way, so that their rot can be told from a torn write (S11).
   * Returns true when it appended one; the caller submits.
   */
  writeFloor(): boolean;

  /** True while the medium has no room for the next segment: no value is staged; records without value go to the reserve (S14). */
  readonly isFull: boolean;
  /** One unit of logical time has passed: a full medium is asked again now and then. */
  tick(): void;

  /** Position of the oldest record that may still be located. */
  readonly firstPosition: LogPosition;
  /** Gives back whole segments below `position`; their records are not located any more. Returns how many. */
  retire(position: LogPosition): number;
}

/** Fields of a record that `append` takes from the driver; indices into a preallocated Float64Array. */
export const HEADER_KIND = 0;
export const HEADER_GROUP = 1;
export const HEADER_EPOCH = 2;
export const HEADER_BALLOT = 3;
export const HEADER_SLOT = 4;
export const HEADER_SEQUENCE = 5;
export const HEADER_COMMIT = 6;
export const HEADER_VALUE_LENGTH = 7;
export const HEADER_VALUE_CRC = 8;
export const HEADER_FIELDS = 9;

/** What recovery hands to a group: one call per valid record, in log order. */
export interface RecoveredRecord {
  kind: number;
  group: GroupId;
  epoch: number;
  ballot: number;
  slot: number;
  sequence: Sequence;
  commitWatermark: number;
  valueLength: number;
  valueCrc: number;
  position: LogPosition;
}
