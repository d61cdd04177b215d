/** The settings that group workers obey, out of the user's. */
import type { SnapshotData, Tuning } from '../../workers/worker-data.ts';
import type { CommonConfig } from '../config.ts';

/** `directory`: where the replica's snapshots are; empty where its log is volatile. */
export function snapshotsOf(config: CommonConfig, directory: string, turn: SnapshotData['turn']): SnapshotData {
  return {
    directory,
    everyBytes: config.snapshotLogBytes,
    everyMs: config.snapshotIntervalMs,
    kept: config.snapshotsKept,
    sendBytesPerSecond: config.snapshotSendBytesPerSecond,
    turn,
  };
}

export function tuningOf(config: CommonConfig): Tuning {
  return {
    tickMs: config.tickMs,
    heartbeatTicks: config.heartbeatTicks,
    electionTimeoutTicks: config.electionTimeoutTicks,
    electionJitterTicks: config.electionJitterTicks,
    leaseMs: config.leaseMs,
    clockDriftPpm: config.clockDriftPpm,
    batchBytesTarget: config.batchBytes,
    windowSlotsMax: config.windowSlots,
    payloadBytesMax: config.payloadBytesMax,
  };
}
