/** The settings that group workers obey, out of the user's. */
import type { Tuning } from '../../workers/worker-data.ts';
import type { CommonConfig } from '../config.ts';

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
