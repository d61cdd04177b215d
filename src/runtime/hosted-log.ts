/**
 * Opens one of a worker's logs and recovers it into the drivers of its groups.
 *
 *   device ─▶ drivers ─▶ recovery ─▶ groups ─▶ ReplicaHost
 */
import type { HostedLog, WorkerData, WorkerMessage } from '../../workers/worker-data.ts';
import type { GroupId } from '../base/types.ts';
import { damageText } from '../log/damage-text.ts';
import { type OpenedDevice, openDevice } from '../log/open-device.ts';
import type { NativeBinding } from '../native-binding.ts';
import type { Transport } from '../transport/transport.ts';
import { NativeChecksum, softwareChecksum } from '../wire/crc32c.ts';
import type { GroupBuilder } from './build-worker.ts';
import type { GroupDriver } from './group-driver.ts';
import { recoverLoss, recoverRecord } from './group-recovery.ts';
import { ReplicaHost } from './replica-host.ts';
import { openWorkerLog, type WorkerLog } from './worker-log.ts';

/** A leader must be elected without the member that forgot. */
const REJOIN_MEMBERS_MIN = 3;

export interface OpenedLog {
  host: ReplicaHost;
  opened: OpenedDevice;
  log: WorkerLog;
  close(): void;
}

/** `index` is its place among the worker's logs. */
export function openHostedLog(
  data: WorkerData,
  hosted: HostedLog,
  index: number,
  binding: NativeBinding | undefined,
  builder: GroupBuilder,
  transport: Transport,
  post: (message: WorkerMessage) => void,
): OpenedLog {
  const { durability, directory, chunks, clusterId } = hosted.log;
  const opened = openDevice({ durability, directory, chunks, block: data.block, index, binding });
  if (binding !== undefined) useHugePages(binding, chunks);
  const drivers = new Map<GroupId, GroupDriver>();
  for (const group of hosted.groups) drivers.set(group.groupId, builder.makeDriver(group));
  const log = recover(data, hosted, opened, binding, builder, drivers);
  if (log.damage !== undefined) {
    const message = `${damageText(log.damage)}. Replica ${data.memberIndex} keeps what lies before it, votes no more, and gets the rest from the others.`;
    post({ kind: 'warning', message });
  }
  const groups = hosted.groups.map((group) =>
    builder.makeHost(group, drivers.get(group.groupId) as GroupDriver, log.log, clusterId),
  );
  const reporter = builder.makeLogReporter(hosted);
  const host = new ReplicaHost(log.log, transport, groups, (group, error) => builder.stopped(group, error), reporter);
  return { host, opened, log, close: () => opened.device.close() };
}

function recover(
  data: WorkerData,
  { log, groups }: HostedLog,
  { device }: OpenedDevice,
  binding: NativeBinding | undefined,
  builder: GroupBuilder,
  drivers: ReadonlyMap<GroupId, GroupDriver>,
): WorkerLog {
  return openWorkerLog(
    {
      device,
      directory: log.directory,
      chunks: log.chunks,
      volatileControl: log.volatileControl,
      checksum: binding === undefined ? softwareChecksum : new NativeChecksum(binding),
      clusterId: log.clusterId,
      nodeId: log.nodeId,
      logNumber: log.logNumber,
      groupIds: new Set(groups.map(({ groupId }) => groupId)),
      mayRejoin: data.memberNodeIds.length >= REJOIN_MEMBERS_MIN,
      isForgotten: log.isForgotten,
    },
    {
      onRecord: (record) => recoverRecord(drivers.get(record.group) as GroupDriver, record),
      onForgotten: () => {
        for (const driver of drivers.values()) recoverLoss(driver);
      },
      onProgress: (bytes, total) => builder.progress.tell('log', bytes, total),
    },
  );
}

/** The in-memory tail is written from end to end: one fault per 2 MiB instead of one per 4 KiB (DESIGN.md). */
function useHugePages(binding: NativeBinding, chunks: readonly SharedArrayBuffer[]): void {
  for (const chunk of chunks) {
    const id = binding.attach(new Uint8Array(chunk));
    binding.adviseHuge(id);
    binding.detach(id);
  }
}

/** What the worker tells of its logs once all are open: one account for all of them, as cautious as the most cautious. */
export function readyMessage(logs: readonly OpenedLog[], native: boolean): WorkerMessage {
  const sum = (figure: (log: WorkerLog) => number): number => logs.reduce((total, { log }) => total + figure(log), 0);
  return {
    kind: 'ready',
    device: logs[0]?.opened.device.name ?? 'none',
    deviceReason: logs[0]?.opened.reason ?? '',
    durable: logs.every(({ opened }) => opened.durable),
    native,
    recoveredRecords: sum((log) => log.recoveredRecords),
    recoveredBytes: sum((log) => log.recoveredBytes),
  };
}
