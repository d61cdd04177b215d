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
}

export interface WorkerLog {
  log: Log;
  recoveredRecords: number;
  recoveredBytes: number;
}

export function openWorkerLog(options: WorkerLogOptions, onRecord: (record: RecoveredRecord) => void): WorkerLog {
  const visitor = (record: RecoveredRecord): void => {
    if (record.kind === KIND_FLOOR) return;
    if (!options.groupIds.has(record.group)) throw foreignGroup(options, record.group);
    onRecord(record);
  };
  return options.device.name === 'memory' ? openVolatile(options, visitor) : openDurable(options, visitor);
}

function openVolatile(options: WorkerLogOptions, visitor: (record: RecoveredRecord) => void): WorkerLog {
  const store = new EntryStore(options.chunks, false);
  const { records, endPosition } = recoverVolatileLog(store, options.volatileControl, visitor);
  for (const bytes of store.bytes) options.checksum.attach(bytes);
  const log = new VolatileLog(options.device, store, options.volatileControl);
  return { log, recoveredRecords: records, recoveredBytes: endPosition };
}

function openDurable(options: WorkerLogOptions, visitor: (record: RecoveredRecord) => void): WorkerLog {
  const { log, recovery } = openLog({
    device: options.device,
    reader: new FileSegmentReader(options.directory),
    chunks: options.chunks,
    checksum: options.checksum,
    identity: { clusterId: options.clusterId, nodeId: options.nodeId, logNumber: options.logNumber },
    visitor,
  });
  return { log, recoveredRecords: recovery.records, recoveredBytes: recovery.bytes };
}

function foreignGroup(options: WorkerLogOptions, group: GroupId): SynodError {
  return new SynodError(
    'ERR_SYNOD_DIRECTORY_MISMATCH',
    `The log in ${options.directory} holds group ${group}, which this worker does not host: open it with the shard count it was made with.`,
  );
}
