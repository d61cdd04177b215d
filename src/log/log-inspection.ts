/**
 * What stands in a log, told without opening it: segments, records, torn tail, watermarks per group, damage. Reads only.
 *
 *   directory ──findLogs──▶ log directories ──inspectLog──▶ recoverLog over the segments as they are ──▶ LogInspection
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { SynodError } from '../base/errors.ts';
import type { GroupId, LogPosition, Slot } from '../base/types.ts';
import { LOG_SEGMENT_BYTES } from '../limits.ts';
import { loadNative } from '../native-binding.ts';
import { ballotNode, ballotRound } from '../paxos/ballot.ts';
import { type Checksum, NativeChecksum, softwareChecksum } from '../wire/crc32c.ts';
import type { RecoveredRecord } from './log.ts';
import { KIND_LEARNED, KIND_MARK, KIND_PROMISE, KIND_VOTE, KIND_VOTE_AGAIN } from './record.ts';
import type { LogIdentity } from './record-header.ts';
import { type LogDamage, recoverLog } from './recovery.ts';
import { FileSegmentReader, type SegmentReader } from './segment.ts';
import { SegmentScan } from './segment-scan.ts';

const KIND_NAMES: Readonly<Record<number, string>> = {
  [KIND_VOTE]: 'vote',
  [KIND_VOTE_AGAIN]: 'vote-again',
  [KIND_PROMISE]: 'promise',
  [KIND_LEARNED]: 'learned',
  [KIND_MARK]: 'mark',
};

export interface SegmentInspection {
  file: string;
  base: LogPosition;
  bytes: number;
  /** False where no whole header for this place stands: half made, recycled, or rotten. */
  hasHeader: boolean;
  generation: number;
  incarnation: number;
  cut: LogPosition;
  /** Durable records are missing before this incarnation (S12). */
  isForgotten: boolean;
}

/** What one group would know after recovery. */
export interface GroupInspection {
  group: GroupId;
  records: number;
  /** Round and node of the highest promise; 0.0 where there is none. */
  promisedBallot: string;
  commitWatermark: Slot;
  truncationPoint: Slot;
  /** Of the value records; -1 where there is none. */
  firstSlot: Slot;
  lastSlot: Slot;
  /** It forgot votes, and no promise behind that says that it is back. */
  isRejoining: boolean;
}

export interface LogInspection {
  directory: string;
  identity: LogIdentity | undefined;
  incarnation: number;
  segments: SegmentInspection[];
  records: number;
  /** Bytes of the submissions that they stand in. */
  bytes: number;
  /** Records by kind. */
  kinds: Record<string, number>;
  /** Where the log ends: the cut of the next opening. */
  endPosition: LogPosition;
  /** Bytes stand behind the end: a torn write, or what a recycled segment held before. Never acknowledged here. */
  tornTail: boolean;
  groups: GroupInspection[];
  damage: LogDamage | undefined;
}

/** One record as a line of a dump. */
export interface DumpedRecord {
  position: LogPosition;
  file: string;
  offset: number;
  kind: string;
  group: GroupId;
  epoch: number;
  ballot: string;
  slot: Slot;
  sequence: number;
  commitWatermark: Slot;
  valueBytes: number;
}

/** Log directories in a log's, a replica's, a node's or a cluster's directory, in order. Throws ERR_SYNOD_DIRECTORY where there is none. */
export function findLogs(directory: string): string[] {
  const names = namesIn(directory);
  if (names.some((name) => name.endsWith('.seg'))) return [directory];
  const logs = numbered(names, 'log-').map((name) => join(directory, name));
  const replicas = numbered(names, 'replica-').map((name) => join(directory, name));
  const inReplicas = replicas.flatMap((home) => numbered(namesIn(home), 'log-').map((name) => join(home, name)));
  const found = [...logs, ...inReplicas];
  if (found.length > 0) return found;
  throw new SynodError(
    'ERR_SYNOD_DIRECTORY',
    `${directory} holds no log: name the directory of a cluster, a node, a replica or a log.`,
  );
}

