/**
 * Room for a run, checked before it begins: logs are not truncated yet, so every command stays on the disk of every
 * replica (or in memory, for volatile logs). The number of commands is bounded by the same estimate, so that a run cannot
 * take more than was checked.
 */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { freemem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { LOG_SEGMENT_BYTES } from '../limits.ts';

/** Faster than any machine that this was tried on; a faster one ends its load early. */
const COMMANDS_PER_SECOND_MAX = 1_000_000;
/** So much all logs together write in a second at most, however large the commands are. */
const BYTES_PER_SECOND_MAX = 1_500_000_000;
/** Record header, alignment, and a share of batch headers and padding to device blocks. */
const OVERHEAD_BYTES = 48;
/** Segments made ahead, per log. */
const SEGMENTS_AHEAD = 4;
/** Share of the free memory that volatile logs may fill. */
const MEMORY_SHARE = 0.6;

export interface SpaceDemand {
  seconds: number;
  payload: number;
  replicas: number;
  logsPerReplica: number;
}

/** Bytes that the logs of all replicas grow to at most. */
export function bytesNeeded({ seconds, payload, replicas, logsPerReplica }: SpaceDemand): number {
  const perSecond = Math.min(replicas * COMMANDS_PER_SECOND_MAX * (payload + OVERHEAD_BYTES), BYTES_PER_SECOND_MAX);
  return seconds * perSecond + replicas * logsPerReplica * SEGMENTS_AHEAD * LOG_SEGMENT_BYTES;
}

/** Bytes of a log that takes `commands`. */
export function logBytes(commands: number, payload: number): number {
  return commands * (payload + OVERHEAD_BYTES) + SEGMENTS_AHEAD * LOG_SEGMENT_BYTES;
}

/** Commands that fit `bytes` in all replicas' logs; none when the segments made ahead do not fit. */
export function commandsThatFit(bytes: number, { payload, replicas, logsPerReplica }: SpaceDemand): number {
  const perReplica = bytes / replicas - logsPerReplica * SEGMENTS_AHEAD * LOG_SEGMENT_BYTES;
  return Math.max(0, Math.floor(perReplica / (payload + OVERHEAD_BYTES)));
}

/** Bytes that this process may still write below `directory`, which need not exist. */
export async function freeDiskBytes(directory: string): Promise<number> {
  let path = resolve(directory);
  while (!existsSync(path) && dirname(path) !== path) path = dirname(path);
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** Bytes that volatile logs may take together. */
export function freeMemoryBytes(): number {
  return freemem() * MEMORY_SHARE;
}

/** What is missing, as a sentence; undefined when there is enough. */
export function missingSpace(needed: number, free: number, place: string): string | undefined {
  if (free >= needed) return undefined;
  return `not enough space: the logs may grow to ${gigabytes(needed)}, ${place} has ${gigabytes(free)} free`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
