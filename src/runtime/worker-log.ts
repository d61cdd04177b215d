/**
 * Opens a worker's log: volatile in the coordinator's memory, or durable on the device that the path allows; recovers it
 * into the drivers of the worker's groups.
 */
import { SynodError } from '../base/errors.ts';
import type { GroupId } from '../base/types.ts';
import { EntryStore } from '../log/entry-store.ts';
import type { Log, LogDevice, RecoveredRecord } from '../log/log.ts';
import { openLog } from '../log/open-log.ts';
import { KIND_FLOOR } from '../log/record.ts';
import type { LogDamage } from '../log/recovery.ts';
import { FileSegmentReader } from '../log/segment.ts';
import { recoverVolatileLog, VolatileLog } from '../log/volatile-log.ts';
import type { Checksum } from '../wire/crc32c.ts';

export interface WorkerLogOptions {
  device: LogDevice;
  directory: string;
  chunks: readonly SharedArrayBuffer[];
  volatileControl: SharedArrayBuffer;
  checksum: Checksum;
  clusterId: number;
  nodeId: number;
  logNumber: number;
  /** Groups that the log may hold records of. */
  groupIds: ReadonlySet<GroupId>;
  /** Enough other members to get back from what is damaged here (S12). */
  mayRejoin: boolean;
  /** The directory is known to be lost or rolled back. */
  isForgotten: boolean;
}

export interface WorkerLog {
  log: Log;
  recoveredRecords: number;
  recoveredBytes: number;
  damage: LogDamage | undefined;
}

/** Hears of what recovery finds, in log order. */
export interface LogListener {
  onRecord(record: RecoveredRecord): void;
  /** What durable records said before here may be incomplete, for every group. */
  onForgotten(): void;
  /** Bytes of the log scanned so far, of so many at most. */
  onProgress?(bytes: number, total: number): void;
}

export function openWorkerLog(options: WorkerLogOptions, listener: LogListener): WorkerLog {
  const visitor = (record: RecoveredRecord): void => {
    if (record.kind === KIND_FLOOR) return;
    if (!options.groupIds.has(record.group)) throw foreignGroup(options, record.group);
    listener.onRecord(record);
  };
  return options.device.name === 'memory'
    ? openVolatile(options, visitor, listener)
    : openDurable(options, visitor, listener);
}

/** A process that begins anew has forgotten what an earlier one promised (S4); what this one wrote stands behind that. */
function openVolatile(
  options: WorkerLogOptions,
  visitor: (record: RecoveredRecord) => void,
  listener: LogListener,
): WorkerLog {
  if (options.isForgotten) listener.onForgotten();
  const store = new EntryStore(options.chunks, false);
  const { records, endPosition } = recoverVolatileLog(store, options.volatileControl, visitor);
  for (const bytes of store.bytes) options.checksum.attach(bytes);
  const log = new VolatileLog(options.device, store, options.volatileControl);
  return { log, recoveredRecords: records, recoveredBytes: endPosition, damage: undefined };
}

function openDurable(
  options: WorkerLogOptions,
  visitor: (record: RecoveredRecord) => void,
  listener: LogListener,
): WorkerLog {
  const { log, recovery } = openLog({
    device: options.device,
    reader: new FileSegmentReader(options.directory),
    chunks: options.chunks,
    checksum: options.checksum,
    identity: { clusterId: options.clusterId, nodeId: options.nodeId, logNumber: options.logNumber },
    visitor,
    onForgotten: () => listener.onForgotten(),
    onProgress: (bytes, total) => listener.onProgress?.(bytes, total),
    mayRejoin: options.mayRejoin,
    isForgotten: options.isForgotten,
  });
  const { records, bytes, damage } = recovery;
  return { log, recoveredRecords: records, recoveredBytes: bytes, damage };
}

function foreignGroup(options: WorkerLogOptions, group: GroupId): SynodError {
  return new SynodError(
    'ERR_SYNOD_DIRECTORY_MISMATCH',
    `The log in ${options.directory} holds group ${group}, which this worker does not host: open it with the shard count it was made with.`,
  );
}
