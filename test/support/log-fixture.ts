/** A durable log on a test medium: opens it, appends records with recognizable values, reads back what survived. */
import { ENTRY_CHUNKS, LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import {
  HEADER_BALLOT,
  HEADER_COMMIT,
  HEADER_EPOCH,
  HEADER_FIELDS,
  HEADER_GROUP,
  HEADER_KIND,
  HEADER_SEQUENCE,
  HEADER_SLOT,
  HEADER_VALUE_CRC,
  HEADER_VALUE_LENGTH,
  type Log,
  type RecoveredRecord,
} from '../../src/log/log.ts';
import type { LogWriter } from '../../src/log/log-writer.ts';
import { openLog } from '../../src/log/open-log.ts';
import { ENTRY_HEADER_BYTES, KIND_PROMISE, KIND_VOTE } from '../../src/log/record.ts';
import type { LogIdentity } from '../../src/log/record-header.ts';
import { kindHasValue } from '../../src/log/record-header.ts';
import { type RecoveryReport, recoverLog } from '../../src/log/recovery.ts';
import type { RecordVisitor } from '../../src/log/segment-scan.ts';
import { crc32c, softwareChecksum } from '../../src/wire/crc32c.ts';
import { TestDevice, type TestMedium } from './test-device.ts';

export const IDENTITY: LogIdentity = { clusterId: 2 ** 50 + 7, nodeId: 3, logNumber: 1 };

export interface Kept extends RecoveredRecord {
  value: string;
}

export interface Fixture {
  medium: TestMedium;
  device: TestDevice;
  log: LogWriter;
  report: RecoveryReport;
  records: Kept[];
  /** Records shown before each loss that recovery told of. */
  losses: number[];
}

/** Touched pages only cost; suites share one tail, filled with stale bytes as after many rounds. */
const sharedChunks = Array.from({ length: ENTRY_CHUNKS }, () => new SharedArrayBuffer(LOG_SEGMENT_BYTES));
for (const chunk of sharedChunks) new Uint8Array(chunk).fill(0xa5);

export function chunks(): SharedArrayBuffer[] {
  return sharedChunks;
}

function keeper(records: Kept[]): RecordVisitor {
  return (record, bytes, _words, offset) => {
    const start = offset + ENTRY_HEADER_BYTES;
    const length = kindHasValue(record.kind) ? record.valueLength : 0;
    records.push({ ...record, value: Buffer.from(bytes.slice(start, start + length)).toString('latin1') });
  };
}

/** `mayRejoin`: others could give back what is damaged. */
export function open(medium: TestMedium, mayRejoin = false, isForgotten = false): Fixture {
  const device = new TestDevice(medium, sharedChunks);
  const records: Kept[] = [];
  const losses: number[] = [];
  const visitor = keeper(records);
  const { log, recovery } = openLog({
    device,
    reader: medium,
    chunks: sharedChunks,
    checksum: softwareChecksum,
    identity: IDENTITY,
    visitor,
    onForgotten: () => losses.push(records.length),
    mayRejoin,
    isForgotten,
  });
  return { losses, medium, device, log, report: recovery, records };
}

/** Recovery alone: nothing is opened. */
export function recover(medium: TestMedium): { report: RecoveryReport; records: Kept[] } {
  const records: Kept[] = [];
  return { report: recoverLog(medium, IDENTITY, softwareChecksum, keeper(records)), records };
}

const header = new Float64Array(HEADER_FIELDS);

/** Appends a vote for `value` at `slot`; returns its position, or -1 while the tail is full. */
export function appendVote(log: Log, slot: number, value: string | Uint8Array): number {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const at = log.stage(bytes.length);
  if (at < 0) return -1;
  log.stagedBytes.set(bytes, at);
  fill(KIND_VOTE, slot);
  header[HEADER_VALUE_LENGTH] = bytes.length;
  header[HEADER_VALUE_CRC] = crc32c(log.stagedBytes, at, bytes.length, 0);
  return log.append(header);
}

/** Appends a record without value. */
export function appendPromise(log: Log, slot: number): number {
  fill(KIND_PROMISE, slot);
  header[HEADER_VALUE_LENGTH] = 0;
  header[HEADER_VALUE_CRC] = 0;
  return log.append(header);
}

function fill(kind: number, slot: number): void {
  header[HEADER_KIND] = kind;
  header[HEADER_GROUP] = 5;
  header[HEADER_EPOCH] = 2;
  header[HEADER_BALLOT] = 2 ** 40 + 1;
  header[HEADER_SLOT] = slot;
  header[HEADER_SEQUENCE] = slot + 2 ** 33;
  header[HEADER_COMMIT] = slot;
}

/** One submission with one vote, durable when it returns. */
export function appendDurably({ log, device }: Fixture, slot: number, value: string | Uint8Array): number {
  const position = appendVote(log, slot, value);
  log.submit(true);
  device.completeAll();
  log.poll();
  return position;
}

export function slotsOf(records: Kept[]): number[] {
  return records.map(({ slot }) => slot);
}