/** Reads the whole log as recovery would; `onRecord` is shown every record that recovery would take. */
export function inspectLog(directory: string, onRecord: (record: DumpedRecord) => void = () => {}): LogInspection {
  const { binding } = loadNative('auto');
  const checksum = binding === undefined ? softwareChecksum : new NativeChecksum(binding);
  const reader = new FileSegmentReader(directory);
  const segments = readSegments(reader, checksum);
  const owner = segments.findLast(({ identity }) => identity !== undefined)?.identity;
  const groups = new GroupLedger();
  const kinds: Record<string, number> = {};
  const report = recoverLog(
    reader,
    owner ?? { clusterId: 0, nodeId: 0, logNumber: 0 },
    checksum,
    (record) => {
      const kind = KIND_NAMES[record.kind] ?? `kind ${record.kind}`;
      kinds[kind] = (kinds[kind] ?? 0) + 1;
      groups.add(record);
      onRecord(dumped(record, kind, reader));
    },
    () => groups.forget(),
  );
  return {
    directory,
    identity: owner,
    incarnation: report.lastIncarnation,
    segments: segments.map(({ inspection }) => inspection),
    records: report.records,
    bytes: report.bytes,
    kinds,
    endPosition: report.endPosition,
    tornTail: report.isTorn,
    groups: groups.all(),
    damage: report.damage,
  };
}

function readSegments(
  reader: SegmentReader,
  checksum: Checksum,
): { inspection: SegmentInspection; identity: LogIdentity | undefined }[] {
  const scan = new SegmentScan(reader, checksum);
  return reader.list().map((base) => {
    const found = scan.headerOf(base);
    const header = found?.base === base ? found : undefined;
    const inspection = {
      file: reader.nameOf(base),
      base,
      bytes: reader.sizeOf(base),
      hasHeader: header !== undefined,
      generation: header?.generation ?? 0,
      incarnation: header?.incarnation ?? 0,
      cut: header?.cut ?? 0,
      isForgotten: header?.isForgotten ?? false,
    };
    if (header === undefined) return { inspection, identity: undefined };
    const { clusterId, nodeId, logNumber } = header;
    return { inspection, identity: { clusterId, nodeId, logNumber } };
  });
}

/** What the records say of each group, as recovery adds it up. */
class GroupLedger {
  readonly #groups = new Map<GroupId, GroupInspection & { ballot: number }>();
  #hasForgotten = false;

  add(record: RecoveredRecord): void {
    const group = this.#of(record.group);
    group.records += 1;
    group.commitWatermark = Math.max(group.commitWatermark, record.commitWatermark);
    if (record.kind !== KIND_LEARNED && record.ballot > 0) {
      group.ballot = Math.max(group.ballot, record.ballot);
      if (record.kind !== KIND_MARK) group.isRejoining = false;
    }
    if (record.kind === KIND_MARK) group.truncationPoint = Math.max(group.truncationPoint, record.slot);
    if (record.kind !== KIND_VOTE && record.kind !== KIND_LEARNED) return;
    group.firstSlot = group.firstSlot < 0 ? record.slot : Math.min(group.firstSlot, record.slot);
    group.lastSlot = Math.max(group.lastSlot, record.slot);
  }

  /** Groups without any record forget too; they show as soon as one speaks of them. */
  forget(): void {
    this.#hasForgotten = true;
    for (const group of this.#groups.values()) group.isRejoining = true;
  }

  all(): GroupInspection[] {
    return [...this.#groups.values()]
      .sort((a, b) => a.group - b.group)
      .map(({ ballot, ...group }) => ({ ...group, promisedBallot: ballotText(ballot) }));
  }

  #of(group: GroupId): GroupInspection & { ballot: number } {
    assert(group >= 0, 'groups count from 0');
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    const fresh = {
      group,
      records: 0,
      ballot: 0,
      promisedBallot: '',
      commitWatermark: 0,
      truncationPoint: 0,
      firstSlot: -1,
      lastSlot: -1,
      isRejoining: this.#hasForgotten,
    };
    this.#groups.set(group, fresh);
    return fresh;
  }
}

function dumped(record: RecoveredRecord, kind: string, reader: SegmentReader): DumpedRecord {
  const { position, group, epoch, ballot, slot, sequence, commitWatermark, valueLength } = record;
  const offset = position % LOG_SEGMENT_BYTES;
  assert(offset >= 0, 'a record stands in its segment');
  const valueBytes = record.kind === KIND_VOTE || record.kind === KIND_LEARNED ? valueLength : 0;
  const file = reader.nameOf(position - offset);
  return {
    position,
    file,
    offset,
    kind,
    group,
    epoch,
    ballot: ballotText(ballot),
    slot,
    sequence,
    commitWatermark,
    valueBytes,
  };
}

const ballotText = (ballot: number): string => `${ballotRound(ballot)}.${ballotNode(ballot)}`;

function numbered(names: readonly string[], prefix: string): string[] {
  const numberOf = (name: string): number => Number(name.slice(prefix.length));
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .sort((a, b) => numberOf(a) - numberOf(b));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    throw new SynodError('ERR_SYNOD_DIRECTORY', `${directory} cannot be read: check path and rights.`, { cause });
  }
}
